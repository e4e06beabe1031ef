"""Looking a refund up in Stripe's pages: none is said only where none can be."""

import json

import pytest
from integration.stripe.answers import ORDER, UNREADABLE, Peer, error, others, refund, stripe_at
from starlette.responses import JSONResponse, Response

from app.gateways.outcomes import Absent, Indeterminate, Processing, Rejected, Succeeded
from app.gateways.stripe.refunds import MAX_PAGES, PAGE

# The look-up.


async def test_a_payment_without_refunds_has_none_of_ours(found):
    assert await found() == Absent()


async def test_a_refund_of_the_same_payment_and_amount_without_our_reference_is_somebody_elses(
    found,
):
    assert (
        await found(refund(reference=None), refund(reference="ref-2"), refund(metadata=None))
        == Absent()
    )


async def test_ours_is_found_on_the_third_page(stripe, found):
    peer, _ = stripe
    assert await found(*others(2 * PAGE + 1), refund(7)) == Succeeded("re_7")
    last_of = [peer.refunds[PAGE - 1]["id"], peer.refunds[2 * PAGE - 1]["id"]]
    assert [query.get("starting_after") for query in peer.queries] == [None, *last_of]


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
async def test_none_is_said_only_after_the_last_page(count, stripe, found):
    peer, _ = stripe
    assert await found(*others(count)) == Absent()
    assert len(peer.queries) == -(-count // PAGE)


async def test_the_best_of_ours_on_all_pages_is_the_finding(found):
    failed, pending, done = refund(1, status="failed"), refund(2, status="pending"), refund(3)
    assert await found(failed, *others(PAGE), done) == Succeeded("re_3")
    assert await found(failed, *others(PAGE), pending) == Processing("re_2")
    assert isinstance(await found(failed, *others(PAGE)), Rejected)
    assert isinstance(
        await found(failed, *others(PAGE), pending | {"status": "new"}), Indeterminate
    )


@pytest.mark.parametrize("difference", UNREADABLE)
async def test_one_of_ours_that_contradicts_the_order_or_cannot_be_read_is_never_absent(
    difference, found
):
    assert isinstance(await found(refund() | difference), Indeterminate)


@pytest.mark.parametrize(
    "page",
    [
        JSONResponse({"data": [], "has_more": True}),
        JSONResponse({"data": []}),
        JSONResponse({"data": [], "has_more": "no"}),
        JSONResponse({"data": [], "has_more": 0}),
        JSONResponse({"data": None, "has_more": False}),
        JSONResponse({"data": [7], "has_more": False}),
        JSONResponse({"data": [{"object": "refund"}], "has_more": False}),
        JSONResponse({"data": [refund(metadata=["reference"])], "has_more": False}),
        JSONResponse([]),
        Response(b"<html>ok</html>"),
        Response(json.dumps({"data": [], "has_more": False, "x": "y" * 70_000}).encode()),
        JSONResponse({"data": [], "has_more": False}, 206),
        JSONResponse(error(code="resource_missing"), 404),
        JSONResponse(error(), 401),
        JSONResponse(error(type="api_error"), 500),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
async def test_a_page_that_cannot_be_read_whole_is_never_absent(page, number, stripe, found):
    peer, _ = stripe
    peer.broken_pages = {number: page}
    assert isinstance(await found(*others(2 * PAGE)), Indeterminate)


async def test_a_throttled_look_up_says_how_long_to_wait(stripe, found):
    peer, _ = stripe
    peer.broken_pages = {2: JSONResponse(error(code="rate_limit"), 429, {"Retry-After": "4"})}
    finding = await found(*others(2 * PAGE))
    assert isinstance(finding, Indeterminate)
    assert finding.retry_after_seconds == 4


async def test_a_list_that_does_not_end_is_left_and_tells_nothing(stripe, found):
    peer, _ = stripe
    assert await found(*others(MAX_PAGES * PAGE)) == Absent()
    assert isinstance(await found(*others(MAX_PAGES * PAGE + 1)), Indeterminate)
    assert len(peer.queries) == MAX_PAGES


async def test_a_list_that_takes_too_long_is_left_and_tells_nothing(upstream_running):
    peer = Peer(refunds=others(10 * PAGE), page_seconds=0.2)
    async with (
        upstream_running(peer.app()) as server,
        stripe_at(server.url, connect_seconds=0.5, total_seconds=0.5) as gateway,
    ):
        assert isinstance(await gateway.look_up(ORDER), Indeterminate)
    assert 2 <= len(peer.queries) <= 4
