"""The settings: keys, messages and webhooks on the public API, each for who may see them."""

import re

import pytest
from browser.records import booking, client, next_monday, session
from browser.steps import sign_in
from browser.test_access import examine, tab_to, walk
from crash.processes import until
from playwright.sync_api import Page, expect
from worlds.sample_keys import SECRETS_KEY

from app.api.webhooks.webhook_bodies import Subscribable
from app.auth.roles import SCOPES_OF_ROLES, Scope
from app.domain.messages.settings import Language
from app.domain.statuses import DeliveryStatus, DisabledBecause, EndpointStatus, KeyStatus

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
TABLES = """() => Promise.all(
  ["access_words", "webhook_words", "message_words"].map((one) => import(`/console/${one}.js`))
).then(([{ ROLE, KEY, scopeWords }, { EVENTS, ENDPOINT, DELIVERY }, { LANGUAGES }]) => ({
  scopes: ROLE.owner.filter(scopeWords), roles: ROLE, keys: Object.keys(KEY), events: EVENTS,
  endpoints: Object.keys(ENDPOINT), deliveries: Object.keys(DELIVERY),
  languages: LANGUAGES.map(([code]) => code),
}))"""


@on_sqlite
def test_the_settings_have_words_for_all_that_the_api_has(open_studio, page):
    studio = open_studio([])
    page.goto(f"{studio.url}/c/studio")
    words = page.evaluate(TABLES)
    assert sorted(words["scopes"]) == sorted(Scope)
    assert {name: sorted(scopes) for name, scopes in words["roles"].items()} == {
        role: sorted(scopes) for role, scopes in SCOPES_OF_ROLES.items()
    }
    assert sorted(words["keys"]) == sorted(KeyStatus)
    assert sorted(words["events"]) == sorted(Subscribable)
    assert sorted(words["endpoints"]) == sorted(EndpointStatus)
    assert sorted(words["deliveries"]) == sorted(DeliveryStatus)
    assert sorted(words["languages"]) == sorted(Language)
    assert len(DisabledBecause) == 3


def row_of(page: Page, name: str):
    return page.get_by_role("region", name="All keys").get_by_role("listitem").filter(has_text=name)


def test_a_key_is_made_shown_once_rotated_and_revoked(open_studio, contexts):
    page = contexts(bypass_csp=True).new_page()
    studio = open_studio([])
    sign_in(page, studio)
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    examine(page)
    page.get_by_role("link", name="Keys").click()
    name = "N" * 200
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Only these locations").fill("Harbour\n\n Hill ")
    page.get_by_label("Role", exact=True).select_option("Manager")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("alert").filter(has_text="limited to locations")).to_be_visible()
    page.get_by_label("Role", exact=True).select_option("Front desk")
    page.get_by_label("It ends", exact=True).select_option("In 30 days")
    page.get_by_role("button", name="Make the key").click()
    dialog = page.get_by_role("dialog")
    secret = dialog.get_by_label("Key", exact=True).input_value()
    examine(page)
    dialog.get_by_role("button", name="I have it").click()
    expect(row_of(page, name)).to_contain_text("Front desk")
    expect(row_of(page, name)).to_contain_text("Only Harbour, Hill")
    assert secret not in page.content()  # it was shown once
    examine(page)
    walk(page)

    def may(key: str) -> int:
        return studio.ask(
            "GET", "/business", headers={"Authorization": f"Bearer {key}"}
        ).status_code

    assert may(secret) == 200
    row_of(page, name).get_by_role("button", name="New secret").click()
    examine(page)
    dialog.get_by_label("And the old one").select_option(
        "The old secret has become known: it ends now"
    )
    dialog.get_by_role("button", name="Give it a new secret").click()
    expect(dialog.get_by_label("Key", exact=True)).not_to_have_value(secret)
    newer = dialog.get_by_label("Key", exact=True).input_value()
    dialog.get_by_role("button", name="I have it").click()
    expect(page.get_by_text("has a new secret.")).to_be_focused()
    until(lambda: may(secret) == 401)
    assert may(newer) == 200
    row_of(page, name).get_by_role("button", name="Revoke").click()
    dialog.get_by_role("button", name="Leave it").click()
    expect(row_of(page, name)).to_contain_text("In force")
    row_of(page, name).get_by_role("button", name="Revoke").click()
    dialog.get_by_role("button", name="Revoke it").click()
    expect(row_of(page, name)).to_contain_text("Revoked")
    # The last key that manages stays: the service says so, and the page says it.
    row_of(page, "front desk").get_by_role("button", name="Revoke").click()
    dialog.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_role("alert").filter(has_text=re.compile(".+")).first).to_be_visible()


