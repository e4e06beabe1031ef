#!/usr/bin/env bash
# asgi-idempotency-header 0.2.0, fastidempotent 0.1.0, fastapi-idempotency 0.1.1 and fastapi-idempotency-key 0.1.1 (starlette 1.10.0),
# on Python 3.11; seen 2026-11-29.
#
# A service that pays money back keeps its answers by Idempotency-Key, so that a caller who is told 503 or hears nothing sends the
# same once more. One would guess that a middleware made for this keeps what was done, and lets what was not be tried again.
# Two of four keep a 503 for a day, so that each retry is told it, however well the service is by then. One answers
# another body with the first one's answer, and forgets Location. One takes two calls without any key for one, if they are alike
# and come within ten seconds: two refunds of a booking with two equal parts are one.
#
# Output seen (how often the service ran for two calls, and the second answer):
SEEN='asgi-idempotency-header: a 503 with its key again: ran 1, 503
asgi-idempotency-header: a key with another body: ran 1, 202
asgi-idempotency-header: a 202 again: ran 1, 202, Location: none
asgi-idempotency-header: alike and without a key: ran 2, 202
fastidempotent: a 503 with its key again: ran 1, 503
fastidempotent: a key with another body: ran 1, 422
fastidempotent: a 202 again: ran 1, 202, Location: there
fastidempotent: alike and without a key: ran 0, 400
fastapi-idempotency: a 503 with its key again: ran 2, 202
fastapi-idempotency: a key with another body: ran 1, 422
fastapi-idempotency: a 202 again: ran 1, 202, Location: there
fastapi-idempotency: alike and without a key: ran 1, 202
fastapi-idempotency-key: a 503 with its key again: ran 2, 202
fastapi-idempotency-key: a key with another body: ran 1, 422
fastapi-idempotency-key: a 202 again: ran 1, 202, Location: there
fastapi-idempotency-key: alike and without a key: ran 2, 202'
# What we do: an acceptance is kept, a 503 is not; docs/providers.md and the contracts say what an upstream may not keep.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv keeps
keeps/bin/pip -q install asgi-idempotency-header==0.2.0 fastidempotent==0.1.0 fastapi-idempotency==0.1.1 fastapi-idempotency-key==0.1.1 \
  starlette==1.10.0 fastapi==0.165.0 redis==8.1.0 httpx==0.28.1 2>pip.log
cat >twice.py <<'END_OF_TWICE'
import asyncio

import fastapi_idempotency
import fastapi_idempotency_key
import fastidempotent
import httpx
import idempotency_header_middleware as header
from idempotency_header_middleware.backends.memory import MemoryBackend
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

KEPT_BY = {
    "asgi-idempotency-header": lambda app: header.IdempotencyHeaderMiddleware(app, backend=MemoryBackend()),
    "fastidempotent": lambda app: fastidempotent.IdempotencyMiddleware(app, backend=fastidempotent.MemoryBackend()),
    "fastapi-idempotency": fastapi_idempotency.IdempotencyMiddleware,
    "fastapi-idempotency-key": fastapi_idempotency_key.IdempotencyMiddleware,
}


async def ask(name, keep):
    ran, away = [], []

    async def refund(request):
        ran.append(await request.json())
        if away:
            return JSONResponse({"detail": "in a moment"}, away.pop())
        return JSONResponse({"refund": len(ran)}, 202, {"Location": f"/refunds/{len(ran)}"})

    transport = httpx.ASGITransport(keep(Starlette(routes=[Route("/refunds", refund, methods=["POST"])])))
    async with httpx.AsyncClient(transport=transport, base_url="http://payments.example") as client:

        async def twice(what, key, *amounts):
            ran.clear()
            for amount in amounts:
                headers = {"Idempotency-Key": key} if key else {}
                answer = await client.post("/refunds", json={"amount": amount}, headers=headers)
            print(f"{name}: {what}: ran {len(ran)}, {answer.status_code}", end="")
            return answer

        away.append(503)
        await twice("a 503 with its key again", "one", 500, 500)
        print()
        await twice("a key with another body", "two", 500, 700)
        print()
        answer = await twice("a 202 again", "three", 500, 500)
        print(", Location:", "there" if "Location" in answer.headers else "none")
        await twice("alike and without a key", None, 900, 900)
        print()


async def main():
    for name, keep in KEPT_BY.items():
        await ask(name, keep)


asyncio.run(main())
END_OF_TWICE
keeps/bin/python twice.py | tee seen
diff seen <(echo "$SEEN")
