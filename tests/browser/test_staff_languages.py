"""Staff's pages in the business's language: the whole journey, without a word of English."""

import pytest
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from browser.test_access import examine
from browser.test_languages import expect_language, speaks
from browser.test_weight import MAX_BYTES
from playwright.sync_api import Page, expect

# Nothing of this depends on the database.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
each_language = pytest.mark.parametrize("language", ["de", "ja", "ar"])

# Phrases of English that are seen or heard on the page, and are not that language's, too: each in
# the order of its words around what it names.
ENGLISH = """async (language) => {
  const areas = ["", "/frame", "/plan", "/terms", "/messages", "/job", "/settings"];
  const words = async (one) => {
    const file = (area) => import(`/console/languages/${one}${area}.js`);
    const all = await Promise.all(areas.map(file));
    const groups = all.flatMap((area) => Object.values(area.default));
    return groups.flatMap((group) => Object.values(group)).flatMap((phrase) =>
      typeof phrase === "string" ? [phrase] : Object.values(phrase));
  };
  const [english, theirs] = await Promise.all(["en", language].map(words));
  const literal = (text) => text.replace(/[.*+?^${}()|[\\]\\\\]/g, "\\\\$&");
  const sought = english.filter((one) => one.replace(/\\{\\w+\\}|[^A-Za-z]/g, "").length > 3);
  const patterns = sought.map((one) => [one, new RegExp(
    `(?<![A-Za-z])${one.split(/\\{\\w+\\}/).map(literal).join(".+?")}(?![A-Za-z])`)]);
  const isTheirs = ([, pattern]) => theirs.some((one) => pattern.test(one));
  const foreign = patterns.filter((one) => !isTheirs(one));
  const said = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const own = walker.currentNode.parentElement.closest("[lang]");
    if (!own || own === document.documentElement) said.push(walker.currentNode.data);
  }
  for (const name of ["aria-label", "placeholder", "title", "alt"])
    for (const one of document.querySelectorAll(`[${name}]`)) said.push(one.getAttribute(name));
  // What the payment service has said of a refund is in its own words.
  const upstreams = /(\\S+ cannot be given back: )?refund window expired/g;
  const bare = (text) => text.replace(/[\\u2066-\\u2069]/g, "").replace(upstreams, "");
  return said.flatMap((text) =>
    foreign.filter(([, pattern]) => pattern.test(bare(text))).map(([one]) => [one, text]));
}"""


def lines() -> list[bytes]:
    """Two sessions with three people: two have paid with a card, one with credits."""
    monday = next_monday()
    people = [client("kim", "Kim Li"), client("ana", "Ana Vogt"), client("leo", "Leo Sá")]
    paid = [
        booking("b-kim", "yoga", ("CAD", 2005), client_id="kim"),
        booking("b-ana", "spin", ("CAD", 1500), client_id="ana"),
        booking("b-leo", "spin", ("credits", 2), client_id="leo"),
    ]
    return [
        *people,
        session("yoga", monday, 15, instructor="Noa"),
        session("spin", monday, 16, instructor="Noa"),
        *paid,
    ]


def look(page: Page, language: str) -> None:
    """What axe objects to, what sticks out on a phone, and English that is left: none of it."""
    expect_language(page, language)
    examine(page)
    assert page.evaluate(ENGLISH, language) == []


@on_sqlite
@each_language
def test_an_administrator_chooses_checks_cancels_and_closes_in_their_business_s_language(
    open_studio, contexts, language
):
    studio = open_studio(lines())
    speaks(studio, language=language, hour_cycle="h23", clients="email")
    studio.town.faults_of(payments={"refuse": {"refund_window_expired": 1.0}})
    page = contexts(bypass_csp=True).new_page()
    sign_in(page, studio, f"/?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(2)
    look(page, language)
    page.locator(".card .open").first.click()
    expect(page.locator("[data-booking]")).to_have_count(1)
    look(page, language)
    page.get_by_role("dialog").get_by_role("button").click()
    page.locator(".menu > button").click()
    page.locator('.menu a[href^="/bulk-cancel"]').click()
    choose(page, language)
    cancel(page, language)
    close(page, language)
    page.locator('nav a[href="/jobs"]').click()
    expect(page.locator("tbody tr")).to_have_count(1)
    look(page, language)
    page.goto(f"{studio.url}/clients?client=kim")
    expect(page.locator("[data-booking]")).to_have_count(1)
    look(page, language)


def choose(page: Page, language: str) -> None:
    expect(page.locator(".row")).to_have_count(2)
    look(page, language)
    page.locator(".row input").nth(1).check()
    expect(page.locator(".more button")).to_have_count(1)
    look(page, language)
    page.locator(".row input").first.check()
    expect(page.locator(".press")).to_be_enabled()
    for summary in page.locator(".plan summary").all():
        summary.click()
    expect(page.locator(".letter")).to_be_visible()
    page.locator(".check button").click()
    expect(page.locator(".check h3")).to_be_visible()
    look(page, language)


def cancel(page: Page, language: str) -> None:
    page.locator("#hold").select_option("0")
    page.locator(".presets button").first.click()
    page.locator(".press").click()
    expect(page.locator("dialog .danger")).to_be_enabled()
    look(page, language)
    with page.expect_download():
        page.locator("dialog .danger").click()


def close(page: Page, language: str) -> None:
    """What could not be returned is closed by hand, and that is among what was done."""
    expect(page.locator("[data-refund]")).to_have_count(2)
    page.locator(".past summary").first.click()
    expect(page.locator(".past li").first).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("[data-message]")).to_have_count(3)
    look(page, language)
    page.locator("[data-refund] .acts button").last.click()
    look(page, language)
    page.locator("dialog #reference").fill("17")
    page.locator("dialog .primary").click()
    expect(page.locator("[data-refund]")).to_have_count(1)
    page.locator(".steps + details summary").click()
    expect(page.locator("[data-resolved]")).to_have_count(1)
    look(page, language)


