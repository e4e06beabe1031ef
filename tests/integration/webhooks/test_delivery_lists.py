"""Lists of deliveries: newest first, by status, each with its own attempts."""

import asyncio

from worlds.office import ACCEPTED, CANCELLED, ENDED
from worlds.problems import problem

# What was sent.


async def test_deliveries_are_listed_newest_first_page_by_page_and_by_status(office, receiving):
    receiver = await receiving(lambda heard: 500 if heard.type == "session.cancelled" else 204)
    endpoint = await office.endpoint(receiver.url)
    ids = []
    for event in (ACCEPTED, CANCELLED, CANCELLED, ENDED, ACCEPTED):
        ids += await office.tell([event])
        await asyncio.sleep(0.002)
    await office.deliver()
    path = f"/webhook-endpoints/{endpoint['id']}/deliveries"
    for limit in (1, 2, 200):
        assert [one["event_id"] for one in await office.pages(path, limit=limit)] == ids[::-1]
    for status, expected in (
        ("pending", [ids[2], ids[1]]),
        ("delivered", [ids[4], ids[3], ids[0]]),
        ("failed", []),
    ):
        found = await office.pages(path, limit=1, status=status)
        assert [one["event_id"] for one in found] == expected
    answer = await office.http.get(f"/v1{path}", params={"status": "odd"})
    assert problem(answer, 422, "validation")["errors"][0]["pointer"] == "?status"


async def test_each_delivery_in_a_list_has_its_own_attempts_in_their_order(office, receiving):
    receiver = await receiving()
    endpoint = await office.endpoint(receiver.url)
    other = await office.endpoint((await receiving(418)).url)
    ids = await office.tell([ACCEPTED, CANCELLED])
    for reply in (500, 503, 204):
        receiver.reply = (reply, {}, str(reply).encode()) if reply != 204 else 204
        await office.deliver()
        await office.make_due()
    await office.deliver()
    listed = await office.deliveries(endpoint)
    for event_id in ids:
        shown = await office.delivery(endpoint, event_id)
        assert (shown["payload"]["type"], shown["payload"]["timestamp"]) == (
            shown["type"],
            shown["occurred_at"],
        )
        shown.pop("payload")
        assert shown == listed[event_id]
        attempts = [
            (one["status_code"], one["error"], one["response"]) for one in shown["attempts"]
        ]
        assert attempts == [(500, None, "500"), (503, None, "503"), (204, None, "")]
        assert sorted(one["ended_at"] for one in shown["attempts"]) == [
            one["ended_at"] for one in shown["attempts"]
        ]
        assert all(0 <= one["milliseconds"] < 5000 for one in shown["attempts"])
    codes = {
        one["status_code"]
        for found in (await office.deliveries(other)).values()
        for one in found["attempts"]
    }
    assert codes == {418}
