"""What a mail program shows of a message: narrow and wide, light and dark, in six languages.

A page of a message is a file of its own: no service is asked for anything. TEST_MESSAGE_SCREENS
names a folder where pictures are put.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import ARGUMENTS, _chromium
from browser.test_access import OUTSIDE, RULES
from playwright.sync_api import sync_playwright

from app.domain.messages.facts import LANGUAGES
from app.domain.messages.staff import StaffFacts, StaffSum
from app.messages.compose.message import compose
from app.messages.compose.staff import compose_for_staff
from app.messages.compose.templates.samples import SAMPLES

AXE = Axe()
SIZES = {"narrow": {"width": 320, "height": 640}, "wide": {"width": 800, "height": 900}}
SCREENS = os.environ.get("TEST_MESSAGE_SCREENS")
STAFF = "for staff"
NAMES = (*SAMPLES, STAFF)
# Colours do not know of sizes: of the four pictures of a kind two are looked at by axe.
# TEST_MATRICES=whole looks at all.
IS_WHOLE = os.environ.get("TEST_MATRICES") == "whole"
LOOKED_AT = {("narrow", "light"), ("wide", "dark")}
# How much of the window the text column takes: on a phone it is not to be wasted on margins.
COLUMN = "() => document.querySelector('p').getBoundingClientRect().width / innerWidth"
# Without a font of Japanese its signs are narrow boxes, and lines end elsewhere.
SIGN_WIDTH = """() => {
    const sign = document.createElement('span');
    sign.textContent = '予';
    document.body.append(sign);
    return sign.getBoundingClientRect().width / parseFloat(getComputedStyle(sign).fontSize);
}"""
SUMS = StaffSum(3, "EUR", 123_456, 0), StaffSum(2, None, 0, 5)
SUMMARY = StaffFacts(
    "Burst pipe", 12, 340, SUMS, tuple(("refund_window_expired", one) for one in SUMS), 7
)


@pytest.fixture(scope="module")
def window():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=ARGUMENTS)
        asked = []
        context = chromium.new_context(java_script_enabled=True)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        yield page, asked
        chromium.close()


def page_of(name, language):
    if name == STAFF:
        to = replace(SAMPLES["mixed"].to, language=language)
        return compose_for_staff(SUMMARY, to, page_url="https://studio.test/jobs/1").html
    sample = SAMPLES[name]
    return compose(
        sample.facts,
        replace(sample.to, language=language, reply_to="desk@studio.test"),
        told_before=sample.told_before,
        text=sample.text,
        choice_url=sample.choice_url,
        page_url=sample.page_url or "https://studio.test/c/sample",
    ).html


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_message_is_for_everybody_on_any_screen(window, language):
    page, asked = window
    for name in NAMES:
        page.set_content(page_of(name, language))
        for scheme in ("light", "dark"):
            for size, viewport in SIZES.items():
                page.set_viewport_size(viewport)
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
                assert page.evaluate(OUTSIDE) == []
                if size == "narrow":
                    assert page.evaluate(COLUMN) > 0.85
                if IS_WHOLE or (size, scheme) in LOOKED_AT:
                    found = AXE.run(page, options=RULES)
                    assert not found.violations_count, found.generate_report()
                if SCREENS:
                    picture = f"{name.replace(' ', '-')}-{language}-{size}-{scheme}.png"
                    page.screenshot(path=Path(SCREENS) / picture, full_page=True)
    assert asked == []


def test_japanese_is_looked_at_in_a_font_of_its_own(window):
    page, _ = window
    page.set_content(page_of("mixed", "ja"))
    if page.evaluate(SIGN_WIDTH) < 1:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no Japanese font is here")


def test_long_names_and_many_sums_stay_on_a_narrow_screen(window):
    page, _ = window
    long = "x" * 200
    session = replace(SAMPLES["mixed"].facts.sessions[0], name=long, location=long, instructor=long)
    lines = tuple(
        replace(session.lines[0], currency=one, amount_minor=10**11)
        for one in ("EUR", "USD", "KWD", "HUF", "IDR")
    )
    sessions = tuple(replace(session, session_id=f"s{number}", lines=lines) for number in range(50))
    facts = replace(SAMPLES["mixed"].facts, sessions=sessions, reason=long)
    to = replace(SAMPLES["mixed"].to, language="de", client_name=long, business_name=long)
    page.set_viewport_size(SIZES["narrow"])
    page.set_content(compose(facts, to, text=long).html)
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")
    assert page.evaluate(OUTSIDE) == []


def test_without_its_style_rules_it_still_reads_in_order(window):
    """Some programs drop every style: what is said keeps its order and its headings."""
    page, _ = window
    page.set_content(page_of("mixed", "en"))
    page.evaluate(
        "() => document.querySelectorAll('[style]').forEach((one) => one.removeAttribute('style'))"
    )
    assert [one.inner_text() for one in page.get_by_role("heading").all()] == [
        "2 of your classes at Sample Studio have been cancelled",
        "Cancelled classes",
        "Yoga Flow",
        "Barre",
    ]
