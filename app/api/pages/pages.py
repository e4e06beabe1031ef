"""The pages for people: the console, the client's view and the API's documentation.

All come from files of this installation. They are static and use the public API alone. A strict
policy lets them run nothing but their own files and talk to nobody but this service.
"""

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app.api.layers.addresses import is_this_machine
from app.api.negotiation import matches, takes_gzip
from app.api.pages import assets
from app.auth.people import People, SignIn
from app.schedule.pages import page_settings

_SWAGGER: Final = Path(str(files("fastapi_offline") / "static"))
Page = Callable[[Request], Awaitable[Response]]
_STAFFS_PAGE: Final = "index.html"
VIEWS: Final = {  # of the staff's page, as console.js has them
    "/": "schedule.js",
    "/bulk-cancel": "bulk_cancel.js",
    "/terms": "terms.js",
    "/jobs": "jobs.js",
    "/clients": "client_bookings.js",
    "/jobs/{job_id}": "job.js",
    "/settings": "settings.js",
    "/settings/business": "business_settings.js",
    "/settings/limits": "limit_settings.js",
    "/settings/privacy": "privacy_settings.js",
    "/settings/messages": "message_settings.js",
    "/settings/page": "page_settings.js",
    "/settings/keys": "keys.js",
    "/settings/webhooks": "webhooks.js",
}
_PAGES: Final = dict.fromkeys(VIEWS, _STAFFS_PAGE) | {
    "/c/{business_id}": "client.html",
    "/choose/{token}": "choose.html",
    "/yours/{token}": "yours.html",
    "/unsubscribe/{token}": "unsubscribe.html",
    "/docs": "docs.html",
}
_TEXT: Final = ("text/", "image/svg+xml", "application/json")
_STAFFS: Final = (_STAFFS_PAGE, "docs.html")  # a client's page has no key, a demo's neither
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
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_HEADERS: Final = {
    "Cache-Control": "no-cache",  # asked for each time, and answered 304
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def install(
    app: FastAPI,
    *,
    people: People | None = None,
    demo_key: str | None = None,
    test_mode: bool = False,
    prefix: str = "",
) -> None:
    """Serves the pages, their files and the OpenAPI document; none is part of that.

    `people` says where the console signs people in, and its pages may then talk with that provider
    too. With `demo_key` the console signs in by itself, on this machine alone: who loads the page
    reads the key. With `test_mode` every page knows, without a key, that no money moves. With a
    `prefix` every page's addresses begin with it.
    """
    metas = _meta("bulk-cancel-test-mode", "true" if test_mode else None)
    metas += _meta("bulk-cancel-root", prefix or None)
    demo_meta = _meta("bulk-cancel-demo-key", demo_key)
    for path, name in _PAGES.items():
        html = _with_head(assets.document(name, VIEWS.get(path), prefix=prefix), metas)
        policy = _SWAGGERS if path == "/docs" else OURS_ONLY
        page = _page(html, policy)
        if people is not None and name == _STAFFS_PAGE:
            page = _signing_in(html, people)
        if demo_key is not None and name in _STAFFS:
            page = _by_caller(_page(_with_head(html, demo_meta), policy), page)
        app.add_api_route(path, page, methods=["GET"], include_in_schema=False)
    embedded = _with_head(assets.document("embed.html", prefix=prefix), metas)
    app.add_api_route("/embed/{business_id}", _embedded(embedded), include_in_schema=False)
    app.add_api_route("/openapi.json", _document(app), methods=["GET"], include_in_schema=False)
    app.mount("/console", _Files(directory=assets.CONSOLE), name="console")
    app.mount("/docs/assets", _Files(directory=_SWAGGER), name="docs_assets")


def _meta(name: str, content: str | None) -> str:
    return f'<meta name="{name}" content="{escape(content)}" />' if content else ""


def _with_head(html: bytes, metas: str) -> bytes:
    return html.replace(b"</head>", f"{metas}</head>".encode())


def _by_caller(
    here: Page,
    elsewhere: Page,
) -> Page:
    """One page for this machine, and another for all others."""

    async def page(request: Request) -> Response:
        return await (here if is_this_machine(request) else elsewhere)(request)

    return page


def _signing_in(html: bytes, people: People) -> Page:
    """A page that says where people sign in, by what the provider says now."""

    @lru_cache(maxsize=4)
    def page_for(sign_in: SignIn | None) -> Page:
        if sign_in is None:
            return _page(html, OURS_ONLY)
        said = orjson.dumps(sign_in).decode()
        url = urlsplit(sign_in.token_endpoint)
        policy = OURS_ONLY.replace(
            "connect-src 'self'", f"connect-src 'self' {url.scheme}://{url.netloc}"
        )
        return _page(_with_head(html, _meta("bulk-cancel-sign-in", said)), policy)

    async def page(request: Request) -> Response:
        return await page_for(await people.sign_in())(request)

    return page


def _embedded(html: bytes) -> Page:
    """A page that those sites may show within theirs that its business names, and no other."""

    @lru_cache(maxsize=256)
    def page_for(origins: tuple[str, ...]) -> Page:
        ancestors = " ".join(origins) or "'none'"
        policy = OURS_ONLY.replace("frame-ancestors 'none'", f"frame-ancestors {ancestors}")
        return _page(html, policy)

    async def page(request: Request) -> Response:
        business_id = request.path_params["business_id"]
        service = request.app.state.service
        origins = await page_settings.origins(service.db, business_id)
        return await page_for(origins)(request)

    return page


def _page(html: bytes, policy: str) -> Page:
    return _kept(html, "text/html; charset=utf-8", {**_HEADERS, "Content-Security-Policy": policy})


def _document(app: FastAPI) -> Page:
    """The OpenAPI document, made once, when it is first asked for.

    It is half a second of work, in a thread.
    """
    making = asyncio.Lock()
    made: Page | None = None

    async def document(request: Request) -> Response:
        nonlocal made
        async with making:
            if made is None:
                text = await asyncio.to_thread(lambda: orjson.dumps(app.openapi()))
                made = _kept(text, "application/json", {"Cache-Control": "no-cache"})
        return await made(request)

    return document


def _kept(body: bytes, media_type: str, others: Mapping[str, str]) -> Page:
    # Headers, too: whoever has the page is to have its policy of now.
    tag = f'"{hashlib.sha256(repr((body, sorted(others.items()))).encode()).hexdigest()[:32]}"'
    headers = {**others, "ETag": tag}

    async def kept(request: Request) -> Response:
        if matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=media_type)

    return kept


