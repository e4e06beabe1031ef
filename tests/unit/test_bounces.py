"""A bounce names its message, and silences an address only where nobody reads mail there."""

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.gateways.email.bounces import MAX_BYTES, Bounce, read_bounce

ID = "0198f3c4-7d1e-7abc-8def-0123456789ab"
BOUNCES = "bounces@studio.example"
RETURNED = f"Received: by relay\r\nMessage-ID:\r\n <{ID}@studio.example>\r\nSubject: Yoga\r\n"


def report(
    *blocks,
    to="nobody@studio.example",
    returned=RETURNED,
    kind="delivery-status",
    given="text/rfc822-headers",
    coded=False,
):
    fields = "Reporting-MTA: dns; mx.client.example\r\n\r\n" + "\r\n".join(blocks)
    coding = ""
    if coded:
        coding = "Content-Transfer-Encoding: base64\r\n"
        fields, returned = (base64.b64encode(text.encode()).decode() for text in (fields, returned))
    return (
        f"From: MAILER-DAEMON@mx.client.example\r\nTo: {to}\r\nSubject: Undelivered\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;"
        '\r\n boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n"
        f"--b\r\nContent-Type: message/{kind}\r\n{coding}\r\n{fields}\r\n"
        f"--b\r\nContent-Type: {given}\r\n{coding}\r\n{returned}\r\n--b--\r\n"
    ).encode()


def block(action, status):
    return (
        "Final-Recipient: rfc822; ada@client.example\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; no\r\n"
    )


@pytest.mark.parametrize(
    ("action", "status", "is_dead"),
    [
        ("failed", "5.1.1", True),
        ("failed", "5.1.10 (null MX)", True),
        ("Failed", "5.2.1", True),
        ("failed", "5.2.2", False),
        ("failed", "5.1.7", False),
        ("failed", "5.1.8", False),
        ("failed", "5.7.1", False),
        ("failed", "5.0.0", False),
        ("failed", "4.4.7", False),
        ("delayed", "4.4.1", False),
        ("delayed", "5.1.1", False),
        ("delivered", "2.0.0", False),
    ],
)
def test_only_an_address_that_nobody_reads_is_dead(action, status, is_dead):
    bounce = read_bounce(report(block(action, status)))
    assert bounce == Bounce(ID, action.lower(), status.partition(" ")[0])
    assert bounce.is_dead_address is is_dead
    assert bounce.has_failed is (action.lower() == "failed")


@pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status"])
@pytest.mark.parametrize(
    "given", ["text/rfc822-headers", "message/rfc822", "message/global", "message/global-headers"]
)
@pytest.mark.parametrize("coded", [False, True])
def test_reports_of_each_type_are_read_in_each_coding(kind, given, coded):
    bounce = read_bounce(report(block("failed", "5.1.1"), kind=kind, given=given, coded=coded))
    assert bounce == Bounce(ID, "failed", "5.1.1")


@pytest.mark.parametrize(
    "to", [f"bounces+{ID}@studio.example", f"Studio <Bounces+{ID}@Studio.example>, other@x.example"]
)
def test_the_address_that_a_bounce_came_to_names_its_message_first(to):
    raw = report(block("failed", "5.1.1"), to=to, returned="Message-ID: <other@studio.example>\r\n")
    assert read_bounce(raw, mail_bounces=BOUNCES).message_id == ID
    raw = report(block("failed", "5.1.1"), returned="")
    assert read_bounce(raw, mail_bounces=BOUNCES, delivered_to=f"bounces+{ID}@studio.example") == (
        Bounce(ID, "failed", "5.1.1")
    )
    assert read_bounce(raw, mail_bounces=BOUNCES).message_id is None


@pytest.mark.parametrize(
    "to",
    [
        f"notbounces+{ID}@studio.example",
        f"bounces+{ID}@studio.example.evil.example",
        f"bounces+{ID}@studio-example",
        "bounces+@studio.example",
        "bounces@studio.example",
    ],
)
def test_an_address_that_only_looks_like_ours_names_nothing(to):
    raw = report(block("failed", "5.1.1"), to=to, returned="")
    assert read_bounce(raw, mail_bounces=BOUNCES).message_id is None


