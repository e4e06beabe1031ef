"""What each fault of a relay makes of a mail: by the relay's own book, none is lost or doubled."""

import asyncio

import pytest
from integration.email.sending import RECIPIENT, mail, mailer_of, message_ids
from worlds.patience import eventually
from worlds.smtp_server import Fault, smtp_server

from app.gateways.email.mail import (
    MAX_DETAIL,
    MailLater,
    MailRefused,
    MailSent,
    MailUnknown,
    RelayAway,
)

UNKNOWN_USER = f"5.1.1 <{RECIPIENT}>: ada.lovelace is no user here"


@pytest.fixture(scope="module")
def one_relay(tmp_path_factory):
    with smtp_server(tmp_path_factory.mktemp("relay")) as running:
        yield running


@pytest.fixture
def relay(one_relay):
    one_relay.faults()
    one_relay.forget()
    return one_relay


ANSWERS = {
    "greeting": {421: RelayAway, 451: RelayAway, 554: RelayAway},
    "ehlo": {421: RelayAway, 502: RelayAway},
    "mail": {421: RelayAway, 451: MailLater, 452: MailLater, 550: RelayAway, 552: MailRefused},
    "rcpt": {421: MailLater, 450: MailLater, 530: RelayAway, 550: MailRefused},
    "data": {421: MailLater, 451: MailLater, 554: MailRefused},
    "dot": {421: MailLater, 451: MailLater, 452: MailLater, 554: MailRefused, 250: MailUnknown},
}
CASES = [(stage, code, kind) for stage, codes in ANSWERS.items() for code, kind in codes.items()]


@pytest.mark.parametrize(("stage", "code", "kind"), CASES)
async def test_an_answer_at_a_stage_means_what_it_can_mean_and_the_next_mail_is_sent(
    relay, stage, code, kind
):
    if code == 250:
        relay.faults(Fault(stage, code=251, text="odd", times=1))
    else:
        relay.faults(Fault(stage, code=code, times=1))
    async with mailer_of(relay.url) as mailer:
        result = await mailer.send(mail(1))
        assert type(result) is kind, result
        assert message_ids(relay) == []
        assert isinstance(await mailer.send(mail(2)), MailSent)
    assert message_ids(relay) == ["2"]


BREAKS = {
    "greeting": RelayAway,
    "ehlo": RelayAway,
    "mail": MailLater,
    "rcpt": MailLater,
    "data": MailUnknown,
    "content": MailUnknown,
    "dot": MailUnknown,
    "taken": MailUnknown,
}


@pytest.mark.parametrize("act", ["drop", "silence"])
@pytest.mark.parametrize(("stage", "kind"), BREAKS.items())
async def test_a_broken_or_silent_connection_is_unknown_from_data_on_and_never_before(
    relay, stage, kind, act
):
    relay.faults(Fault(stage, act, times=1))
    # Silence takes all of the deadline, which a busy machine may need for what comes before.
    for seconds in (1, 4, 16, 64) if act == "silence" else (60,):
        async with mailer_of(relay.url, total_seconds=seconds) as mailer:
            result = await mailer.send(mail(1))
        if relay.book("fault"):
            break
    assert type(result) is kind, result
    taken = ["1"] if stage == "taken" else []
    assert message_ids(relay) == taken
    async with mailer_of(relay.url) as mailer:
        assert isinstance(await mailer.send(mail(2)), MailSent)
    assert message_ids(relay) == [*taken, "2"]


async def test_a_slow_relay_is_waited_for_within_the_deadline(relay):
    relay.faults(Fault("taken", "delay", seconds=0.5))
    async with mailer_of(relay.url) as mailer:
        assert isinstance(await mailer.send(mail(1)), MailSent)


async def test_greylisting_is_later_each_recipient_once_and_says_when(relay):
    relay.faults(
        Fault("rcpt", code=450, text="4.2.0 greylisted, try again in 5 minutes", each=True, times=1)
    )
    async with mailer_of(relay.url) as mailer:
        for number, recipient in ((1, "a@client.example"), (2, "b@client.example")):
            first = await mailer.send(mail(number, recipient=recipient))
            assert first == MailLater(450, first.detail, 300.0, is_of_recipient=True)
            assert isinstance(await mailer.send(mail(number, recipient=recipient)), MailSent)
    assert message_ids(relay) == ["1", "2"]
    assert relay.connections() == 1, "a refusal is no reason for a new connection"


@pytest.mark.parametrize(
    ("stage", "code", "text", "is_of_recipient"),
    [
        ("rcpt", 450, "not now", True),
        ("rcpt", 451, "4.7.1 greylisted", True),
        ("rcpt", 452, "4.2.2 mailbox full", True),
        ("rcpt", 451, "4.3.0 local error", False),
        ("rcpt", 450, "4.4.3 no route", False),
        ("rcpt", 452, "4.5.3 too many recipients", False),
        ("mail", 451, "4.7.1 too fast", False),
        ("dot", 451, "4.2.1 not now", False),
    ],
)
async def test_what_is_one_recipients_is_told_from_what_all_would_hear(
    relay, stage, code, text, is_of_recipient
):
    relay.faults(Fault(stage, code=code, text=text))
    async with mailer_of(relay.url) as mailer:
        result = await mailer.send(mail(1))
    assert (type(result), result.is_of_recipient) == (MailLater, is_of_recipient)


