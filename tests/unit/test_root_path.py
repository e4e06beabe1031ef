"""The prefix that a proxy has this service under: which may be one, and what must fit it."""

import pytest
from fastapi.routing import iter_route_contexts
from pydantic import ValidationError
from starlette.routing import Mount

from app.api.pages.pages import VIEWS
from app.config.root_path import OURS
from app.config.settings import Settings
from app.main import create_app


@pytest.mark.parametrize("value", ["/studio", "/bulk-cancel", "/a/b.c_d~e-f/2", "/bulk-cancel/eu"])
def test_a_prefix_of_plain_names_is_taken_as_it_is(value):
    assert Settings(root_path=value).root_path == value
    assert Settings(root_path=value).links_begin == value


@pytest.mark.parametrize(
    "value",
    [
        "studio",
        "/",
        "//",
        "/studio/",
        "/studio//x",
        "//studio.example",
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/.hidden",
        "/a.",
        "/a%2Fb",
        "/%62ulk-cancel",
        "/studio?x=1",
        "/studio#x",
        "/stu dio",
        "/stüdio",
        "/studio\n",
        "/a;b",
        "https://studio.example/x",
        "/" + "x" * 128,
    ],
)
def test_what_a_path_could_begin_with_otherwise_is_refused_in_one_line(value):
    with pytest.raises(ValidationError) as refused:
        Settings(root_path=value)
    [one] = refused.value.errors()
    assert "must be /NAME or /NAME/NAME" in one["msg"]
    assert "\n" not in one["msg"]


@pytest.mark.parametrize("first", sorted(OURS))
def test_a_prefix_that_begins_as_an_address_of_ours_is_refused(first):
    for value in (f"/{first}", f"/{first}/x"):
        with pytest.raises(ValidationError, match=f"must not begin with /{first}"):
            Settings(root_path=value)
    assert Settings(root_path=f"/{first}x").root_path == f"/{first}x"


def test_the_addresses_of_ours_are_all_that_there_are():
    routes = create_app(Settings(), demo_key="k").routes
    mounted = {one.path for one in routes if isinstance(one, Mount)}
    paths = {one.path for one in iter_route_contexts(routes) if one.path} | mounted
    firsts = {path.split("/")[1] for path in paths} - {""}
    assert firsts == OURS | {"bulk-cancel"}
    # Of the one that may be a prefix: nothing is below it, and it is the start's own document.
    assert [path for path in paths if path.startswith("/bulk-cancel/")] == []
    assert {"/", "/bulk-cancel"} <= VIEWS.keys()


@pytest.mark.parametrize(
    ("public_url", "said"),
    [
        ("https://studio.example", "/"),
        ("https://studio.example/", "/"),
        ("https://studio.example/other", "/other"),
        ("https://studio.example/bulk-cancel/more", "/bulk-cancel/more"),
        ("https://studio.example/bulk-cancel//", "/bulk-cancel/"),
        ("https://studio.example/Bulk-Cancel", "/Bulk-Cancel"),
    ],
)
def test_links_that_would_lead_elsewhere_are_refused_in_one_line(public_url, said):
    with pytest.raises(ValidationError) as refused:
        Settings(root_path="/bulk-cancel", public_url=public_url)
    [one] = refused.value.errors()
    assert one["msg"].removeprefix("Value error, ") == (
        "BULK_CANCEL_PUBLIC_URL must end with BULK_CANCEL_ROOT_PATH, which is /bulk-cancel, and "
        f"its path is {said}"
    )


@pytest.mark.parametrize("slash", ["", "/"])
def test_links_begin_with_the_address_that_ends_with_the_prefix(slash):
    settings = Settings(
        root_path="/bulk-cancel", public_url=f"https://studio.example/bulk-cancel{slash}"
    )
    assert settings.links_begin == "https://studio.example/bulk-cancel"


def test_without_a_prefix_links_begin_as_they_did():
    assert Settings().links_begin == ""
    assert Settings(public_url="https://studio.example/").links_begin == "https://studio.example"
    assert Settings(public_url="https://studio.example/x").links_begin == "https://studio.example/x"
