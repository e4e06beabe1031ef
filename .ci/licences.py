"""Fails where a package of the image has a licence that nobody looked at: `licences.py SBOM`.

It reads a CycloneDX list, whose licences are those that the packages say of themselves.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

# Whoever runs the service need do no more for these than to keep their notices with it.
TAKEN: Final = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
    # Of its files alone, which we use as they are.
    | {"MPL-2.0"}
)
# What packages say in words instead, or only in a file of theirs, read by a person.
READ: Final = {
    "Jinja2": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "pyreqwest": "Apache-2.0",
}
_OPERATORS: Final = {"AND", "OR", "WITH"}


def not_taken(sbom: dict[str, Any]) -> Iterator[str]:
    """A sentence for each package whose licence is none of those taken."""
    for component in sbom["components"]:
        said = [READ[component["name"]]] if component["name"] in READ else [*_said(component)]
        if not said or not all(_is_taken(one) for one in said):
            yield f"{component['name']} {component.get('version', '')}: {said or 'says none'}"


def _said(component: dict[str, Any]) -> Iterator[str]:
    for one in component.get("licenses", ()):
        named = one.get("expression") or one["license"].get("id")
        if named:  # a trove classifier beside it says less of the same
            yield named


def _is_taken(expression: str) -> bool:
    """Whether every licence that an SPDX expression names is taken, whichever may be chosen."""
    return {*re.findall(r"[A-Za-z0-9.+-]+", expression)} - _OPERATORS <= TAKEN


if __name__ == "__main__":
    if found := [*not_taken(json.loads(Path(sys.argv[1]).read_text()))]:
        sys.exit("Licences that nobody has looked at (.ci/licences.py):\n  " + "\n  ".join(found))
