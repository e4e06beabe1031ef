"""`/livez` and `/metrics` of a worker, on an address of its own where the settings name one.

Refunds go on without: an address that can't be had is logged, and no more.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from app.operators.exposition import MEDIA_TYPE, Role, exposition, may_read
from app.refunds.runtime import Runtime
from app.serving import listen, served

log = structlog.get_logger()


@asynccontextmanager
async def watched(runtime: Runtime) -> AsyncIterator[None]:
    """Serve both while the block runs."""
    named = runtime.settings.worker_address
    async with AsyncExitStack() as stack:
        if named is not None:
            host, _, port = named.rpartition(":")
            try:
                listener = listen(host.strip("[]"), int(port))
            except OSError as error:
                log.warning("worker.not_watched", address=named, error=error.strerror)
            else:
                await stack.enter_async_context(served(_app(runtime), listener, parser="h11"))
        yield


def _app(runtime: Runtime) -> Starlette:
    async def livez(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def metrics(request: Request) -> Response:
        host = None if request.client is None else request.client.host
        if not may_read(request.headers, host, runtime.settings):
            return PlainTextResponse("There is no such page.", status_code=404)
        told = await exposition(runtime.db, runtime.settings, Role.WORKER, runtime.paces)
        return Response(told, media_type=MEDIA_TYPE)

    return Starlette(routes=[Route("/livez", livez), Route("/metrics", metrics)])
