"""Every type of problem is in one registry, and has a page."""

import ast
from pathlib import Path

import httpx
import pytest

import app as package
from app.config.settings import Settings
from app.main import create_app
from app.problem_types import MEMBERS, PROBLEM_TYPES


def raised():
    """(where, status, slug, title) of each problem that the source spells out.

    By a call, or as the tuple of one.
    """
    for path in sorted(Path(package.__file__).parent.rglob("*.py")):
        if "sandbox" in path.parts or path.name == "problem_types.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            parts = node.args if isinstance(node, ast.Call) else getattr(node, "elts", ())
            words = [part.value for part in parts[:3] if isinstance(part, ast.Constant)]
            if [type(word) for word in words] == [int, str, str] and 400 <= words[0] < 600:
                yield f"{path.name}:{node.lineno}", *words


def test_every_problem_in_the_source_is_of_a_type_in_the_registry_with_its_status_and_title():
    found = list(raised())
    assert {"plan-changed", "not-on-hold", "validation", "hook-signature-invalid"} <= {
        slug for _, _, slug, _ in found
    }
    for where, status, slug, title in found:
        assert slug in PROBLEM_TYPES, where
        kind = PROBLEM_TYPES[slug]
        assert status == kind.status, where
        assert title == kind.title or slug == "unsupported-media-type", where


def test_every_extension_in_the_source_is_a_member_that_the_registry_describes():
    for path in sorted(Path(package.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", None) != "Problem":
                continue
            for keyword in node.keywords:
                if keyword.arg == "extensions" and isinstance(keyword.value, ast.Dict):
                    names = {key.value for key in keyword.value.keys}
                    assert names <= set(MEMBERS), f"{path.name}:{node.lineno}"


def test_a_type_has_no_member_that_is_a_problem_s_own():
    assert not set(MEMBERS) & {"type", "title", "status", "detail", "instance", "errors"}
    for kind in PROBLEM_TYPES.values():
        assert set(kind.members) <= {*MEMBERS, "errors"}, kind.slug


@pytest.fixture
async def http():
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("slug", PROBLEM_TYPES)
async def test_every_type_has_a_page_for_people_and_the_same_as_json(http, slug):
    kind = PROBLEM_TYPES[slug]
    page = await http.get(
        f"/problems/{slug}", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    )
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for words in (kind.why, kind.todo):
        assert words.replace("'", "&#x27;") in page.text
    told = (await http.get(f"/problems/{slug}", headers={"Accept": "application/json"})).json()
    assert (told["type"], told["title"], told["status"]) == (
        f"/problems/{slug}",
        kind.title,
        kind.status,
    )
    assert told["example"]["type"] == told["type"]
    assert (await http.get(f"/problems/{slug}")).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("slug", ["nothing", "PLAN-CHANGED", "<script>", "..%2fdocs"])
async def test_an_unknown_type_has_no_page(http, slug):
    answer = await http.get(f"/problems/{slug}")
    assert answer.status_code == 404
    assert answer.json()["type"] == "/problems/not-found"
    assert "script" not in answer.text
