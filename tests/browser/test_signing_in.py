"""People sign in to the console at a certified provider, and never show it their password here."""

import pytest
from browser.pressing import on_sqlite
from crash.processes import until
from playwright.sync_api import Page, expect
from postgresql_databases import in_a_thread
from worlds.issuer import AUDIENCE
from worlds.oidc_provider import CLIENT, REDIRECT, Provider, installed


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return in_a_thread(installed(tmp_path_factory.mktemp("provider")))


@pytest.fixture
def provider(workshop):
    one = Provider(workshop)
    one.start(seconds=80)  # changed for a new one after 60
    yield one
    one.stop()


@pytest.fixture
def house(open_studio, provider):
    return open_studio(
        jwt_issuer=provider.url, jwt_audience=AUDIENCE, jwt_client_id=CLIENT, lines=[]
    )


def sign_in(page: Page, provider, person):
    """From our sign-in page to the provider's, and back."""
    page.get_by_role("button", name=f"Sign in at {provider.url.removeprefix('http://')}").click()
    page.locator("input[name=login]").fill(person)
    page.locator("input[name=password]").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def shown_tokens(page: Page):
    """Records the token of each call of the API, in the order of the calls."""
    seen = []
    page.on(
        "request",
        lambda one: "/v1/" in one.url and seen.append(one.headers.get("authorization", "")[7:]),
    )
    return seen


@on_sqlite
def test_a_person_signs_in_comes_back_to_the_page_and_leaves_no_trace(house, provider, page):
    violations = []
    page.expose_function("violated", lambda what: violations.append(what))  # noqa: PLW0108 - a builtin takes no mark
    page.add_init_script(
        "addEventListener('securitypolicyviolation', (event) => violated(event.violatedDirective))"
    )
    seen = shown_tokens(page)
    page.goto(f"{house.url}/jobs")
    policy = page.request.get(f"{house.url}/jobs").headers["content-security-policy"]
    assert f"connect-src 'self' {provider.url};" in policy
    sign_in(page, provider, "ada")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert page.url == f"{house.url}/jobs"
    token = seen[-1]
    assert token.count(".") == 2
    kept = page.evaluate(
        "JSON.stringify([{ ...sessionStorage }, { ...localStorage }, document.cookie])"
    )
    assert kept == '[{},{},""]'
    assert [one for one in violations if "connect" in one or "script" in one] == []

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


@on_sqlite
def test_a_token_is_changed_for_a_new_one_before_it_ends(house, provider, page):
    seen = shown_tokens(page)
    page.clock.install()
    page.goto(f"{house.url}/jobs")
    sign_in(page, provider, "ada")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    first = seen[-1]
    page.clock.fast_forward(61_000)
    with page.expect_request(f"{provider.url}/token"):
        page.get_by_role("link", name="Schedule").click()
    until(lambda: page.wait_for_timeout(20) or seen[-1] != first)
    assert seen[-1].count(".") == 2
    provider.stop()  # the token that is held serves to its end
    page.clock.fast_forward(61_000)
    page.get_by_role("link", name="Bulk cancellations").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@on_sqlite
def test_an_answer_that_was_not_asked_for_signs_nobody_in(house, provider, page):
    for query in (
        "code=stolen&state=another",
        "code=stolen&state=another&iss=https%3A%2F%2Fanother.example",
        "error=access_denied&state=another",
    ):
        seen = shown_tokens(page)
        page.goto(f"{house.url}/?{query}")
        expect(page.get_by_role("alert")).to_contain_text("was not begun here")
        assert page.url == f"{house.url}/"
        assert seen == []


@on_sqlite
def test_an_answer_of_another_issuer_is_refused_though_its_state_is_right(house, provider, page):
    waiting = '{"verifier": "v", "state": "ours", "back": "/jobs"}'
    for of in ("https://another.example", None):  # this provider always names itself
        page.goto(house.url)
        page.evaluate("(one) => sessionStorage.setItem('bulk-cancel-sign-in', one)", waiting)
        page.goto(f"{house.url}/?code=x&state=ours" + (f"&iss={of}" if of else ""))
        expect(page.get_by_role("alert")).to_contain_text("was not begun here")
        assert page.evaluate("sessionStorage.length") == 0


@on_sqlite
def test_who_refuses_is_told_and_may_sign_in_by_key(house, provider, page):
    page.goto(house.url)
    page.get_by_role("button", name="Sign in at").click()
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("You were not signed in")
    page.get_by_label("API key").fill(house.key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


@on_sqlite
def test_without_access_the_person_is_told_why(house, provider, page):
    page.goto(house.url)
    sign_in(page, provider, "zoe")
    expect(page.get_by_role("alert")).to_contain_text("has no role here")


@on_sqlite
def test_while_the_provider_is_away_keys_are_taken_and_it_is_not_offered(
    open_studio, provider, page
):
    provider.stop()
    studio = open_studio(
        jwt_issuer=provider.url, jwt_audience=AUDIENCE, jwt_client_id=CLIENT, lines=[]
    )
    page.goto(studio.url)
    expect(page.get_by_label("API key")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in at")).to_have_count(0)
    policy = page.request.get(studio.url).headers["content-security-policy"]
    assert "connect-src 'self';" in policy


@on_sqlite
def test_under_a_prefix_the_provider_sends_people_back_below_it(open_studio, workshop, page):
    provider = Provider(workshop, redirects=(f"{REDIRECT}bulk-cancel/",))
    provider.start()
    try:
        house = open_studio(
            jwt_issuer=provider.url,
            jwt_audience=AUDIENCE,
            jwt_client_id=CLIENT,
            root_path="/bulk-cancel",
            lines=[],
        )
        page.goto(f"{house.url}/bulk-cancel/jobs")
        sign_in(page, provider, "ada")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        assert page.url == f"{house.url}/bulk-cancel/jobs"
    finally:
        provider.stop()
