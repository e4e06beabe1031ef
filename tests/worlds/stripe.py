"""Stripes that keep books of the refunds they were asked for, and a studio that is paid by one."""

import contextlib
import dataclasses
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.refunds.runtime import gateways
from app.serving import served


class StripeApi:
    """Stripe's two calls of refunds: how one answers `create` and `listed` is what it is."""

    def app(self):
        routes = [
            Route("/v1/refunds", self.create, methods=["POST"]),
            Route("/v1/refunds", self.listed),
        ]
        return Starlette(routes=routes)


async def form_of(request):
    return dict(parse_qsl((await request.body()).decode()))


def refund_of(form, id_, *, currency="cad", status="succeeded"):
    """The refund that a form asks for, as Stripe shows it."""
    return {
        "id": id_,
        "object": "refund",
        "amount": int(form["amount"]),
        "currency": currency,
        "payment_intent": form["payment_intent"],
        "status": status,
        "metadata": {"reference": form["metadata[reference]"]},
    }


def page_of(refunds):
    return JSONResponse({"object": "list", "data": refunds, "has_more": False})


class Stripe(StripeApi):
    """It makes what it is asked for, under any key; a test says how each ends."""

    def __init__(self):
        self.refunds = []  # newest first
        self.keys = []  # of the calls that made one
        self.look_ups = 0
        self.is_ill = False  # then it answers no look-up
        self.before_answer = None  # called with each refund that is made, before the answer leaves

    async def create(self, request):
        form = await form_of(request)
        refund = refund_of(form, f"re_{len(self.refunds) + 1}", status="pending")
        self.refunds.insert(0, refund)
        self.keys.append(request.headers["idempotency-key"])
        answer = JSONResponse(refund)
        if self.before_answer is not None:
            await self.before_answer(refund)
        return answer

    async def listed(self, request):
        self.look_ups += 1
        if self.is_ill:
            return JSONResponse({"error": {"type": "api_error"}}, 500)
        payment = request.query_params["payment_intent"]
        return page_of([one for one in self.refunds if one["payment_intent"] == payment])

    def end(self, status, **more):
        for one in self.refunds:
            one.update(status=status, **more)


@contextlib.asynccontextmanager
async def paid_by_stripe(studio, settings, peer):
    """The studio while its payments are this Stripe's; its credits stay the sandbox's."""
    async with served(peer.app()) as address:
        calls = gateways(
            settings, payments_url=address, credits_url=f"{studio.upstream.base_url}/credits"
        )
        studio.runtime = dataclasses.replace(studio.runtime, gateways=calls)
        yield studio
        await studio.runtime.aclose()