async def test_a_dead_address_is_told_by_its_code_and_no_detail_has_an_address(relay):
    relay.faults(Fault("rcpt", code=550, text=UNKNOWN_USER + " x" * 400))
    async with mailer_of(relay.url) as mailer:
        refused = await mailer.send(mail(1))
    assert refused.is_dead_address
    assert (refused.code, len(refused.detail) <= MAX_DETAIL) == (550, True)
    assert "5.1.1" in refused.detail
    assert "ada" not in refused.detail


@pytest.mark.parametrize(
    ("stage", "text"),
    [("rcpt", "5.7.1 relaying denied"), ("rcpt", "5.2.2 full"), ("dot", "5.1.1 odd")],
)
async def test_a_refusal_that_is_not_of_the_address_leaves_it_alive(relay, stage, text):
    relay.faults(Fault(stage, code=554, text=text))
    async with mailer_of(relay.url) as mailer:
        refused = await mailer.send(mail(1))
    assert (type(refused), refused.is_dead_address) == (MailRefused, False)


@pytest.mark.parametrize("status", ["5.1.7", "5.1.8"])
async def test_a_sender_that_is_refused_with_the_recipient_is_no_fault_of_the_mail(relay, status):
    relay.faults(Fault("rcpt", code=553, text=f"{status} sender not owned by user"))
    async with mailer_of(relay.url) as mailer:
        assert isinstance(await mailer.send(mail(1)), RelayAway)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("mail", code=421, text="4.4.2 idle too long", times=1),
        Fault("mail", code=452, text="4.5.3 too many messages", times=1),
        Fault("mail", "drop", times=1),
        Fault("rcpt", code=421, times=1),
    ],
    ids=lambda fault: f"{fault.stage}-{fault.act}-{fault.code}",
)
async def test_a_connection_that_is_at_its_end_is_replaced_at_once(relay, fault):
    async with mailer_of(relay.url) as mailer:
        assert isinstance(await mailer.send(mail(1)), MailSent)
        relay.faults(fault)
        assert isinstance(await mailer.send(mail(2)), MailSent)
    assert message_ids(relay) == ["1", "2"]
    assert relay.connections() == 2


async def test_a_connection_that_the_relay_closed_meanwhile_is_not_used(relay):
    async with mailer_of(relay.url) as mailer:
        assert isinstance(await mailer.send(mail(1)), MailSent)
        relay.faults(Fault("rcpt", code=421, recipient="other@client.example"))
        await mailer.send(mail(2, recipient="other@client.example"))
        assert isinstance(await mailer.send(mail(3)), MailSent)
    assert message_ids(relay) == ["1", "3"]


async def test_what_may_have_been_taken_is_never_sent_again_by_itself(relay):
    async with mailer_of(relay.url) as mailer:
        assert isinstance(await mailer.send(mail(1)), MailSent)
        for stage in ("taken", "dot", "content"):
            relay.faults(Fault(stage, "drop"))
            assert isinstance(await mailer.send(mail(stage)), MailUnknown)
            relay.faults()
            assert isinstance(await mailer.send(mail(f"after-{stage}")), MailSent)
    assert message_ids(relay) == ["1", "taken", "after-taken", "after-dot", "after-content"]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "taken"])
async def test_a_mail_that_is_broken_off_takes_its_connection_with_it(relay, stage):
    async with mailer_of(relay.url) as mailer:
        relay.faults(Fault(stage, "silence"))
        sending = asyncio.create_task(mailer.send(mail(1)))
        await eventually(lambda: relay.book("fault"))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        relay.faults()
        assert isinstance(await mailer.send(mail(2)), MailSent)
        assert relay.connections() == 2
    await eventually(lambda: len(relay.book("closed")) == 2)


@pytest.mark.parametrize(
    ("stage", "kind"),
    [("mail", MailLater), ("rcpt", MailLater), ("dot", MailUnknown), ("greeting", RelayAway)],
)
async def test_a_senseless_answer_is_no_word_that_the_mail_was_taken(relay, stage, kind):
    relay.faults(Fault.raw(stage, b"\xff\xfe what?\r\n", times=1))
    async with mailer_of(relay.url) as mailer:
        result = await mailer.send(mail(1))
        assert type(result) is kind, result
        result.detail.encode()
        assert isinstance(await mailer.send(mail(2)), MailSent)


async def test_a_relay_that_is_not_there_is_away():
    async with mailer_of("smtp://127.0.0.1:1?tls=none") as mailer:
        away = await mailer.send(mail(1))
    assert isinstance(away, RelayAway)
    assert "@" not in away.detail
