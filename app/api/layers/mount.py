"""The prefix under which a proxy has this service: taken from paths asked for, put before ours.

All that is beneath knows no prefix: routes, limits, logs and metrics name the same paths with one
and without. A proxy may take the prefix from the path or pass it on.
"""

from contextvars import ContextVar
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_prefix: Final = ContextVar("prefix", default="")


def address(path: str) -> str:
    """A path of ours as whoever is answered now must ask for it."""
    return _prefix.get() + path


class Mounted:
    """ASGI: the outermost layer, where there is a prefix.

    `root_path` of ASGI stays empty: Starlette has it within each path, and we have it nowhere.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        """`prefix`: as `RootPath` takes it."""
        self.app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def outwards(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("location", "").startswith("/"):
                    headers["location"] = self._prefix + headers["location"]
            await send(message)

        within = {name: value for name, value in scope.items() if name != "raw_path"}
        within["path"] = self._bare(scope["path"])
        token = _prefix.set(self._prefix)
        try:
            await self.app(within, receive, outwards)
        finally:
            _prefix.reset(token)

    def _bare(self, path: str) -> str:
        """The path without the prefix; as it came where a proxy has taken that already."""
        if path.startswith(f"{self._prefix}/"):
            return path.removeprefix(self._prefix)
        # One of our pages has the address /bulk-cancel, and is the document of the start as well.
        return "/" if path == self._prefix != "/bulk-cancel" else path
