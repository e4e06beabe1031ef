"""The audit's lines as SQL: every cell is text, ready to be quoted, and none that a spreadsheet would run.

Three sources give the same columns: refunds that exist, lines whose rows the worker has yet to write (from the frozen
bookings, with the ids that the rows will have), and cancelled sessions that nobody had booked.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from app.db.money import DECIMALS_0, DECIMALS_3, DECIMALS_4
from app.db.refund_ids import LAST, lowest_id, milliseconds
from app.db.returns import is_counted
from app.db.spreadsheets import FORMULA
from app.db.tables import WITHDRAWN_LINE, Method, RefundStatus, bookings, clients, job_sessions, jobs, refunds

COLUMNS: Final = (
    "job_id", "session_id", "session_name", "session_starts_at", "location", "instructor", "booking_id", "client_id",
    "client_name", "client_email", "refund_id", "method", "amount", "currency", "credits", "status",
    "upstream_reference", "attempts", "failure_code", "failure_detail", "reason", "requested_by", "requested_at",
    "settled_at",
)  # fmt: skip

Lines = sa.Select[*tuple[Any, ...]]

_TEXT: Final = sa.Text()
_ALL: Final = range(LAST)


class _cell(sa.sql.functions.FunctionElement[str]):  # noqa: N801 - reads as the SQL function it is
    """Text as a cell: '' for NULL, and with an apostrophe before what a spreadsheet would run as a formula."""

    type = _TEXT
    inherit_cache = True
    name = "cell"


@compiles(_cell, "sqlite")
def _cell_sqlite(element: _cell, compiler: SQLCompiler, **kw: Any) -> str:
    return f"csv_cell({compiler.process(element.clauses, **kw)})"


@compiles(_cell, "postgresql")
def _cell_postgresql(element: _cell, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"CASE WHEN {text} ~ '{FORMULA}' THEN '''' || {text} ELSE coalesce({text}, '') END"


class _instant_text(sa.sql.functions.FunctionElement[str]):  # noqa: N801
    type = _TEXT
    inherit_cache = True
    name = "instant_text"


@compiles(_instant_text, "sqlite")
def _instant_text_sqlite(element: _instant_text, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce({compiler.process(element.clauses, **kw)}, '')"


@compiles(_instant_text, "postgresql")
def _instant_text_postgresql(element: _instant_text, compiler: SQLCompiler, **kw: Any) -> str:
    instant = compiler.process(element.clauses, **kw)
    return f"""coalesce(to_char({instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '')"""


class _major(sa.sql.functions.FunctionElement[str]):  # noqa: N801
    """Minor units and currency as major units: 2000, CAD → 20.00; '' for NULL."""

    type = _TEXT
    inherit_cache = True
    name = "major"


@compiles(_major, "sqlite")
def _major_sqlite(element: _major, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce(major_units({compiler.process(element.clauses, **kw)}), '')"


@compiles(_major, "postgresql")
def _major_postgresql(element: _major, compiler: SQLCompiler, **kw: Any) -> str:
    amount, currency = (compiler.process(clause, **kw) for clause in element.clauses)

    def with_decimals(places: int) -> str:
        return f"({amount} / {10**places})::text || '.' || lpad(({amount} % {10**places})::text, {places}, '0')"

    listed = {0: DECIMALS_0, 3: DECIMALS_3, 4: DECIMALS_4}
    cases = " ".join(
        f"WHEN {currency} IN ({', '.join(repr(code) for code in codes)}) "
        f"THEN {with_decimals(places) if places else f'{amount}::text'}"
        for places, codes in listed.items()
    )
    return f"coalesce(CASE {cases} ELSE {with_decimals(2)} END, '')"


def refund_lines(job_id: str, positions: range = _ALL, *, as_accepted: bool = False) -> Lines:
    """A line for each refund row of the job's sessions at these places, in their order.

    With `as_accepted`, as before anything was done.
    """
    accepted = _accepted(job_id, positions)
    source = (
        refunds.join(
            accepted, sa.and_(accepted.c.job_id == refunds.c.job_id, accepted.c.session_id == refunds.c.session_id)
        )
        .join(jobs, jobs.c.id == refunds.c.job_id)
        .outerjoin(clients, _client_of(refunds))
    )
    return (
        sa.select(
            *_session_cells(accepted),
            *_booking_cells(refunds),
            sa.cast(refunds.c.id, _TEXT).label("refund_id"),
            *_money_cells(refunds),
            *(_cells_at_acceptance() if as_accepted else _cells_now()),
            *_job_cells(),
            (sa.literal("") if as_accepted else _instant_text(refunds.c.settled_at)).label("settled_at"),
        )
        .select_from(source)
        .where(
            refunds.c.job_id == job_id,
            refunds.c.id >= lowest_id(job_id, positions.start),
            refunds.c.id < lowest_id(job_id, positions.stop),
        )
        .order_by(refunds.c.id)
    )


def _accepted(job_id: str, positions: range) -> sa.FromClause:
    """The accepted sessions at these places, or of any place, found once and not again for each of their lines.

    Of a job that has come since the last count the planner expects one session, and would read them all for each line.
    """
    if positions == _ALL:
        return job_sessions
    return (
        sa.select(job_sessions)
        .where(
            job_sessions.c.job_id == job_id,
            job_sessions.c.position >= positions.start,
            job_sessions.c.position < positions.stop,
        )
        .cte("accepted")
        .prefix_with("MATERIALIZED")
    )


def _cells_now() -> tuple[sa.ColumnElement[Any], ...]:
    return (
        refunds.c.status,
        _cell(refunds.c.upstream_reference).label("upstream_reference"),
        sa.cast(refunds.c.attempts, _TEXT).label("attempts"),
        _cell(refunds.c.failure_code).label("failure_code"),
        _cell(refunds.c.failure_detail).label("failure_detail"),
    )


def _cells_at_acceptance() -> tuple[sa.ColumnElement[Any], ...]:
    nothing = refunds.c.line_no == 0
    # A withdrawn line keeps its own reason in the detail.
    reason = sa.case((jobs.c.status == "withdrawn", refunds.c.failure_detail), else_=refunds.c.failure_code)
    return (
        sa.case((nothing, RefundStatus.SKIPPED.value), else_=RefundStatus.PENDING.value).label("status"),
        sa.literal("").label("upstream_reference"),
        sa.literal("0").label("attempts"),
        sa.case((nothing, reason), else_="").label("failure_code"),
        sa.literal("").label("failure_detail"),
    )


def planned_lines(job: sa.RowMapping, positions: range, lines: sa.Subquery) -> Lines:
    """A line for each of `lines` (see `returns`) whose refund row is yet to be written, with the id it will have.

    They are of the job's sessions at `positions`.
    """
    accepted = _accepted(job["id"], positions)
    refund_id = sa.func.refund_id(
        sa.literal(milliseconds(job["id"]), sa.BigInteger),
        lines.c.position,
        sa.literal(job["id"], _TEXT),
        sa.cast(lines.c.booking_id, _TEXT),
        lines.c.line_no,
    )
    skipped = lines.c.skip_reason.is_not(None)
    source = (
        sa.join(lines, accepted, accepted.c.session_id == lines.c.session_id)
        .join(jobs, jobs.c.id == accepted.c.job_id)
        .outerjoin(clients, _client_of(lines))
    )
    return (
        sa.select(
            *_session_cells(accepted),
            *_booking_cells(lines),
            sa.cast(refund_id, _TEXT).label("refund_id"),
            *_money_cells(lines),
            sa.case(
                (skipped, RefundStatus.SKIPPED.value),
                else_=RefundStatus.PENDING.value,
            ).label("status"),
            sa.literal("").label("upstream_reference"),
            sa.literal("0").label("attempts"),
            sa.func.coalesce(lines.c.skip_reason, "").label("failure_code"),
            sa.literal("").label("failure_detail"),
            *_job_cells(),
            sa.literal("").label("settled_at"),
        )
        .select_from(source)
        .order_by(refund_id)  # the order that the rows will have
    )


def unbooked_lines(job_id: str, *, as_accepted: bool = False) -> Lines:
    """A line for each accepted session that has no booking to settle."""
    booked = sa.exists().where(
        bookings.c.business_id == job_sessions.c.business_id,
        bookings.c.session_id == job_sessions.c.session_id,
        is_counted(),
    )
    # Until they are counted the bookings are frozen; afterwards a withdrawal may have set them free.
    unbooked = sa.or_(job_sessions.c.bookings == 0, sa.and_(job_sessions.c.bookings.is_(None), ~booked))
    reason: sa.ColumnElement[str] = sa.literal("no_bookings")
    if not as_accepted:
        reason = sa.case((jobs.c.status == "withdrawn", WITHDRAWN_LINE), else_=reason)
    empty = {name: sa.literal("").label(name) for name in COLUMNS}
    return (
        sa.select(
            *_session_cells(job_sessions),
            *(empty[name] for name in ("booking_id", "client_id", "client_name", "client_email", "refund_id")),
            sa.literal(Method.NONE.value).label("method"),
            *(empty[name] for name in ("amount", "currency", "credits")),
            sa.literal(RefundStatus.SKIPPED.value).label("status"),
            empty["upstream_reference"],
            sa.literal("0").label("attempts"),
            reason.label("failure_code"),
            empty["failure_detail"],
            *_job_cells(),
            _instant_text(jobs.c.requested_at).label("settled_at"),
        )
        .select_from(job_sessions.join(jobs, jobs.c.id == job_sessions.c.job_id))
        .where(job_sessions.c.job_id == job_id, job_sessions.c.position.is_not(None), unbooked)
        .order_by(job_sessions.c.position)
    )


def _client_of(source: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(clients.c.business_id == source.c.business_id, clients.c.id == source.c.client_id)


def _session_cells(source: sa.FromClause) -> tuple[sa.ColumnElement[str], ...]:
    return (
        sa.cast(source.c.job_id, _TEXT).label("job_id"),
        _cell(source.c.session_id).label("session_id"),
        _cell(source.c.session_name).label("session_name"),
        _instant_text(source.c.session_starts_at).label("session_starts_at"),
        _cell(source.c.location).label("location"),
        _cell(source.c.instructor).label("instructor"),
    )


def _booking_cells(source: sa.FromClause) -> tuple[sa.ColumnElement[str], ...]:
    return (
        _cell(source.c.booking_id).label("booking_id"),
        _cell(source.c.client_id).label("client_id"),
        _cell(clients.c.name).label("client_name"),
        _cell(clients.c.email).label("client_email"),
    )


def _money_cells(source: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    return (
        source.c.method.label("method"),
        _major(source.c.amount_minor, source.c.currency).label("amount"),
        sa.func.coalesce(source.c.currency, "").label("currency"),
        sa.func.coalesce(sa.cast(source.c.credits, _TEXT), "").label("credits"),
    )


def _job_cells() -> tuple[sa.ColumnElement[str], ...]:
    return (
        _cell(jobs.c.reason).label("reason"),
        _cell(jobs.c.requested_by).label("requested_by"),
        _instant_text(jobs.c.requested_at).label("requested_at"),
    )
