"""A peer that answers as Stripe does, the gateway to it, and refunds as Stripe shows them."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from worlds.orders import PAYMENT
from worlds.stripe import StripeApi

from app.gateways.build import gateways_from
from app.gateways.outcomes import UpstreamMethod

ORDER = replace(PAYMENT, payment_id="pi_1", currency="EUR", reason="Snow day, says Kim")


def refund(number=1, *, reference: str | None = "ref-1", status="succeeded", **more):
    """A refund as Stripe shows it; without a reference it is somebody else's."""
    metadata = {} if reference is None else {"reference": reference}
    return {
        "id": f"re_{number}",
        "object": "refund",
        "amount": 2500,
        "charge": "ch_1",
        "currency": "eur",
        "metadata": metadata,
        "payment_intent": "pi_1",
        "status": status,
    } | more


def others(count, first=1000):
    return [refund(number, reference=None, amount=10) for number in range(first, first + count)]


def error(**fields):
    return {"error": {"type": "invalid_request_error", "message": "No."} | fields}


@dataclass
class Peer(StripeApi):
    """Stripe's two calls; the list pages as Stripe's does, newest first.

    `answer` and `broken` are the test's.
    """

    answer: tuple[int, object, dict[str, str]] = (200, None, {})
    refunds: list[dict] = field(default_factory=list)
    broken_pages: dict[int, Response] = field(default_factory=dict)
    page_seconds: float = 0.0
    posts: list[dict] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    queries: list[dict] = field(default_factory=list)

    async def create(self, request: Request) -> Response:
        assert request.headers["content-type"] == "application/x-www-form-urlencoded"
        self.posts.append(dict(parse_qsl((await request.body()).decode(), strict_parsing=True)))
        self.keys.append(request.headers["idempotency-key"])
        self.tokens.add(request.headers["authorization"])
        status, document, headers = self.answer
        if isinstance(document, bytes):
            return Response(document, status, headers, media_type="text/html")
        return JSONResponse(document, status, headers)

    async def listed(self, request: Request) -> Response:
        self.queries.append(dict(request.query_params))
        self.tokens.add(request.headers["authorization"])
        await asyncio.sleep(self.page_seconds)
        if (broken := self.broken_pages.get(len(self.queries))) is not None:
            return broken
        after, limit = (
            request.query_params.get("starting_after"),
            int(request.query_params["limit"]),
        )
        start = next((n for n, one in enumerate(self.refunds, 1) if one["id"] == after), 0)
        page = self.refunds[start : start + limit]
        has_more = len(self.refunds) > start + limit
        return JSONResponse(
            {"object": "list", "url": "/v1/refunds", "data": page, "has_more": has_more}
        )


@contextlib.asynccontextmanager
async def stripe_at(url, **changes):
    plain = {
        "payments_provider": "stripe",
        "payments_url": url,
        "payments_token": "sk_test_1",
        "credits_url": "http://127.0.0.1:1",
        "credits_token": None,
        "connect_seconds": 0.5,
        "total_seconds": 5.0,
        "max_connections": 8,
    }
    built = gateways_from(**(plain | changes))
    try:
        yield built[UpstreamMethod.PAYMENT]
    finally:
        for gateway in built.values():
            await gateway.aclose()


UNREADABLE = [
    {"amount": 2499},
    {"amount": "2500"},
    {"amount": None},
    {"currency": "usd"},
    {"currency": None},
    {"payment_intent": "pi_2"},
    {"status": "new"},
    {"status": None},
    {"status": ["succeeded"]},
    {"id": ""},
]
