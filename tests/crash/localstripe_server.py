"""Runs localstripe 1.15 on one loopback port, slowed down at random.

It is a program of its own, and no part of ours. `python localstripe_server.py PORT BEFORE AFTER`:
each call waits up to BEFORE seconds before its effect, and up to AFTER seconds between its effect
and its answer, so that kills meet calls on either side of it. localstripe is GPL-3.0: only this
script, run in a process of its own by the tests, ever imports it. Of itself it would listen on all
addresses and write its books to a file in the temporary folder with every call.
"""

import asyncio
import random
import sys

from aiohttp import web
from localstripe import server
from localstripe.resources import Store


def main(port: int, before: float, after: float) -> None:
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
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
