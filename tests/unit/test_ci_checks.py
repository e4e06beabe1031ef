"""What looks through the repository finds what it is to find, and takes what may be there."""

import importlib
import sys
from pathlib import Path

import pytest

CI = Path(__file__).parents[2] / ".ci"


@pytest.fixture(params=["licences", "look_for_secrets"])
def script(request, monkeypatch):
    monkeypatch.syspath_prepend(CI)
    yield importlib.import_module(request.param)
    sys.modules.pop(request.param)


def package(name, *licences):
    return {"name": name, "version": "1", "licenses": [*licences]}


MIT = {"license": {"id": "MIT"}}
CLASSIFIER = {"license": {"name": "License :: OSI Approved :: MIT License"}}


@pytest.mark.parametrize("script", ["licences"], indirect=True)
@pytest.mark.parametrize(
    "licences",
    [
        [MIT],
        [MIT, CLASSIFIER],
        [{"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}],
    ],
)
def test_licences_that_ask_for_no_more_than_their_notice_are_taken(script, licences):
    assert [*script.not_taken({"components": [package("a", *licences)]})] == []


@pytest.mark.parametrize("script", ["licences"], indirect=True)
@pytest.mark.parametrize(
    "licences",
    [
        [],
        [CLASSIFIER],
        [{"license": {"id": "AGPL-3.0-only"}}],
        [{"expression": "MIT AND GPL-3.0-or-later"}],
        [{"expression": "Apache-2.0 WITH LLVM-exception"}],
    ],
)
def test_any_other_is_for_a_person_to_read(script, licences):
    (sentence,) = script.not_taken({"components": [package("b", MIT), package("a", *licences)][1:]})
    assert sentence.startswith("a 1: ")


@pytest.mark.parametrize("script", ["licences"], indirect=True)
def test_what_a_person_has_read_is_taken(script):
    read = [package(name) for name in script.READ]
    assert [*script.not_taken({"components": read})] == []


@pytest.mark.parametrize("script", ["look_for_secrets"], indirect=True)
def test_what_looks_like_a_secret_is_found_in_its_place(script, tmp_path):
    path = tmp_path / "settings.py"
    path.write_text("NAME = 'studio'\nURL = 'https://amy:" + "q7Zp" + "X2vN9s@db.example/x'\n")
    ((line, place, kind),) = script.found_in(str(path))
    assert line.startswith(f"{path} ")
    assert (place, kind) == (f"{path}:2", "Basic Auth Credentials")


@pytest.mark.parametrize("script", ["look_for_secrets"], indirect=True)
def test_a_list_of_what_is_known_has_no_secret_in_it(script):
    for line in script.KNOWN.read_text().splitlines():
        path, digest = line.split(" ")
        assert (CI.parent / path).is_file()
        assert len(bytes.fromhex(digest)) == 20
