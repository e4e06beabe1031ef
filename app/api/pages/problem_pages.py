"""The pages that a problem's `type` leads to.

They say what it is, why, and what to do; as JSON for whoever asks for that.
"""

from html import escape
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from app.api.layers.mount import address
from app.api.pages.pages import OURS_ONLY
from app.errors import NotFound
from app.problem_types import MEMBERS, PROBLEM_TYPES, ProblemType

router = APIRouter(include_in_schema=False)

_HEADERS: Final = {"Cache-Control": "public, max-age=3600", "Vary": "Accept"}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width" />
<title>{title} · Bulk Cancel</title>
<link rel="icon" href="{files}/icon.svg" type="image/svg+xml" />
<link rel="stylesheet" href="{files}/style.css" />
</head>
<body>
<main>
<h1>{title}</h1>
<p><code>{type}</code>, answered with HTTP status {status}.</p>
<h2>Why</h2>
<p>{why}</p>
<h2>What to do</h2>
<p>{todo}</p>
{members}</main>
</body>
</html>
"""


@router.get("/problems/{slug}")
async def explain_problem(slug: str, request: Request) -> Response:
    """404 for a type that there is not."""
    if slug not in PROBLEM_TYPES:
        raise NotFound("type of problem")
    found = PROBLEM_TYPES[slug]
    if _prefers_json(request.headers.get("accept", "")):
        return JSONResponse(_described(found), headers=_HEADERS)
    return HTMLResponse(_page(found), headers=_HEADERS | {"Content-Security-Policy": OURS_ONLY})


def _prefers_json(accept: str) -> bool:
    return "json" in accept and "text/html" not in accept


def _described(found: ProblemType) -> dict[str, object]:
    kind = address(f"/problems/{found.slug}")
    return {
        "type": kind,
        "title": found.title,
        "status": found.status,
        "why": found.why,
        "todo": found.todo,
        "members": {name: MEMBERS[name] for name in found.members if name in MEMBERS},
        "example": {**found.example(), "type": kind},
    }


def _page(found: ProblemType) -> str:
    own = [(name, str(MEMBERS[name]["description"])) for name in found.members if name in MEMBERS]
    terms = "".join(
        f"<dt><code>{escape(name)}</code></dt><dd>{escape(words)}</dd>\n" for name, words in own
    )
    return _PAGE.format(
        title=escape(found.title),
        files=address("/console"),
        type=escape(address(f"/problems/{found.slug}")),
        status=found.status,
        why=escape(found.why),
        todo=escape(found.todo),
        members=f"<h2>What it says beside</h2>\n<dl>\n{terms}</dl>\n" if own else "",
    )
