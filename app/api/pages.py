"""The pages for people: the console, the client's view and the API's documentation, from files of this installation.

They are static and use the public API alone. A strict policy lets them run nothing but their own files and talk to
nobody but this service.
"""

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.api.negotiation import matches

_CONSOLE: Final = Path(str(files("app") / "console"))
_SWAGGER: Final = Path(str(files("fastapi_offline") / "static"))
_PAGES: Final = {
    "/": "index.html",
    "/bulk-cancel": "index.html",
    "/jobs": "index.html",
    "/jobs/{job_id}": "index.html",
    "/c/{business_id}": "client.html",
    "/docs": "docs.html",
}
_OURS_ONLY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# Swagger UI is not ours: it writes styles and draws its icons from data.
_SWAGGERS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",  # asked for each time, and answered 304
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def install(app: FastAPI, *, demo_key: str | None = None) -> None:
    """Serves the pages and their files; none is part of the OpenAPI document.

    With `demo_key` the console signs in by itself: for a demo on loopback alone, because anybody who loads the page
    reads the key.
    """
    for path, name in _PAGES.items():
        html = (_CONSOLE / name).read_bytes()
        if demo_key is not None:
            html = html.replace(
                b"</head>", f'<meta name="bulk-cancel-demo-key" content="{demo_key}" /></head>'.encode()
            )
        policy = _SWAGGERS if path == "/docs" else _OURS_ONLY
        app.add_api_route(path, _page(html, policy), methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/console", _Files(directory=_CONSOLE), name="console")
    app.mount("/docs/assets", _Files(directory=_SWAGGER), name="docs_assets")


def _page(html: bytes, policy: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(html).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": tag, "Content-Security-Policy": policy}

    async def page(request: Request) -> Response:
        if matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(html, headers=headers, media_type="text/html; charset=utf-8")

    return page


class _Files(StaticFiles):
    """Files with our headers; pages are shown at their own addresses only, where they have a policy."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path.endswith(".html"):
            raise HTTPException(404)  # it would come without its policy
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response
