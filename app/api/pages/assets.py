"""The console's files: under which addresses a browser keeps them, and which ones a page needs.

Their addresses hold a digest of all of them, so that a browser asks for none twice, and for all
anew after an upgrade. A page names every module that it begins with: else each waits for the one
that imports it, on a slow line for seconds.
"""

import hashlib
import posixpath
import re
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

CONSOLE: Final = Path(str(files("app") / "console"))
_OURS: Final = "/console/"
_SWAGGERS: Final = "/docs/assets/"
_IMPORTED: Final = re.compile(r'^import [^"]*?"(\.[^"]+)";$', re.MULTILINE)
_ENTRY: Final = re.compile(r'<script type="module" src="/console/([^"]+)">')
_VERSION: Final = re.compile(r"([0-9a-f]{16})/(.+)")


@cache
def version() -> str:
    """A digest of all files: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(path for path in CONSOLE.rglob("*") if path.is_file()):
        name = path.relative_to(CONSOLE).as_posix()
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def split(path: str) -> tuple[str | None, str]:
    """The version that an asked path names, None where it names none; and the file."""
    found = _VERSION.fullmatch(path)
    return (None, path) if found is None else (found[1], found[2])


def document(name: str, view: str | None = None, *, prefix: str = "") -> bytes:
    """A page with its files' own addresses, which names all modules that it begins with.

    Args:
        name: its file.
        view: the module that its address shows beside its own; None: none.
        prefix: what all addresses of this service begin with.
    """
    html = (CONSOLE / name).read_text(encoding="utf-8")
    entry = _ENTRY.search(html)
    assert entry is not None, name
    begun = needed(entry[1]) + ([] if view is None else needed(view))
    links = [
        f'<link rel="modulepreload" href="{escape(_OURS + module)}" />'
        for module in dict.fromkeys(begun)
        if module != entry[1]
    ]
    html = html.replace("</head>", f"{''.join(links)}</head>", 1)
    html = html.replace(f'"{_OURS}', f'"{prefix}{_OURS}{version()}/')
    return html.replace(f'"{_SWAGGERS}', f'"{prefix}{_SWAGGERS}').encode()


@cache
def needed(module: str) -> list[str]:
    """A module and all that it imports at once, by name; not what it imports later."""
    found: list[str] = []

    def follow(name: str) -> None:
        if name in found:
            return
        found.append(name)
        for imported in _IMPORTED.findall((CONSOLE / name).read_text(encoding="utf-8")):
            follow(posixpath.normpath(posixpath.join(posixpath.dirname(name), imported)))

    follow(module)
    return found
