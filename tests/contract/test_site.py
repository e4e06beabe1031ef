"""The pages of docs/ as a site: all are on it, and every link leads somewhere."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from app.cli import demo_server

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
READ = [*(DOCS / page for page in PAGES), *sorted(ROOT.glob("*.md"))]


def listed(entries):
    for entry in entries:
        match entry:
            case str():
                yield entry
            case dict():
                yield from listed([one for below in entry.values() for one in below])


@pytest.fixture
def mkdocs():
    if not MKDOCS.exists():
        reason = "mkdocs is missing (make .venv-docs/.synced installs it)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return MKDOCS


def test_every_page_is_in_the_sites_list_once():
    assert sorted(listed(SITE["nav"])) == PAGES


@pytest.mark.parametrize("page", READ, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_to_in_the_repository_is_there(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"(?<!`)\]\(([^)\s#:]+)(?:#[^)\s]*)?\)", text)
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_first_page_begins_with_what_there_is():
    first = (DOCS / "index.md").read_text()
    assert f"`/c/{demo_server._BUSINESS}`" in first
    commands = re.findall(r"^make (\w+)$", first, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert commands
    assert all(re.search(rf"^{command}:", makefile, re.MULTILINE) for command in commands)


@pytest.mark.long
def test_the_site_is_made_without_a_warning_and_fetches_nothing(mkdocs, tmp_path):
    made = tmp_path / "site"
    found = subprocess.run(
        [mkdocs, "build", "--strict", "--config-file", ROOT / "mkdocs.yml", "--site-dir", made],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    for page in made.rglob("*.html"):
        assert not re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="https?:', page.read_text())


@pytest.mark.long
@pytest.mark.parametrize("link", ["nowhere.md", "terms.md#nothing", "../tests/nothing.py"])
def test_a_link_that_leads_nowhere_ends_the_build(mkdocs, tmp_path, link):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "terms.md").write_text("# Terms\n")
    (tmp_path / "docs" / "index.md").write_text(f"# A page\n\n[somewhere]({link})\n")
    hook = str(ROOT / ".ci" / "links_out_of_docs.py")
    of_this = SITE | {"nav": ["index.md", "terms.md"], "hooks": [hook]}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(of_this))
    found = subprocess.run([mkdocs, "build", "--strict"], cwd=tmp_path, check=False)
    assert found.returncode != 0
