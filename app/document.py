"""Prints the OpenAPI document, the same bytes for the same code: `python -m app.document`.

It opens nothing.
"""

import json
import sys

from app.config.settings import Settings
from app.main import create_app


def document() -> str:
    """The OpenAPI document as it is committed under `openapi/`.

    Sorted, indented by two, one newline at its end.
    """
    described = create_app(Settings()).openapi()
    return json.dumps(described, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
