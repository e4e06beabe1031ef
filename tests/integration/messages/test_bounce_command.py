"""The command that an MTA pipes bounces into: what it does, prints and ends with."""

import asyncio

import pytest
from acceptance.terminal import Terminal
from unit.test_bounces import BOUNCES, block, feedback, report

ABSENT = "0199c3a2-6f00-7000-8000-0a1b2c3d4e5f"
TRY_AGAIN = 75


@pytest.fixture
def pipe(zygote, tmp_path, database_url):
    """`await pipe(mail, *arguments)`: the exit code, and what was printed."""
    terminal = Terminal(zygote, tmp_path, database_url=database_url, mail_bounces=BOUNCES)

    async def run(raw, *arguments, **settings):
        code, out, err = await asyncio.to_thread(
            terminal.run, "messages", "bounce", *arguments, stdin=raw.decode(), **settings
        )
        return code, out.strip(), err

    return run


@pytest.fixture
async def kims(told):
    await told.cancel("yoga")
    await told.work()
    return (await told.claim())["kim"]


def bounce_of(message_id, *, status="5.1.1", action="failed"):
    return report(block(action, status), returned=f"Message-ID: <{message_id}@studio.example>\r\n")


async def test_what_comes_back_is_recorded_and_a_dead_address_left_alone(told, studio, kims, pipe):
    await told.send(kims)
    assert (await pipe(bounce_of(kims.id)))[:2] == (0, "recorded")
    (one,) = await told.listed(client_id="kim")
    assert (one["status"], one["because"]) == ("bounced", "5.1.1")
    (left_alone,) = await studio.pages("/suppressed-addresses")
    assert left_alone["address"] == "kim@example.org"
    assert (await pipe(bounce_of(kims.id), "-"))[:2] == (0, "recorded")


async def test_whom_it_came_to_names_the_message_too(told, kims, pipe):
    await told.send(kims)
    raw = report(block("failed", "5.2.2"), returned="")
    assert (await pipe(raw))[:2] == (0, "nothing")
    receiver = f"--recipient=bounces+{kims.id}@studio.example"
    assert (await pipe(raw, receiver))[:2] == (0, "recorded")


async def test_what_is_nothing_to_us_is_taken_so_that_no_bounce_is_bounced(told, kims, pipe):
    await told.send(kims)
    assert (await pipe(bounce_of(ABSENT)))[:2] == (0, "unknown")
    assert (await pipe(bounce_of(kims.id, action="delayed")))[:2] == (0, "nothing")
    assert (await pipe(b"Subject: holiday\r\n\r\nUntil Monday.\r\n"))[:2] == (0, "nothing")
    assert (await pipe(b""))[:2] == (0, "nothing")
    (one,) = await told.listed(client_id="kim")
    assert one["status"] == "sent"


async def test_one_that_comes_before_the_relay_s_word_is_recorded_is_kept(told, kims, pipe):
    assert (await pipe(bounce_of(kims.id)))[:2] == (0, "kept")
    await told.send(kims)
    (one,) = await told.listed(client_id="kim")
    assert (one["status"], one["because"]) == ("bounced", "5.1.1")
    assert (await pipe(bounce_of(kims.id)))[:2] == (0, "recorded")


async def test_a_complaint_is_recorded_and_one_of_no_mail_of_ours_is_nothing(
    told, studio, kims, pipe
):
    await told.send(kims)
    assert (await pipe(feedback(returned="Subject: Yoga\r\n")))[:2] == (0, "nothing")
    raw = feedback(returned=f"Message-ID: <{kims.id}@studio.example>\r\n")
    assert (await pipe(raw))[:2] == (0, "recorded")
    (left_alone,) = await studio.pages("/suppressed-addresses")
    assert (left_alone["address"], left_alone["because"]) == ("kim@example.org", "complained")


async def test_without_a_database_the_mail_is_to_be_kept(kims, pipe):
    away = "postgresql+asyncpg://postgres@127.0.0.1:1/none"
    code, out, err = await pipe(bounce_of(kims.id), database_url=away)
    assert (code, out) == (TRY_AGAIN, "")
    assert "can't be reached" in err


async def test_a_mail_in_a_file_is_read_and_one_that_is_not_there_is_told(
    told, kims, pipe, tmp_path
):
    await told.send(kims)
    (tmp_path / "bounce.eml").write_bytes(bounce_of(kims.id))
    assert (await pipe(b"", "bounce.eml"))[:2] == (0, "recorded")
    code, out, err = await pipe(b"", "absent.eml")
    assert (code, out) == (1, "")
    assert err.strip().endswith("absent.eml")
