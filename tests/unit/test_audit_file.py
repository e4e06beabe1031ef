"""The chain of a kept audit: each way of changing a file is found, at its line."""

import itertools

import pytest

from app.domain.texts import csv_cells
from app.domain.texts.audit_file import BrokenAudit, check
from app.domain.texts.csv_cells import COLUMNS
from app.domain.texts.line_chain import MARK, OUTSIDE, LineChain

BOOKINGS = ("b1", "b2", "b3", 'b"4",', "b5")
WRITTEN = [*itertools.product((None, "", 'a "b", c'), repeat=len(OUTSIDE))]


def row(booking):
    cells = {
        "booking_id": booking,
        "client_name": f"Kim, {booking}",
        "amount": "20.00",
        "currency": "CAD",
        "status": "succeeded",
    }
    return [cells.get(name) for name in COLUMNS]


@pytest.fixture
def lines():
    chain = LineChain()
    content = csv_cells.header(bom=True) + chain.add_rows(map(row, BOOKINGS))
    return content.splitlines(keepends=True)


def test_an_audit_that_was_left_alone_is_whole(lines):
    chain = LineChain()
    chain.add_rows(map(row, BOOKINGS))
    checked = check(lines)
    assert (checked.lines, checked.line_hash) == (chain.count, chain.head) == (5, chain.head)
    bare = [lines[0].removeprefix(csv_cells.BOM), *lines[1:]]
    assert check(bare) == checked


def test_an_audit_of_no_lines_has_a_hash(lines):
    assert check(lines[:1]) == check([csv_cells.header()])
    assert check(lines[:1]).line_hash == LineChain().head


LIES = {
    "a changed amount": (3, lambda one: [*one[:3], one[3].replace(b"20.00", b"2.00"), *one[4:]]),
    "a dropped line": (3, lambda one: [*one[:3], *one[4:]]),
    "a line put in": (4, lambda one: [*one[:4], one[3], *one[4:]]),
    "swapped lines": (2, lambda one: [*one[:2], one[3], one[2], *one[4:]]),
    "a changed hash": (2, lambda one: [*one[:2], one[2][:-6] + b"x" + one[2][-5:], *one[3:]]),
    "a dropped hash": (2, lambda one: [*one[:2], one[2].rpartition(b",")[0] + b"\r\n", *one[3:]]),
    "a cell more": (2, lambda one: [*one[:2], b'"x",' + one[2], *one[3:]]),
    "a line cut off": (5, lambda one: [*one[:5], one[5][:-1]]),
    "a last line without its end": (5, lambda one: [*one[:5], one[5][:-2]]),
    "another end": (1, lambda one: [line.replace(b"\r\n", b"\n") for line in one[1:]]),
    "another header": (1, lambda one: [one[0].replace(b"amount", b"amounts"), *one[1:]]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_at_its_line(lines, lie):
    number, tell = LIES[lie]
    with pytest.raises(BrokenAudit) as found:
        check(tell(lines))
    assert f"Line {number} " in str(found.value) or "header" in str(found.value)


def test_lines_dropped_from_the_end_leave_the_chain_whole_and_shorter(lines):
    assert check(lines[:-1]).lines == 4  # which is why a proof has their number


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_outside_of_the_chain_may_be_taken_out(lines, name):
    place, chain = COLUMNS.index(name), LineChain()
    bare = [[None if at == place else cell for at, cell in enumerate(row(b))] for b in BOOKINGS]
    assert check([csv_cells.header(), *chain.add_rows(bare).splitlines(keepends=True)]) == check(
        lines
    )


@pytest.mark.parametrize(
    "header", [b"", b"a,b", csv_cells.header(numbered=True), b"job_id,message_status\r\n"]
)
def test_what_is_no_audit_or_has_no_proof_is_refused(header):
    with pytest.raises(BrokenAudit):
        check([header])


def copied(row):
    """The row as COPY writes it: what is outside of the chain is marked where it is not NULL."""
    cells = [
        f"{MARK}{cell}{MARK}" if cell is not None and name in OUTSIDE else cell
        for name, cell in zip(COLUMNS, row, strict=True)
    ]
    return csv_cells.text_of(cells).removesuffix("\r\n").encode() + b"\n"


@pytest.mark.parametrize("cells", WRITTEN)
def test_what_copy_writes_is_what_we_write(cells):
    rows = [row("b1"), row("b2")]
    for name, cell in zip(OUTSIDE, cells, strict=True):
        rows[1][COLUMNS.index(name)] = cell
    of_copy, of_rows = LineChain(), LineChain()
    assert of_copy.add_copied(b"".join(map(copied, rows))) == of_rows.add_rows(rows)
    assert (of_copy.head, of_copy.count) == (of_rows.head, of_rows.count) == (of_rows.head, 2)
