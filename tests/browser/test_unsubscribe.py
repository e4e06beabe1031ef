"""A client stops their mail by their link: in their language, by one press, with a way back."""

import re
from email import message_from_bytes, policy

import httpx
import pytest
from browser.records import booking, client, next_monday, session
from browser.test_access import PHONE, examine, tab_to, walk
from browser.test_yours import press
from crash.processes import until
from playwright.sync_api import expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
LANGUAGES = {
    "en": ("Stop these e-mails", "Your e-mails about cancelled classes"),
    "fr": ("Arrêter ces e-mails", "Vos e-mails sur les cours annulés"),
    "de": ("Diese E-Mails abbestellen", "Ihre E-Mails zu abgesagten Stunden"),
    "es": ("Dejar de recibir estos correos", "Sus correos sobre clases canceladas"),
    "pt": ("Parar estes e-mails", "Seus e-mails sobre aulas canceladas"),
    "ja": ("メールの配信を停止する", "キャンセルに関するメール"),
}


LINK = re.compile(r"https://book\.example(/unsubscribe/\S+)")


def mail_in(outbox):
    """The words of the mails that have left."""
    mails = (
        message_from_bytes(one.read_bytes(), policy=policy.default) for one in outbox.rglob("*.eml")
    )
    return "\n".join(one.get_body(("plain",)).get_content() for one in mails)


class Mailed:
    """A studio that has told Kim of a cancelled class, and the link in the mail."""

    def __init__(self, studio, outbox):
        self.studio = studio
        assert studio.ask("PUT", "/message-settings", json={"unsubscribe": True}).is_success
        press(studio, messages={"clients": "email"})
        found = until(lambda: LINK.search(mail_in(outbox)))
        self.link = studio.url + found[1]

    def speaks(self, language):
        body = {"name": "Kim Li", "email": "kim@example.org", "language": language}
        assert self.studio.ask("PUT", "/clients/kim", json=body).is_success

    def wants_no_mail(self):
        return self.studio.ask("GET", "/clients/kim").json()["wants_no_mail"]


@pytest.fixture
def mailed(open_studio, tmp_path):
    monday = next_monday()
    lines = [
        client("kim", "Kim Li"),
        session("yoga", monday, 15),
        booking("b0", "yoga", ("CAD", 2005)),
    ]
    outbox = tmp_path / "outbox"
    return Mailed(open_studio(lines, public_url="https://book.example", outbox=outbox), outbox)


@on_sqlite
def test_a_client_stops_their_mail_by_the_keyboard_and_has_it_sent_again(mailed, contexts):
    page = contexts(bypass_csp=True).new_page()
    page.goto(mailed.link)
    expect(page.get_by_role("heading", level=1)).to_have_text(LANGUAGES["en"][1])
    expect(page.get_by_text("What comes back to you comes all the same")).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("Kim")
    assert page.locator('meta[name="robots"]').get_attribute("content") == "noindex"
    examine(page)
    assert walk(page) >= 1
    assert walk(page, PHONE) >= 1
    assert not mailed.wants_no_mail()
    tab_to(page, page.get_by_role("button", name="Stop these e-mails"))
    page.keyboard.press("Enter")
    stopped = "You get no e-mails about cancelled classes"
    expect(page.get_by_role("heading", level=1)).to_have_text(stopped)
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text(stopped)
    examine(page)
    assert mailed.wants_no_mail()
    page.reload()
    page.get_by_role("button", name="Send me these e-mails again").click()
    expect(page.get_by_role("button", name="Stop these e-mails")).to_be_visible()
    assert not mailed.wants_no_mail()


@on_sqlite
def test_it_is_in_the_client_s_language_and_fits_a_phone(mailed, contexts):
    page = contexts(bypass_csp=True).new_page()
    for language, (button, title) in LANGUAGES.items():
        mailed.speaks(language)
        page.goto(mailed.link)
        expect(page.get_by_role("button", name=button)).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page.locator("html")).to_have_attribute("lang", language)
        examine(page)


@on_sqlite
def test_a_link_that_is_not_whole_says_so_and_a_lost_answer_is_asked_for_again(mailed, contexts):
    page = contexts(bypass_csp=True).new_page()
    page.goto(mailed.link[:-3])
    expect(page.get_by_role("heading", level=1)).to_have_text("This link leads nowhere")
    examine(page)
    page.goto(mailed.link)
    lost = iter((True, False))

    def drop(route) -> None:
        if route.request.method == "PUT" and next(lost):
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/mail-preferences/*", drop)
    page.get_by_role("button", name="Stop these e-mails").click()
    expect(page.get_by_role("button", name="Send me these e-mails again")).to_be_visible()
    assert mailed.wants_no_mail()


@on_sqlite
def test_what_the_business_has_written_down_is_not_the_page_s_to_change(mailed, contexts):
    body = {"name": "Kim Li", "email": "kim@example.org", "wants_no_mail": True}
    assert mailed.studio.ask("PUT", "/clients/kim", json=body).is_success
    page = contexts(bypass_csp=True).new_page()
    page.goto(mailed.link)
    expect(page.get_by_text("has noted that you want none")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    examine(page)
    with httpx.Client(trust_env=False, verify=False) as http:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for _ in range(2):  # a mail program's one click, over a socket
            answer = http.post(mailed.link, content="List-Unsubscribe=One-Click", headers=headers)
            assert (answer.status_code, answer.content) == (200, b"")
    page.reload()
    expect(page.get_by_role("button", name="Send me these e-mails again")).to_be_visible()
