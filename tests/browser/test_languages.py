"""Clients' pages in each language: the business's, or a client's own; from right to left, too."""

import json
import re

import pytest
from browser.public_week import cancel
from browser.records import booking, client, next_monday, session
from browser.test_access import examine
from browser.test_yours import link_of, press
from playwright.sync_api import BrowserContext, Page, expect

from app.domain.messages.facts import LANGUAGES

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CANCELLED = {
    "en": "Cancelled",
    "fr": "Annulé",
    "de": "Abgesagt",
    "es": "Cancelada",
    "pt": "Cancelada",
    "ja": "キャンセル",
    "ar": "ملغاة",
}
IS_BACK = {
    "en": "Everything is back",
    "fr": "Tout vous a été rendu",
    "de": "Alles ist zurück",
    "es": "Todo está devuelto",
    "pt": "Tudo foi devolvido",
    "ja": "すべてのお返しが完了しました",
    "ar": "عاد إليك كل شيء",
}
STORE_CREDIT = {
    "en": "Store credit",
    "fr": "Avoir",
    "de": "Guthaben",
    "es": "Saldo",
    "pt": "Saldo",
    "ja": "ストアクレジット",
    "ar": "رصيد في المتجر",
}


def lines() -> list[bytes]:
    monday = next_monday()
    clients = [client(language, "Kim Li") for language in LANGUAGES]
    bookings = [
        booking(f"b-{language}", "yoga", ("CAD", 2005), client_id=language)
        for language in LANGUAGES
    ]
    return [*clients, session("yoga", monday, 15), session("spin", monday, 22), *bookings]


def speaks(studio, **members) -> None:
    answer = studio.ask("PUT", "/message-settings", json=members)
    assert answer.status_code == 200, answer.text


def expect_language(page: Page, language: str) -> None:
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")


@on_sqlite
def test_the_public_week_speaks_the_business_s_language_and_another_once_it_is_set(
    open_studio, contexts
):
    studio = open_studio(lines())
    cancel(studio, ["yoga"])
    page = contexts(bypass_csp=True).new_page()
    page.clock.install()
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    for language in LANGUAGES:
        speaks(studio, language=language, hour_cycle="h23")
        page.clock.fast_forward(10_000)
        expect(page.locator(".badge.cancelled")).to_have_text(CANCELLED[language])
        expect_language(page, language)
        expect(page.locator('[data-session="spin"] .time')).to_contain_text(re.compile("^1[78]"))
        page.locator("summary").click()
        examine(page)
        page.locator("summary").click()
    page.goto(f"{studio.url}/embed/studio?from={studio.monday}")
    expect(page.locator(".badge.cancelled")).to_have_text(CANCELLED["ar"])
    expect_language(page, "ar")


@on_sqlite
def test_a_client_s_page_and_choice_speak_their_own_language(open_studio, contexts):
    studio = open_studio(lines())
    speaks(studio, language="de")
    terms = {"choice": {"within_hours": 48}}
    job = press(studio, session_ids=["yoga"], terms=terms)
    page = contexts(bypass_csp=True).new_page()
    for language in LANGUAGES:
        body = {"name": "Kim Li", "language": language}
        assert studio.ask("PUT", f"/clients/{language}", json=body).is_success
        link = link_of(studio, job, language)
        page.goto(link.replace("/yours/", "/choose/"))
        expect_language(page, language)
        button = (
            page.locator("section").filter(has_text=STORE_CREDIT[language]).get_by_role("button")
        )
        examine(page)
        button.last.click()
        expect(page.locator(".flash")).to_be_visible()
        examine(page)
        page.goto(link)
        expect(page.get_by_role("heading", level=1)).to_have_text(IS_BACK[language])
        expect_language(page, language)
        examine(page)
    assert studio.ask("PUT", "/clients/en", json={"name": "Kim Li"}).is_success
    page.goto(link_of(studio, job, "en"))
    expect_language(page, "de")  # theirs is not known any more: their business's


def language_of(contexts, studio, languages: str | list[str]) -> Page:
    """A page whose link leads nowhere, in a browser that reads these."""
    context: BrowserContext = contexts()
    said = json.dumps(languages)
    context.add_init_script(f"Object.defineProperty(navigator, 'languages', {{ value: {said} }})")
    page = context.new_page()
    page.goto(f"{studio.url}/unsubscribe/x.y")
    return page


@on_sqlite
def test_what_nobody_has_said_a_language_of_is_in_the_browser_s_or_in_english(
    open_studio, contexts
):
    studio = open_studio([])
    page = language_of(contexts, studio, ["ca", "fr-CA", "en"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Ce lien ne mène nulle part")
    expect_language(page, "fr-CA")
    page = language_of(contexts, studio, ["ca", "zh"])
    expect(page.get_by_role("heading", level=1)).to_have_text("This link leads nowhere")


@on_sqlite
def test_a_page_whose_words_can_t_be_had_is_in_english(open_studio, contexts):
    studio = open_studio(lines())
    speaks(studio, language="ar")
    cancel(studio, ["yoga"])
    page = contexts().new_page()
    page.route("**/languages/ar.js", lambda route: route.abort())
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".badge.cancelled")).to_have_text("Cancelled")
    expect_language(page, "en")
