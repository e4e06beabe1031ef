"""A pool of connections to a relay: how many, for how long, under TLS, logged in, to whom."""

import asyncio
from collections import Counter

import pytest
from integration.email.sending import mail, mailer_of, message_ids
from worlds.certificates import Authority
from worlds.opensmtpd import opensmtpd
from worlds.patience import eventually
from worlds.smtp_server import Fault, smtp_server

from app.gateways.email.mail import MailLater, MailRefused, MailSent, MailUnknown, RelayAway


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def certificate(authority, tmp_path):
    authority.server_context(["localhost"])
    return tmp_path / "localhost.pem"


async def send_all(mailer, mails, at_once):
    left = iter(mails)

    async def keep_sending():
        return [await mailer.send(one) for one in left]

    return [
        one
        for some in await asyncio.gather(*(keep_sending() for _ in range(at_once)))
        for one in some
    ]


async def test_at_most_so_many_connections_each_for_at_most_fifty_mails(tmp_path):
    with smtp_server(tmp_path / "relay") as relay:
        async with mailer_of(relay.url, connections=3) as mailer:
            results = await send_all(mailer, [mail(n) for n in range(400)], at_once=10)
        await eventually(lambda: len(relay.book("closed")) == relay.connections())
        assert {type(one) for one in results} == {MailSent}
        assert sorted(map(int, message_ids(relay))) == list(range(400))
        used = Counter(one.connection for one in relay.taken())
        assert max(used.values()) == 50
        assert len(used) == relay.connections() <= 8 + 2
        open_now = most = 0
        for line in (relay.folder / "book.jsonl").read_text().splitlines():
            open_now += ('"connected"' in line) - ('"closed"' in line)
            most = max(most, open_now)
        # One that says goodbye may still be there beside those that are used.
        assert most <= 3 * 2


async def test_a_relay_s_own_limit_costs_no_mail_an_attempt(tmp_path):
    with smtp_server(tmp_path / "relay", max_mails=7) as relay:
        async with mailer_of(relay.url, connections=2) as mailer:
            results = await send_all(mailer, [mail(n) for n in range(60)], at_once=2)
        assert {type(one) for one in results} == {MailSent}
        assert len(message_ids(relay)) == len(set(message_ids(relay))) == 60


async def test_refused_mails_count_for_a_connection_too(tmp_path):
    with smtp_server(tmp_path / "relay") as relay:
        relay.faults(Fault("rcpt", code=450))
        async with mailer_of(relay.url) as mailer:
            for number in range(51):
                assert isinstance(await mailer.send(mail(number)), MailLater)
        assert relay.connections() == 2


async def test_a_connection_that_is_not_used_is_closed(tmp_path):
    with smtp_server(tmp_path / "relay") as relay:
        async with mailer_of(relay.url, connections=2, idle_seconds=0.3) as mailer:
            await asyncio.gather(mailer.send(mail(1)), mailer.send(mail(2)))
            await eventually(lambda: len(relay.book("closed")) == 2)
            assert isinstance(await mailer.send(mail(3)), MailSent)
            assert relay.connections() == 3


async def test_one_more_than_the_connections_waits_within_its_deadline(tmp_path):
    with smtp_server(tmp_path / "relay") as relay:
        async with (
            mailer_of(relay.url, total_seconds=1) as mailer,
            mailer._connections.connection(),
        ):
            assert isinstance(await mailer.send(mail(1)), RelayAway)
        assert relay.connections() == 0


@pytest.mark.parametrize("implicit", [False, True])
async def test_mails_go_under_tls_that_is_trusted_and_logged_in(
    tmp_path, authority, certificate, implicit
):
    with smtp_server(
        tmp_path / "relay", certificate=certificate, implicit=implicit, login="studio:s3cret"
    ) as relay:
        async with mailer_of(relay.url, tls=authority.client_context()) as mailer:
            assert isinstance(await mailer.send(mail(1)), MailSent)
        wrong = relay.url.replace("s3cret", "guessed")
        async with mailer_of(wrong, tls=authority.client_context()) as mailer:
            away = await mailer.send(mail(2))
        nobody = relay.url.replace("studio:s3cret@", "")
        async with mailer_of(nobody, tls=authority.client_context()) as mailer:
            assert isinstance(await mailer.send(mail(3)), RelayAway)
        assert isinstance(away, RelayAway)
        assert "guessed" not in away.detail
        assert message_ids(relay) == ["1"]


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_nothing_is_sent_under_tls_that_is_not_trusted(
    tmp_path, authority, certificate, implicit, host
):
    """Neither an authority that nobody knows, nor a certificate of another name."""
    with smtp_server(tmp_path / "relay", certificate=certificate, implicit=implicit) as relay:
        trusted = authority.client_context() if host == "127.0.0.1" else None
        async with mailer_of(relay.url.replace("localhost", host), tls=trusted) as mailer:
            assert isinstance(await mailer.send(mail(1)), RelayAway)
        assert relay.book("mail") == []