@on_sqlite
@each_language
def test_the_settings_speak_the_business_s_language(open_studio, contexts, language):
    studio = open_studio(lines())
    speaks(studio, language=language, clients="email")
    endpoint = {"url": "https://studio.example/hook", "event_types": ["refund.failed"]}
    assert studio.ask("POST", "/webhook-endpoints", json=endpoint).is_success
    page = contexts(bypass_csp=True).new_page()
    sign_in(page, studio, "/settings")
    expect(page.locator(".card")).to_have_count(8)
    look(page, language)
    page.goto(f"{studio.url}/settings/business")
    expect(page.locator("dl")).to_have_count(2)
    look(page, language)
    for path in ("/terms", "/settings/messages", "/settings/page", "/settings/limits"):
        page.goto(f"{studio.url}{path}")
        expect(page.locator("form .primary").first).to_be_enabled()
        look(page, language)
    limits = {"money": [{"currency": "CAD", "amount_minor": 5000}], "people": 3, "credits": 2}
    assert studio.ask("PUT", "/approval-limits", json=limits).is_success
    assert studio.ask(
        "PUT", "/retention", json={"job_days": 2, "message_days": 11, "client_days": 3}
    ).is_success
    page.goto(f"{studio.url}/settings/limits")
    expect(page.locator("tbody tr")).to_have_count(1)
    look(page, language)
    page.goto(f"{studio.url}/settings/privacy?client=kim")
    expect(page.locator("tbody tr")).to_have_count(1)
    look(page, language)
    page.locator("form .danger").click()
    expect(page.locator("dialog .danger")).to_be_visible()
    look(page, language)
    page.locator("dialog button").first.click()
    page.goto(f"{studio.url}/settings/webhooks")
    expect(page.locator("#hook-url")).to_have_css("direction", "ltr")  # it is an address
    page.locator("[data-endpoint] summary").click()
    expect(page.locator("[data-endpoint] .told li")).to_have_count(1)
    look(page, language)
    page.goto(f"{studio.url}/settings/keys")
    page.locator("#key-role").select_option("")
    page.locator("[name=scope]").first.check()
    page.locator("#key-name").fill("kasse")
    page.locator("form .primary").click()
    expect(page.locator("#secret")).to_be_visible()
    look(page, language)
    page.locator("dialog .primary").click()
    expect(page.locator("[data-key]")).to_have_count(2)
    page.locator("[data-key] button").first.click()
    expect(page.locator("dialog")).to_be_visible()
    look(page, language)


@on_sqlite
def test_the_pages_speak_another_language_once_it_is_set_and_english_where_its_words_can_t_be_had(
    open_studio, contexts
):
    studio = open_studio(lines())
    page = contexts().new_page()
    sign_in(page, studio, f"/?from={studio.monday}")
    expect(page.locator(".menu > button")).to_have_accessible_name("Schedule settings")
    expect_language(page, "en")
    speaks(studio, language="fr", hour_cycle="h12")
    page.locator('nav a[href="/jobs"]').click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Annulations groupées")
    expect_language(page, "fr")
    page.locator('nav a[href="/"]').click()
    expect(page.locator(".menu > button")).to_have_accessible_name("Menu du planning")
    page.route("**/languages/ar/frame.js", lambda route: route.abort())
    speaks(studio, language="ar")
    page.locator('nav a[href="/jobs"]').click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bulk cancellations")
    expect_language(page, "en")


@on_sqlite
def test_who_is_not_signed_in_is_spoken_to_as_their_browser_reads(open_studio, contexts):
    studio = open_studio([])
    page = contexts(locale="pt-BR").new_page()
    page.goto(studio.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("Entrar")
    expect_language(page, "pt-BR")


@on_sqlite
def test_staff_s_words_are_no_part_of_a_client_s_page_and_little_of_the_first_one(
    open_studio, contexts
):
    studio = open_studio(lines())
    speaks(studio, language="ar")
    page = contexts().new_page()
    asked, sizes = [], []
    page.on("request", lambda request: asked.append(request.url))
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    cdp.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(2)
    assert [url for url in asked if url.endswith("/languages/ar.js")]
    assert not [url for url in asked if "/say/" in url or "/languages/ar/" in url]
    page.goto("about:blank")
    sizes.clear()
    sign_in(page, studio, f"/?from={studio.monday}")
    expect(page.locator(".card")).to_have_count(2)
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if url.endswith("/languages/ar/frame.js")]
    assert not [url for url in asked if url.endswith("/languages/ar/job.js")]
    assert sum(sizes) < MAX_BYTES