@on_sqlite
def test_who_may_not_manage_keys_is_not_offered_them(open_studio, contexts):
    studio = open_studio([])
    made = studio.ask(
        "POST",
        "/keys",
        json={"name": "desk", "role": "front_desk"},
        headers={"Idempotency-Key": "desk"},
    ).json()
    page = contexts().new_page()
    page.goto(f"{studio.url}/settings#key={made['token']}")
    expect(page.get_by_role("link", name="Messages")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="Keys")).to_have_count(0)
    expect(page.get_by_role("main").get_by_role("link", name="Webhooks")).to_have_count(0)
    expect(page.get_by_role("main").get_by_role("link", name="Personal data")).to_have_count(0)
    for path, scope in (
        ("keys", "business:manage"),
        ("privacy", "business:manage"),
        ("webhooks", "webhooks:manage"),
    ):
        page.goto(f"{studio.url}/settings/{path}")
        expect(page.get_by_text(f"they need the scope {scope}")).to_be_visible()
    for path in ("messages", "limits"):
        page.goto(f"{studio.url}/settings/{path}")
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
        expect(page.get_by_text("Your key may read these.")).to_be_visible()
    page.goto(f"{studio.url}/settings/business")
    expect(page.get_by_role("region", name="Your key")).to_contain_text("See the schedule")


@on_sqlite
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Terms", "terms"),
        ("Messages", "message-settings"),
        ("Your page", "public-page"),
        ("Limits", "approval-limits"),
        ("Personal data", "retention"),
        ("Keys", "keys"),
        ("Webhooks", "webhook-endpoints"),
    ],
)
def test_a_page_that_is_not_answered_says_so_and_comes_once_it_is(
    open_studio, contexts, name, asked
):
    studio = open_studio([], secrets_key=SECRETS_KEY)
    page = contexts().new_page()
    sign_in(page, studio, "/settings")
    ways = page.get_by_role("main").get_by_role("link", name=name, exact=True)
    expect(ways).to_be_visible()
    page.route(f"**/v1/{asked}*", lambda route: route.abort())
    ways.click()
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("Trying again")
    page.unroute(f"**/v1/{asked}*")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_messages_are_set_with_words_of_the_business_and_what_is_wrong_is_named(
    open_studio, contexts
):
    page = contexts(bypass_csp=True).new_page()
    studio = open_studio([])
    sign_in(page, studio, "/settings/messages")
    page.get_by_label("Tell clients").select_option("By e-mail")
    page.get_by_label("Summary to staff").fill("nobody")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_label("Summary to staff")).to_be_focused()
    examine(page)
    page.get_by_label("Summary to staff").fill("owner@example.org, desk@example.org")
    page.get_by_label("Subject (optional)").fill("S" * 200)
    page.get_by_label("Each message has a link that stops them").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The settings are saved").first).to_be_visible()
    kept = studio.ask("GET", "/message-settings").json()
    assert (kept["clients"], kept["staff"]) == ("email", ["owner@example.org", "desk@example.org"])
    assert (kept["subject"], kept["unsubscribe"], kept["within_hours"]) == ("S" * 200, True, 72)

    words = page.get_by_role("region", name="Words of your own")
    words.get_by_label("Language", exact=True).select_option("Français")
    words.get_by_label("Message", exact=True).fill(
        "Bonjour"
    )  # which leaves out what a client must hear
    words.get_by_role("button", name="Save these words").click()
    expect(words.get_by_role("alert")).not_to_be_empty()
    words.get_by_label("Message", exact=True).fill("Bonjour {{ client_name }}\n{{ details }}")
    words.get_by_role("button", name="Save these words").click()
    expect(words).to_contain_text("In Français your own words are in force.")
    examine(page)
    walk(page)
    assert [one["language"] for one in studio.ask("GET", "/message-templates").json()["data"]] == [
        "fr"
    ]
    words.get_by_role("button", name="Go back").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    expect(words).to_contain_text("In Français the service's words are in force.")
    assert studio.ask("GET", "/message-templates").json()["data"] == []


