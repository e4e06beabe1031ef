"""The gateways of both our contracts to one sandbox."""

import contextlib

from app.gateways.build import gateways_from


@contextlib.asynccontextmanager
async def gateways(url, **changes):
    settings = {
        "payments_url": f"{url}/payments",
        "payments_token": None,
        "credits_url": f"{url}/credits/",
        "credits_token": None,
        "connect_seconds": 0.5,
        "total_seconds": 5.0,
        "max_connections": 64,
    }
    built = gateways_from(**(settings | changes))
    try:
        yield built
    finally:
        for gateway in built.values():
            await gateway.aclose()
