"""A receipt on paper: it fits A4, is whole and has nothing to press, as Chromium prints it."""

import re

import pytest
from browser.pressing import choose, job_of, on_job_page, press, status
from playwright.sync_api import Page, expect

A4_LESS_MARGINS = 688  # CSS pixels in 182 mm
LONG = "Donaudampfschifffahrtselektrizit\u00e4tenhauptbetriebswerkbauunterbeamtengesellschaft " * 3
PAGE = re.compile(rb"/Type\s*/Page\b")  # of a PDF; its tree of pages is /Pages

# What is cut off at a side of the sheet, or by a box around it.
CUT = """() => [...document.querySelectorAll(".receipt *")].filter((one) => {
  const box = one.getBoundingClientRect();
  const isCut = one.clientWidth > 0 && one.scrollWidth > one.clientWidth + 1;
  return box.left < -1 || box.right > innerWidth + 1 || isCut;
}).map((one) => one.outerHTML.slice(0, 80))"""

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def press_print(page: Page) -> None:
    """Press what prints, and see the page as it is put on paper."""
    page.evaluate("window.print = () => (window.wasPrinted = true)")
    page.get_by_role("button", name="Print a receipt").click()
    page.wait_for_function("window.wasPrinted")
    page.set_viewport_size({"width": A4_LESS_MARGINS, "height": 1000})
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(CUT) == []


def sheets(page: Page) -> int:
    """So many does Chromium print; afterwards the page is as before."""
    return len(PAGE.findall(page.pdf(prefer_css_page_size=True)))


@on_sqlite
def test_a_receipt_with_the_longest_names_fits_one_sheet_and_is_all_that_is_printed(
    small_studio, page
):
    studio = small_studio
    name = LONG[:200]
    assert studio.ask("PUT", "/clients/kim", json={"name": name}).status_code == 200
    studio.town.faults_of(payments={"refuse_ids": {"pay-s1-kim": "refund_window_expired"}})
    choose(page, studio, "s1", "s2")
    page.get_by_label("Reason").fill(LONG[:200])
    press(page).click()
    on_job_page(page)
    expect(status(page)).to_contain_text("Completed with failures")
    press_print(page)
    receipt = page.locator(".receipt")
    expect(receipt).to_be_visible()
    for words in (
        "Sample Studio",
        "2 of 3 people have their money back",
        job_of(page),
        name.strip(),
        "Too late to refund to the card",
        "Yoga 1",
    ):
        expect(receipt).to_contain_text(words)
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("navigation")).to_have_count(0)
    black = receipt.evaluate("(one) => getComputedStyle(one).color")
    assert black == "rgb(0, 0, 0)"  # though the screen is dark
    assert sheets(page) == 1
    page.emulate_media(media="screen")
    expect(receipt).to_be_hidden()
    expect(page.get_by_role("button", name="Print a receipt")).to_be_visible()


@on_sqlite
def test_a_receipt_of_many_sessions_has_them_all_on_as_many_sheets_as_it_takes(studio, page):
    week = dict(part.split("=") for part in studio.week.split("&"))
    body = {"date_from": week["from"], "date_to": week["to"], "session_ids": "all"}
    accepted = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "all"}
    )
    page.goto(studio.signed_in(f"/jobs/{accepted.json()['id']}"))
    expect(status(page)).to_contain_text("Completed")
    press_print(page)
    expect(page.locator(".receipt tbody").last.get_by_role("row")).to_have_count(45)
    assert 2 <= sheets(page) <= 4
