"""For MkDocs: what pages name outside of docs/ is not on the site, so its link becomes its path.

In the repository the same link leads there. One that leads nowhere ends the build.
"""

import os
import re
from pathlib import Path

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(((?:\.\./)+[^)\s#]*)(?:#[^)\s]*)?\)")


def on_page_markdown(markdown, page, config, files):  # noqa: ARG001, ANN001, ANN201 - as MkDocs calls it
    """Replace the links of one page."""
    docs = Path(config["docs_dir"])
    folder = (docs / page.file.src_uri).parent

    def path_of(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[2]))
        if target.is_relative_to(docs):
            return link[0]
        if not target.exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {link[2]}, which is not there")
        path = target.relative_to(docs.parent)
        text = link[1].strip("`")
        return f"`{path}`" if text == str(path) else f"{link[1]} (`{path}`)"

    return _LINK.sub(path_of, markdown)