def test_limits_are_set_and_what_is_wrong_is_named_at_its_field(open_studio, contexts):
    page = contexts(bypass_csp=True).new_page()
    studio = open_studio([])
    sign_in(page, studio, "/settings/limits")
    expect(page.get_by_text("Nobody has set limits yet")).to_be_visible()
    save = page.get_by_role("button", name="Save", exact=True)
    amount = page.get_by_label("Amount 1", exact=True)
    amount.fill("2000.123")
    save.click()
    expect(amount).to_be_focused()
    expect(page.get_by_role("alert").filter(has_text="CAD")).to_be_visible()
    examine(page)
    amount.fill("2000")
    page.get_by_label("Percent of a week").fill("101")
    save.click()
    expect(page.get_by_label("Percent of a week")).to_be_focused()
    page.get_by_label("Percent of a week").fill("30")
    page.get_by_label("People with a booking").fill("many")
    save.click()
    expect(page.get_by_label("People with a booking")).to_be_focused()
    assert studio.ask("GET", "/approval-limits").json()["set_at"] is None  # nothing was changed
    page.get_by_label("People with a booking").fill("100")
    page.get_by_label("Hours that an approval is waited for").fill("")
    save.click()
    expect(page.get_by_text("The limits are saved").first).to_be_visible()
    expect(page.get_by_label("Hours that an approval is waited for")).to_have_value("72")
    words = "above any of these: CA$2,000.00; 100 people; 30 % of a week's sessions."
    history = page.get_by_role("region", name="Who set them").locator("tbody tr")
    expect(history).to_have_count(1)
    expect(history).to_contain_text(words)
    examine(page)
    walk(page)
    kept = studio.ask("GET", "/approval-limits").json()
    assert kept["money"] == [{"currency": "CAD", "amount_minor": 200_000}]
    assert (kept["people"], kept["share_of_week_percent"]) == (100, 30)
    assert (kept["credits"], kept["sessions"], kept["within_hours"]) == (None, None, 72)
    amount.fill("")
    page.get_by_label("People with a booking").fill("")
    page.get_by_label("Percent of a week").fill("")
    save.click()
    expect(history).to_have_count(2)
    expect(history.first).to_contain_text("Nothing needs an approval.")
    assert studio.ask("GET", "/approval-limits").json()["money"] is None


