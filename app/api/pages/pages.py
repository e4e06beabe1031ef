"""The pages for people: the console, the client's view and the API's documentation.

All come from files of this installation. They are static and use the public API alone. A strict
policy lets them run nothing but their own files and talk to nobody but this service.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import orjson
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
    "/terms": "index.html",
    "/jobs": "index.html",
    "/jobs/{job_id}": "index.html",
    "/c/{business_id}": "client.html",
    "/choose/{token}": "choose.html",
    "/docs": "docs.html",
}
OURS_ONLY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# Swagger UI is not ours: it writes styles and draws its icons from data.
_SWAGGERS: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",  # asked for each time, and answered 304
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def install(app: FastAPI, *, demo_key: str | None = None, test_mode: bool = False) -> None:
    """Serves the pages, their files and the OpenAPI document; none is part of that.

    With `demo_key` the console signs in by itself: for a demo on loopback alone, because anybody
    who loads the page reads the key. With `test_mode` every page knows, without a key, that no
    money moves.
    """
    metas = {
        "bulk-cancel-demo-key": demo_key,
        "bulk-cancel-test-mode": "true" if test_mode else None,
    }
    head = "".join(
        f'<meta name="{name}" content="{content}" />' for name, content in metas.items() if content
    )
    for path, name in _PAGES.items():
        html = (_CONSOLE / name).read_bytes().replace(b"</head>", f"{head}</head>".encode())
        policy = _SWAGGERS if path == "/docs" else OURS_ONLY
        app.add_api_route(path, _page(html, policy), methods=["GET"], include_in_schema=False)
    app.add_api_route("/openapi.json", _document(app), methods=["GET"], include_in_schema=False)
    app.mount("/console", _Files(directory=_CONSOLE), name="console")
    app.mount("/docs/assets", _Files(directory=_SWAGGER), name="docs_assets")


def _page(html: bytes, policy: str) -> Callable[[Request], Awaitable[Response]]:
    return _kept(html, "text/html; charset=utf-8", {**_HEADERS, "Content-Security-Policy": policy})


def _document(app: FastAPI) -> Callable[[Request], Awaitable[Response]]:
    """The OpenAPI document, made once, when it is first asked for.

    It is half a second of work, in a thread.
    """
    making = asyncio.Lock()
    made: Callable[[Request], Awaitable[Response]] | None = None

    async def document(request: Request) -> Response:
        nonlocal made
        async with making:
            if made is None:
                text = await asyncio.to_thread(lambda: orjson.dumps(app.openapi()))
                made = _kept(text, "application/json", {"Cache-Control": "no-cache"})
        return await made(request)

    return document


def _kept(
    body: bytes, media_type: str, others: Mapping[str, str]
) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**others, "ETag": tag}

    async def kept(request: Request) -> Response:
        if matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return kept


class _Files(StaticFiles):
    """Files with our headers.

    Pages are shown at their own addresses only, where they have a policy.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path.endswith(".html"):
            raise HTTPException(404)  # it would come without its policy
        response = await super().get_response(path, scope)
        response.headers.update(_HEADERS)
        return response
