"""A stream ends with the access token that opened it."""

import asyncio
import datetime as dt
import time

import httpx
import pytest
from worlds.records import TODAY, session

from app.auth import sign_ins
from app.auth.tokens import seconds_left
from app.domain.nouns.sign_ins import EndedSignIn
from app.serving import served

CHUNKS_OF_A_START = 2  # the CSV's header, and the line of a session that nobody had booked


RECORD = {name: value for name, value in session("s1").items() if name not in {"type", "id"}}


async def on_hold(client, headers):
    body = {"session_ids": ["s1"], "hold_seconds": 3600}
    body |= {"date_from": str(TODAY), "date_to": str(TODAY + dt.timedelta(days=9))}
    headers |= {"Idempotency-Key": "a-key"}
    accepted = await client.post("/v1/bulk-cancellations", json=body, headers=headers)
    assert accepted.status_code == 202, accepted.text
    return accepted.json()["id"]


async def test_a_stream_ends_when_its_token_does_and_no_other(house, issuer):
    def bearer(**claims):
        return {"Authorization": f"Bearer {issuer.token(**claims)}"}

    async with served(house.app) as address, httpx.AsyncClient(base_url=address) as client:
        imported = await client.put("/v1/sessions/s1", json=RECORD, headers=bearer())
        assert imported.status_code < 300, imported.text
        path = f"/v1/bulk-cancellations/{await on_hold(client, bearer())}/audit.csv?follow=true"
        end = int(time.time()) + 3
        async with (
            client.stream("GET", path, headers=bearer(exp=end)) as ends,
            client.stream("GET", path, headers=bearer()) as stays,
        ):
            assert (ends.status_code, stays.status_code) == (200, 200)
            chunks, others = ends.aiter_raw(), stays.aiter_raw()
            for lines in (chunks, others):
                for _ in range(CHUNKS_OF_A_START):
                    await anext(lines)
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                async for _ in chunks:
                    pass
            assert time.time() >= end
            house.app.state.stopping.set()
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                async for _ in others:
                    pass


async def test_a_stream_ends_when_its_sign_in_does_and_no_other(house, issuer, db):
    def bearer(**claims):
        return {"Authorization": f"Bearer {issuer.token(**claims)}"}

    house.app.state.governor.look_again_seconds = 0.05
    async with served(house.app) as address, httpx.AsyncClient(base_url=address) as client:
        await client.put("/v1/sessions/s1", json=RECORD, headers=bearer())
        path = f"/v1/bulk-cancellations/{await on_hold(client, bearer())}/audit.csv?follow=true"
        async with (
            client.stream("GET", path, headers=bearer(sub="bob")) as ends,
            client.stream("GET", path, headers=bearer()) as stays,
        ):
            chunks, others = ends.aiter_raw(), stays.aiter_raw()
            for lines in (chunks, others):
                for _ in range(CHUNKS_OF_A_START):
                    await anext(lines)
            at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
            await sign_ins.end(db, EndedSignIn("bob", None, None, at))
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                async for _ in chunks:
                    pass
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(others), 0.3)
            house.app.state.stopping.set()


def test_what_is_opened_within_the_leeway_goes_on_to_its_end():
    assert seconds_left(1010, 1000) == 10
    assert seconds_left(990, 1000) == 50
    assert seconds_left(930, 1000) == 0