class _Files(StaticFiles):
    """Files with our headers, packed for who takes them so: a slow line needs a third of the time.

    Pages are shown at their own addresses only, where they have a policy.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        if path.endswith(".html"):
            raise HTTPException(404)  # it would come without its policy
        version, name = assets.split(path)
        response = await super().get_response(name, scope)
        asked = Headers(scope=scope)
        is_text = response.headers.get("content-type", "").startswith(_TEXT)
        if isinstance(response, FileResponse) and is_text:
            if takes_gzip(asked.get("accept-encoding")) and "range" not in asked:
                response = await _packed(response)
            response.headers.add_vary_header("Accept-Encoding")
        response.headers.update(_HEADERS)
        if version == assets.version():
            response.headers["Cache-Control"] = _FOR_GOOD
        return response


async def _packed(whole: FileResponse) -> Response:
    assert whole.stat_result is not None
    body = await asyncio.to_thread(_gzipped, Path(whole.path), whole.stat_result.st_mtime_ns)
    kept = ("content-type", "etag", "last-modified")
    headers = {name: whole.headers[name] for name in kept} | {"Content-Encoding": "gzip"}
    return Response(body, headers=headers)


@lru_cache(maxsize=256)
def _gzipped(path: Path, _changed_at_ns: int) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)
