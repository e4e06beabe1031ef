"""The bytes of a message: no header gets in, and three parsers read what was meant."""

import datetime as dt
import email
import re
from dataclasses import replace
from email.policy import default

import mailparser
import pytest
from icalendar import Calendar

from app.domain.messages.facts import Correspondents
from app.domain.statuses import BookingStatus
from app.messages.compose.cancellation_calendar import cancellation_calendar
from app.messages.compose.message import Composed, compose
from app.messages.compose.mime import CALENDAR_NAME, Mailbox, UnsendableAddressError, mime
from app.messages.compose.templates.samples import BARRE, CARD, SAMPLES, YOGA, booked, told

NOW = dt.datetime(2026, 11, 29, 12, 0, 1, tzinfo=dt.UTC)
TO = Correspondents("sunny", "Sunny Yoga", "Ana Lima", "en")
UNSUBSCRIBE = "https://mail.sunny.test/unsubscribe/" + "x" * 120
HOSTILE = 'Léa "Süd"\r\nBcc: all@x.test\u2028\x0b\x85\x00 <x@y.test>, 日本語'


def written(composed=None, **more):
    facts = told(booked(CARD), replace(BARRE, booking_status=BookingStatus.WAITLISTED))
    calendar = cancellation_calendar(
        facts,
        TO,
        organizer="desk@sunny.test",
        attendee="ana@x.test",
        revisions={YOGA.session_id: 4},
        now=NOW,
    )
    given = {
        "message_id": "msg_1@mail.sunny.test",
        "sender": Mailbox("desk@sunny.test", "Sunny Yoga"),
        "recipient": Mailbox("ana@x.test", "Ana Lima"),
        "date": NOW,
        "calendar": calendar,
    }
    return mime(composed or compose(facts, replace(TO, language="ja")), **(given | more))


def read(raw):
    return email.message_from_bytes(raw, policy=default)


def test_it_is_what_a_reader_and_a_machine_want():
    raw = written(reply_to="front@sunny.test", list_unsubscribe=UNSUBSCRIBE)
    message = read(raw)
    assert message["Message-ID"] == "<msg_1@mail.sunny.test>"
    assert message["Date"].datetime == NOW
    assert message["From"] == "Sunny Yoga <desk@sunny.test>"
    assert message["To"] == "Ana Lima <ana@x.test>"
    assert message["Reply-To"] == "front@sunny.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "ja"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
    ]


def test_a_long_address_of_an_unsubscription_stays_one_word():
    raw = written(list_unsubscribe=UNSUBSCRIBE)
    assert f"\r\nList-Unsubscribe: <{UNSUBSCRIBE}>\r\n".encode() in raw
    assert mailparser.parse_from_bytes(raw).headers["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>"


def test_it_is_7_bit_and_no_line_is_too_long():
    assert written(compose(told(booked(CARD)), replace(TO, language="fr"))).isascii()
    raw = written(compose(told(replace(booked(CARD), name="é" * 200)), TO, text="日本" * 2000))
    assert raw.isascii()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert not re.search(rb"[^\r]\n|\r[^\n]", raw)


@pytest.mark.parametrize("name", SAMPLES)
def test_other_parsers_read_the_same_words(name):
    sample = SAMPLES[name]
    composed = compose(sample.facts, replace(sample.to, language="fr"), text=sample.text)
    raw = written(composed, calendar=None)
    text, html = (part.get_content() for part in read(raw).iter_parts())
    other = mailparser.parse_from_bytes(raw)
    assert text.replace("\r\n", "\n") == composed.text
    assert html.replace("\r\n", "\n").strip() == composed.html.strip()
    assert other.text_plain[0].replace("\r\n", "\n").strip() == composed.text.strip()
    assert other.text_html[0].replace("\r\n", "\n").strip() == composed.html.strip()
    assert other.subject == composed.subject == read(raw)["Subject"]


def test_no_header_gets_in_by_a_name_a_subject_or_a_reason():
    facts = told(replace(booked(CARD), name=HOSTILE, location=HOSTILE), reason=HOSTILE)
    to = replace(TO, business_name=HOSTILE, client_name=HOSTILE)
    plain = read(written()).keys()
    for subject in (HOSTILE, None):
        raw = written(
            compose(facts, to, subject=subject, text=HOSTILE),
            sender=Mailbox("desk@sunny.test", HOSTILE),
            recipient=Mailbox("ana@x.test", HOSTILE),
        )
        message = read(raw)
        assert message.keys() == plain
        assert message["To"].addresses[0].addr_spec == "ana@x.test"
        assert len(message["To"].addresses) == len(message["From"].addresses) == 1
        assert "日本語" in message["To"].addresses[0].display_name
        head = raw.partition(b"\r\n\r\n")[0]
        assert not re.search(rb"[\x00-\x09\x0b\x0c\x0e-\x1f]", head)
        assert b"\nBcc" not in head
        assert mailparser.parse_from_bytes(raw).to[0][1] == "ana@x.test"


def test_a_subject_that_was_not_cleaned_before_is_cleaned_here():
    message = read(written(Composed("en", "a\x00b\r\nBcc: c\u2028d", "text", "<p>page</p>")))
    assert message["Subject"] == "a b Bcc: c d"


def test_a_domain_of_any_script_is_written_in_ascii_and_other_addresses_are_refused():
    message = read(written(recipient=Mailbox("ana@bücher.example", "Ana")))
    assert message["To"].addresses[0].addr_spec == "ana@xn--bcher-kva.example"
    for address in ("josé@x.test", "ana", "@x.test", "ana@", "a b@x.test", "a\r\nb@x.test"):
        with pytest.raises(UnsendableAddressError):
            written(recipient=Mailbox(address))
    with pytest.raises(UnsendableAddressError):
        written(recipient=Mailbox("ana@x.test, all@x.test"))


def test_the_calendar_takes_out_the_client_s_places_and_only_those():
    part = read(written()).get_payload()[-1]
    assert part.get_param("method") == "CANCEL"
    assert part.get_param("name") == CALENDAR_NAME
    feed = Calendar.from_ical(part.get_content())
    assert feed["METHOD"] == "CANCEL"
    [event] = feed.events
    assert event["UID"] == "sample-1@sunny"
    assert event["SEQUENCE"] == 4
    assert event["STATUS"] == "CANCELLED"
    assert event["ORGANIZER"] == "mailto:desk@sunny.test"
    assert event["ATTENDEE"] == "mailto:ana@x.test"
    assert event.start == dt.datetime(2026, 11, 30, 17, tzinfo=dt.UTC)
    assert event.end == dt.datetime(2026, 11, 30, 18, tzinfo=dt.UTC)
    waiting = told(replace(YOGA, booking_status=BookingStatus.WAITLISTED))
    people = {"organizer": "d@s.test", "attendee": "a@x.test"}
    assert cancellation_calendar(waiting, TO, **people, revisions={}, now=NOW) is None


def test_the_same_message_is_the_same_bytes_but_for_its_boundary():
    def without_boundary(raw):
        boundary = read(raw).get_boundary().encode()
        return raw.replace(boundary, b"boundary")

    assert without_boundary(written()) == without_boundary(written())