def test_personal_data_is_kept_for_so_long_saved_as_a_file_and_erased(open_studio, contexts):
    page = contexts(bypass_csp=True).new_page()
    lines = [
        client("kim", "Kim Li"),
        session("yoga", next_monday(), 15, instructor="Noa"),
        booking("b-kim", "yoga", ("CAD", 2005), client_id="kim"),
    ]
    studio = open_studio(lines, secrets_key=SECRETS_KEY)
    sign_in(page, studio, "/clients?client=kim")
    page.get_by_role("link", name="Personal data of this client").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Personal data")
    earlier = {"client_days": 1000, "job_days": 700}
    assert studio.ask("PUT", "/retention", json=earlier).is_success
    page.reload()
    page.get_by_label("Messages to clients, in days").fill("90")
    page.get_by_label("Names and addresses in cancellations that have ended").fill("")
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog")
    examine(page)
    dialog.get_by_role("button", name="Leave it").click()
    assert studio.ask("GET", "/retention").json()["message_days"] is None  # nobody said yes
    page.get_by_role("button", name="Save", exact=True).click()
    dialog.get_by_role("button", name="Save and remove").click()
    expect(page.get_by_text("what is older is being removed").first).to_be_visible()
    history = page.get_by_role("region", name="Who set them").locator("tbody tr")
    expect(history).to_have_count(2)
    expect(history.first).to_contain_text("Messages are removed after 90 days.")
    kept = studio.ask("GET", "/retention").json()
    assert (kept["job_days"], kept["message_days"], kept["client_days"]) == (None, 90, 1000)
    examine(page)
    walk(page)

    one = page.get_by_role("region", name="One client")
    with page.expect_download() as saved:
        one.get_by_role("button", name="Download all that is held").click()
    assert saved.value.suggested_filename == "client-kim.json"
    assert "Kim Li" in saved.value.path().read_text()
    one.get_by_role("button", name="Erase").click()
    examine(page)
    dialog.get_by_role("button", name="Leave it").click()
    assert studio.ask("GET", "/clients/kim/erasure").status_code == 404
    one.get_by_role("button", name="Erase").click()
    dialog.get_by_role("button", name="Erase them").click()
    expect(one.get_by_text("nothing says any more who they were")).to_be_visible()
    assert studio.ask("GET", "/clients/kim/erasure").json()["status"] == "done"
    assert "Kim Li" not in studio.ask("GET", "/clients/kim/personal-data").text
    examine(page)
    page.get_by_label("The client's id").fill("nobody")
    one.get_by_role("button", name="Download all that is held").click()
    expect(one.get_by_role("alert")).not_to_be_empty()


def test_the_business_s_page_says_what_is_set_and_what_the_key_may_do(open_studio, contexts):
    page = contexts(bypass_csp=True).new_page()
    studio = open_studio([])
    sign_in(page, studio, "/settings/business")
    facts = page.get_by_role("region", name="Business", exact=True)
    expect(facts).to_contain_text("America/Toronto: it is")
    expect(facts).to_contain_text("CAD")
    expect(facts).to_contain_text("English")
    expect(page.get_by_role("region", name="Your key")).to_contain_text("Everything")
    examine(page)
    walk(page)


def test_the_keyboard_alone_adds_an_endpoint_tests_it_and_deletes_it(open_studio, contexts):
    page = contexts(bypass_csp=True).new_page()
    studio = open_studio([], secrets_key=SECRETS_KEY)
    sign_in(page, studio, "/settings/webhooks")
    expect(page.get_by_text("There are no endpoints yet.")).to_be_visible()
    tab_to(page, page.get_by_label("Address", exact=True))
    page.keyboard.type("ftp://hooks.example.org/")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text=re.compile(".+"))).to_be_visible()
    page.get_by_label("Address", exact=True).fill("https://hooks.example.org/" + "h" * 170)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Secret")).to_have_value(re.compile("^whsec_"))
    examine(page)
    tab_to(page, dialog.get_by_role("button", name="I have it"))
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    endpoint = page.locator("[data-endpoint]")
    tab_to(page, endpoint.get_by_role("button", name="Send a test"))
    page.keyboard.press("Enter")
    expect(endpoint.locator("[data-delivery]")).to_contain_text("A test")
    examine(page)
    walk(page)
    endpoint.get_by_role("button", name="Disable").click()
    expect(endpoint).to_contain_text("Disabled")
    endpoint.get_by_role("button", name="Enable").click()
    expect(endpoint).to_contain_text("Enabled")
    tab_to(page, endpoint.get_by_role("button", name="Delete"))
    page.keyboard.press("Enter")
    tab_to(page, dialog.get_by_role("button", name="Delete it"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("There are no endpoints yet.")).to_be_visible()
    assert studio.ask("GET", "/webhook-endpoints").json()["data"] == []
