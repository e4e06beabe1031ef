"""The smallest ASGI apps, for tests of what is around an app."""


async def live(receive, send):
    """Start and end, as a server asks."""
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def ok(scope, receive, send):
    """Answers `ok` to whatever is asked."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})