@pytest.mark.parametrize("fault", [None, Fault("tls", "drop")])
async def test_nothing_is_sent_in_clear_text_where_tls_is_asked_for(
    tmp_path, authority, certificate, fault
):
    with smtp_server(tmp_path / "relay", certificate=certificate if fault else None) as relay:
        relay.faults(*([fault] if fault else []))
        url = relay.url.partition("?")[0] + "?tls=starttls"
        async with mailer_of(url, tls=authority.client_context()) as mailer:
            assert isinstance(await mailer.send(mail(1)), RelayAway)
        assert relay.book("mail") == []


@pytest.mark.parametrize(
    "address",
    [
        "ada@client.example\r\nRCPT TO:<eve@evil.example>",
        "ada@client.example\n",
        "ada@client.example> <eve@evil.example",
        "ada lovelace@client.example",
        "ada@client.example,eve@evil.example",
        '"ada"@client.example',
        "ada@",
        "@client.example",
        "ada@client..example",
        "a" * 65 + "@client.example",
        "ada@" + "x" * 64 + ".example",
        "",
    ],
)
async def test_an_address_that_no_envelope_holds_never_reaches_the_relay(tmp_path, address):
    with smtp_server(tmp_path / "relay") as relay:
        async with mailer_of(relay.url) as mailer:
            for one in (mail(1, recipient=address), mail(1, sender=address)):
                refused = await mailer.send(one)
                assert (type(refused), refused.code) == (MailRefused, None)
                assert address == "" or address not in refused.detail
        assert relay.connections() == 0


async def test_a_domain_goes_in_ascii_letters_and_a_name_only_where_the_relay_takes_it(tmp_path):
    with smtp_server(tmp_path / "ascii") as relay:
        async with mailer_of(relay.url) as mailer:
            assert isinstance(await mailer.send(mail(1, recipient="b@bücher.example")), MailSent)
            refused = await mailer.send(mail(2, recipient="josé@client.example"))
            assert isinstance(refused, MailRefused)
            assert not refused.is_dead_address
        assert [one.recipient for one in relay.taken()] == ["b@xn--bcher-kva.example"]
    with smtp_server(tmp_path / "utf8", smtputf8=True) as relay:
        async with mailer_of(relay.url) as mailer:
            assert isinstance(await mailer.send(mail(1, recipient="josé@bücher.example")), MailSent)
        assert [one.recipient for one in relay.taken()] == ["josé@xn--bcher-kva.example"]


async def test_lines_of_dots_and_lone_breaks_arrive_as_one_mail(tmp_path):
    smuggled = ".\r\n..\r\n\n.\n\r.\r\nMAIL FROM:<eve@evil.example>\r\nend"
    with smtp_server(tmp_path / "relay") as relay:
        async with mailer_of(relay.url) as mailer:
            assert isinstance(await mailer.send(mail(1, text=smuggled)), MailSent)
        (taken,) = relay.taken()
        lines = taken.raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
        assert lines[:2] == [b".", b".."]
        assert lines[-3:] == [b"MAIL FROM:<eve@evil.example>", b"end", b""]


async def test_opensmtpd_takes_each_mail_once_and_its_hundredth_on_a_connection_is_no_fault():
    with opensmtpd() as relay:
        async with mailer_of(relay.url, connections=2) as mailer:
            results = await send_all(mailer, [mail(n) for n in range(230)], at_once=2)
            refused = await mailer.send(mail(999, recipient="josé@client.example"))
        assert {type(one) for one in results} == {MailSent}
        assert isinstance(refused, MailRefused)
        await eventually(lambda: len(relay.kept()) >= 230)
        assert sorted(relay.message_ids()) == sorted(f"<{n}@studio.example>" for n in range(230))


async def test_opensmtpd_whose_disk_is_full_or_that_was_killed_takes_each_mail_later_and_once():
    with opensmtpd() as relay:
        async with mailer_of(relay.url) as mailer:
            assert isinstance(await mailer.send(mail(1)), MailSent)
            relay.fill()
            put_off = await mailer.send(mail(2))
            assert isinstance(put_off, MailLater)
            assert not put_off.is_of_recipient
            relay.make_room()
            assert isinstance(await mailer.send(mail(2)), MailSent)
            relay.kill()
            assert isinstance(await mailer.send(mail(3)), RelayAway)
            relay.start()
            assert isinstance(await mailer.send(mail(3)), MailSent)
        kept = [one.message_id for one in relay.placed().values()]
        assert kept == [f"<{n}@studio.example>" for n in (1, 2, 3)]


async def test_opensmtpd_that_is_killed_with_mails_under_way_makes_them_unknown_and_loses_none():
    with opensmtpd() as relay:
        relay.faults(Fault("dot", "delay", seconds=600))
        async with mailer_of(relay.url, connections=3) as mailer:
            sending = [asyncio.create_task(mailer.send(mail(n))) for n in range(3)]
            await eventually(lambda: relay.places() == 3)
            relay.kill()
            assert {type(one) for one in await asyncio.gather(*sending)} == {MailUnknown}
            relay.faults()
            relay.start()
            results = [await mailer.send(mail(n)) for n in range(3)]
        assert {type(one) for one in results} == {MailSent}
        kept = [one.message_id for one in relay.placed().values()]
        assert kept == [f"<{n}@studio.example>" for n in range(3)]
