"""The demo's mails on a page: for this machine alone, and nothing of a mail runs."""

from email.message import EmailMessage

import pytest
from integration.test_pages import STRICT, TRUSTED_TYPES, directives
from pydantic import SecretStr
from worlds.queue import Unheard
from worlds.studio import calling

from app.config.settings import Settings
from app.gateways.email.mail import Mail
from app.gateways.email.outbox import Outbox
from app.main import create_app

HERE = "http://127.0.0.1:8000"
HOSTILE = "<script>alert(1)</script> & <img src=x onerror=alert(2)>"


@pytest.fixture
def database_url(sqlite_url):
    """These pages ask no database."""
    return sqlite_url


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "outbox"


@pytest.fixture
def demo(db, folder):
    """What `demo` serves, with other settings."""

    def made(*, demo_key="bck_x_y", **settings):
        settings = Settings(outbox=folder, **settings)
        return create_app(settings, database=db, queue=Unheard(), demo_key=demo_key)

    return made


def a_mail(subject="Yoga is cancelled", text="It is cancelled.", html="<p>It is cancelled.</p>"):
    mail = EmailMessage()
    mail["Subject"], mail["To"], mail["From"] = subject, "kim@example.org", "Studio <a@b.example>"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


async def keep(folder, name, raw):
    await Outbox(folder).send(Mail(name, "a@b.example", "kim@example.org", raw))


async def get(app, path, *, base=HERE):
    async with calling(app) as http:
        http.base_url = base
        return await http.get(path)


async def test_the_mails_are_listed_and_shown_as_text_and_as_a_page(demo, folder):
    app = demo()
    assert "Nothing has been sent yet" in (await get(app, "/outbox")).text
    await keep(folder, "m-1", a_mail(text="See https://book.example/choose/x?a=1&b=2 soon."))
    listed = await get(app, "/outbox")
    assert '<a href="/outbox/m-1">Yoga is cancelled</a>' in listed.text
    shown = await get(app, "/outbox/m-1")
    link = "https://book.example/choose/x?a=1&amp;b=2"
    assert f'<a href="{link}">{link}</a>' in shown.text
    assert 'sandbox="" src="/outbox/m-1/page"' in shown.text
    assert "<p>It is cancelled.</p>" in (await get(app, "/outbox/m-1/page")).text
    for answer in (listed, shown):
        policy = directives(answer.headers["Content-Security-Policy"])
        assert policy == STRICT | TRUSTED_TYPES | {"frame-src": {"'self'"}}
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_nothing_that_a_mail_holds_becomes_markup_of_ours_or_runs_in_its_frame(demo, folder):
    app = demo()
    await keep(folder, "m-1", a_mail(subject=HOSTILE, text=HOSTILE, html=HOSTILE))
    for path in ("/outbox", "/outbox/m-1"):
        text = (await get(app, path)).text
        assert "<script" not in text
        assert "<img" not in text
    framed = await get(app, "/outbox/m-1/page")
    policy = directives(framed.headers["Content-Security-Policy"])
    assert policy["sandbox"] == set()  # not even where the frame is opened by itself
    assert policy["default-src"] == {"'none'"}
    assert policy["frame-ancestors"] == {"'self'"}
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("name", ["..%2f..%2fsecret", "%2e%2e", "absent", "m-1.eml", "%00"])
async def test_a_name_is_no_path(demo, folder, name):
    await keep(folder, "m-1", a_mail())
    (folder.parent / "secret.eml").write_bytes(a_mail(subject="secret"))
    assert (await get(demo(), f"/outbox/{name}")).status_code == 404


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"Subject: =?x?q?=ff?=\n\nx", b"Content-Type: x/y\n\n"]
)
async def test_a_file_that_is_no_mail_of_ours_is_shown_all_the_same(demo, folder, raw):
    await keep(folder, "m-1", raw)
    for path in ("/outbox", "/outbox/m-1", "/outbox/m-1/page"):
        assert (await get(demo(), path)).status_code == 200, path


async def test_a_name_of_elsewhere_that_leads_here_is_shown_nothing(demo, folder):
    await keep(folder, "m-1", a_mail())
    for path in ("/outbox", "/outbox/m-1", "/outbox/m-1/page"):
        for host in ("http://localhost:8000", "http://[::1]:8000"):
            assert (await get(demo(), path, base=host)).status_code == 200, (path, host)
        for host in (
            "http://evil.example:8000",
            "http://192.0.2.1",
            "http://127.0.0.1.evil.example",
        ):
            assert (await get(demo(), path, base=host)).status_code == 404, (path, host)


async def test_only_a_demo_without_a_relay_has_an_outbox_to_look_at(demo, folder):
    await keep(folder, "m-1", a_mail())
    relay = {"smtp_url": SecretStr("smtp://localhost"), "mail_from": "a@b.example"}
    for app in (
        demo(demo_key=None),
        demo(**relay),
        demo(redis_url="redis://127.0.0.1:6379/0", database_url="postgresql+asyncpg://x@y/z"),
    ):
        for path in ("/outbox", "/outbox/m-1", "/outbox/m-1/page"):
            assert (await get(app, path)).status_code == 404, path
