"""Runs localstripe 1.15 on one loopback port, slowed down at random.

It is a program of its own, and no part of ours. `python localstripe_server.py PORT BEFORE AFTER`:
each call waits up to BEFORE seconds before its effect, and up to AFTER seconds between its effect
and its answer, so that kills meet calls on either side of it. localstripe is GPL-3.0: only this
script, run in a process of its own by the tests, ever imports it. Of itself it would listen on all
addresses and write its books to a file in the temporary folder with every call. With `--strict` it
does what it lacks of Stripe by its own books: it refuses more than is left of a charge, lists the
charge of a payment intent, and says of a charge whether it is disputed.
"""

import asyncio
import random
import sys

from aiohttp import web
from localstripe import server
from localstripe.errors import UserError
from localstripe.resources import Charge, List, PaymentIntent, Refund, Store


def refuse_excess() -> None:
    """As Stripe does: docs.stripe.com/refunds, and the words that it says it with."""
    make = Refund.__init__

    def checked(self, charge=None, payment_intent=None, amount=None, **more):
        intent = payment_intent and PaymentIntent._api_retrieve(payment_intent)
        of = intent.latest_charge if intent else Charge._api_retrieve(charge)
        left = of.amount - of.amount_refunded
        if left <= 0:
            raise UserError(400, "already refunded", {"code": "charge_already_refunded"})
        if amount is not None and int(amount) > left:
            raise UserError(
                400, f"Refund amount ({amount}) is greater than unrefunded amount ({left})"
            )
        make(self, charge=charge, payment_intent=payment_intent, amount=amount, **more)

    Refund.__init__ = checked


def tell_of_charges() -> None:
    """By the intent that they are of, and with the members that Stripe's have."""
    list_all = Charge._api_list_all

    def of_intent(url, payment_intent=None, limit=None, **more):
        if payment_intent is None:
            return list_all(url, limit=limit, **more)
        found = List(url, limit=limit)
        found._list = [PaymentIntent._api_retrieve(payment_intent).latest_charge]
        return found

    Charge._api_list_all = of_intent
    Charge.disputed = property(lambda _: False)


def main(port: int, before: float, after: float, *, strict: bool) -> None:
    if strict:
        refuse_excess()
        tell_of_charges()
    dice = random.Random(port)

    @web.middleware
    async def slow(request, handler):
        await asyncio.sleep(dice.uniform(0, before))
        answer = await handler(request)
        await asyncio.sleep(dice.uniform(0, after))
        return answer

    Store.dump_to_disk = lambda self: None
    server.app.middlewares.insert(0, slow)
    web.run_app(server.app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    slow, *options = sys.argv[2:4], *sys.argv[4:]
    main(int(sys.argv[1]), *map(float, slow), strict=options == ["--strict"])