def test_of_several_blocks_a_failure_counts():
    bounce = read_bounce(report(block("delayed", "4.4.1"), block("failed", "5.1.1")))
    assert (bounce.action, bounce.status) == ("failed", "5.1.1")


def test_what_is_no_report_is_none():
    assert (
        read_bounce(b"Subject: I am on holiday\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n") is None
    )
    assert read_bounce(report(block("exploded", "5.1.1"))) is None
    assert read_bounce(b"") is None


def test_a_status_that_is_none_is_left_out():
    bounce = read_bounce(report(block("failed", "9.9.9")))
    assert (bounce.status, bounce.is_dead_address) == (None, False)


def test_what_is_long_is_cut_and_what_is_deep_is_not_followed():
    raw = report(block("failed", "5.1.1"), returned=RETURNED + "\r\n" + "x" * 3 * MAX_BYTES)
    assert read_bounce(raw) == Bounce(ID, "failed", "5.1.1")
    late = report(block("failed", "5.1.1")).replace(
        b"--b\r\n", b"x" * MAX_BYTES + b"\r\n--b\r\n", 1
    )
    assert read_bounce(late) is None
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(5000)
    )
    assert read_bounce(deep) is None
    assert read_bounce(b"Content-Type: message/rfc822\r\n\r\n" * 5000) is None


PIECES = st.sampled_from(
    [
        *report(block("failed", "5.1.1"), coded=True).splitlines(keepends=True),
        *report(block("failed", "5.1.1")).splitlines(keepends=True),
        b"Content-Type: message/delivery-status; charset*=x'y'%00\r\n",
        b"Content-Transfer-Encoding: x-uuencode\r\n",
        b"Content-Type: text/delivery-status; charset=\xff\r\n",
        b"To: =?utf-8?q?=ff?=\r\n",
        b"\r\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=30), max_size=60).map(b"".join))
@example(b"Content-Type: multipart/report; boundary=\x00\r\n\r\n--\x00\r\n")
def test_nothing_that_a_sender_writes_raises(raw):
    read_bounce(raw, mail_bounces=BOUNCES)


def feedback(
    kind="abuse", *, returned=RETURNED, sender="", given="message/rfc822", to="fbl@x.example"
):
    """A complaint as mailbox providers send it (RFC 5965)."""
    return (
        f"From: feedback@client.example\r\nTo: {to}\r\nSubject: FW: Yoga\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n{sender}\r\n"
        f"--b\r\nContent-Type: {given}\r\n\r\n{returned}\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize("kind", ["abuse", "Fraud", "opt-out"])
@pytest.mark.parametrize("given", ["message/rfc822", "text/rfc822-headers"])
def test_a_complaint_is_read_and_is_no_bounce(kind, given):
    report_ = read_bounce(feedback(kind, given=given))
    assert report_ == Bounce(ID, "complained", None)
    assert report_.has_complained
    assert not report_.has_failed
    assert not report_.is_dead_address


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other", "", "abuse2x"])
def test_feedback_that_is_no_reader_s_wish_is_nothing(kind):
    assert read_bounce(feedback(kind)) is None


def test_a_complaint_without_the_mail_s_id_is_of_the_mail_whose_sender_it_repeats():
    sender = f"Original-Mail-From: <bounces+{ID}@studio.example>\r\n"
    raw = feedback(returned="Subject: Yoga\r\n", sender=sender)
    assert read_bounce(raw, mail_bounces=BOUNCES) == Bounce(ID, "complained", None)
    assert read_bounce(raw).message_id is None
    stranger = f"Original-Mail-From: <other+{ID}@studio.example>\r\n"
    raw = feedback(returned="Subject: Yoga\r\n", sender=stranger)
    assert read_bounce(raw, mail_bounces=BOUNCES).message_id is None
