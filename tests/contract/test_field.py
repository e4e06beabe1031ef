import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "field.md"
ROW = re.compile(r"^\| ([A-Z]\d+(?:, [A-Z]\d+)*) \| (.+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#]+)\)")


def test_every_row_names_a_test_that_is_there_and_a_source():
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) > 40
    for name, _, _, tests, source in rows:
        assert source.strip(), name
        links = LINK.findall(tests)
        assert links, name
        assert all("/tests/" in link for link in links), name


def test_every_link_of_the_page_leads_somewhere():
    for link in LINK.findall(PAGE.read_text()):
        assert (PAGE.parent / link).is_file(), link
