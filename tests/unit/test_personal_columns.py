"""Each column that can hold a text is known to say who somebody is, or to say it of nobody."""

import re
from pathlib import Path

import sqlalchemy as sa

from app.db.privacy.columns import OF_CLIENTS, OF_NOBODY, OF_STAFF
from app.db.privacy.held import clients
from app.db.tables import administration, approvals, evidence, messages, pages, personal, webhooks

MODULES = (administration, approvals, evidence, messages, pages, personal, webhooks)
COLUMNS = {
    f"{table.name}.{column.name}"
    for table in clients.metadata.tables.values()
    for column in table.columns
    if isinstance(column.type, sa.String | sa.JSON | sa.LargeBinary)
}
PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text()
NAMED = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", PAGE))


def test_every_module_of_tables_is_looked_through():
    here = {module.__name__.rsplit(".", 1)[1] for module in MODULES}
    folder = Path(webhooks.__file__).parent
    assert here == {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_each_column_is_classified_and_none_that_is_not_there():
    assert OF_CLIENTS.keys() | OF_STAFF | OF_NOBODY == COLUMNS


def test_what_is_nobody_s_is_neither_a_client_s_nor_staff_s():
    assert not OF_NOBODY & (OF_CLIENTS.keys() | OF_STAFF)


def test_no_column_whose_name_says_that_it_is_somebody_s_is_nobody_s():
    told = re.compile(r"client|email|recipient|addressee|phone|_by$|actor|note|detail|person")
    codes = {"refunds.kept_by", "administration.actor_kind"}  # words of lists
    assert {one for one in OF_NOBODY if told.search(one.partition(".")[2])} == codes


def test_the_page_names_each_column_that_is_somebody_s_and_none_that_is_not_there():
    assert NAMED - {"client.settled"} == OF_CLIENTS.keys() | OF_STAFF


def test_the_page_says_what_erasing_does_to_each_column_of_clients():
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \| .* \| (\w+)", PAGE, re.MULTILINE)
    assert dict(rows) == dict(OF_CLIENTS)
