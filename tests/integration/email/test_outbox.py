"""The outbox keeps the last mails, each whole and once, under names that are nobody's to choose."""

import asyncio
import os

import pytest
from integration.email.sending import mail

from app.gateways.email.mail import Mail, MailRefused, MailSent, RelayAway
from app.gateways.email.outbox import Outbox, kept_mails


async def test_a_mail_is_one_file_of_its_bytes_however_often_it_is_sent(tmp_path):
    outbox = Outbox(tmp_path / "var" / "outbox")
    assert kept_mails(tmp_path / "var" / "outbox") == []
    for _ in range(2):
        assert isinstance(await outbox.send(mail("a-1")), MailSent)
    (kept,) = kept_mails(tmp_path / "var" / "outbox")
    assert (kept.name, kept.read_bytes()) == ("a-1.eml", mail("a-1").raw)


async def test_the_last_are_kept_the_newest_first(tmp_path):
    outbox = Outbox(tmp_path, max_mails=3)
    for number in range(5):
        await outbox.send(mail(number))
        # Clocks of files are coarse.
        os.utime(tmp_path / f"{number}.eml", (number, number))
    assert isinstance(await outbox.send(mail(5)), MailSent)
    assert [path.name for path in kept_mails(tmp_path)] == ["5.eml", "4.eml", "3.eml"]


async def test_many_at_once_leave_whole_files_and_nothing_else(tmp_path):
    outbox = Outbox(tmp_path, max_mails=10)
    await asyncio.gather(*(outbox.send(mail(number % 20)) for number in range(100)))
    assert len(list(tmp_path.iterdir())) == len(kept_mails(tmp_path)) == 10
    for path in kept_mails(tmp_path):
        assert path.read_bytes() == mail(path.stem).raw


@pytest.mark.parametrize("message_id", ["../../etc/passwd", ".hidden", "a/b", "", "x" * 300, "é"])
async def test_an_id_that_is_no_name_of_a_file_stays_in_the_folder(tmp_path, message_id):
    folder = tmp_path / "outbox"
    sent = await Outbox(folder).send(Mail(message_id, "a@b.example", "c@d.example", b"x"))
    assert isinstance(sent, MailSent)
    assert [path.parent for path in kept_mails(folder)] == [folder]
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]


async def test_a_folder_that_can_t_be_written_is_a_relay_that_is_away(tmp_path):
    (tmp_path / "outbox").write_text("a file")
    assert isinstance(await Outbox(tmp_path / "outbox").send(mail(1)), RelayAway)


async def test_an_address_that_no_relay_takes_is_refused_here_too(tmp_path):
    assert isinstance(await Outbox(tmp_path).send(mail(1, recipient="a b@c")), MailRefused)
    assert kept_mails(tmp_path) == []
