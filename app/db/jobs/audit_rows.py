"""The audit's lines as SQL: cells of text or NULL, none a spreadsheet would run.

Three sources give the same columns: refunds that exist, lines whose rows the worker has yet to
write (from the frozen bookings, with the ids that the rows will have), and cancelled sessions that
nobody had booked.
"""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db.core.refund_ranges import in_sessions
from app.db.jobs import named_clients
from app.db.jobs.ceilings import is_owed
from app.db.jobs.entitlements import is_counted
from app.db.jobs.job import Job
from app.db.jobs.named_clients import NamedClients
from app.db.messages import pages
from app.db.tables import bookings, job_overrides, job_sessions, jobs, refunds
from app.db.tables.approvals import job_actions
from app.domain.messages.settings import MessageTerms, ToldBy
from app.domain.money import DECIMALS_0, DECIMALS_3, DECIMALS_4
from app.domain.refund_ids import LAST, milliseconds
from app.domain.statuses import (
    WAIVED,
    WITHDRAWN_LINE,
    JobAction,
    JobStatus,
    Method,
    RefundForm,
    RefundStatus,
)
from app.domain.texts.csv_cells import COLUMNS
from app.domain.texts.line_chain import MARK, OUTSIDE
from app.domain.texts.sheet_text import FORMULA

Lines = sa.Select[*tuple[Any, ...]]


class SettledLine(NamedTuple):
    """A line of the audit whose outcome is final, and that outcome's number."""

    cells: tuple[str | None, ...]
    outcome_seq: int


_TEXT: Final = sa.Text()
_OF_IDS: Final = "A-Za-z0-9._:~-"
_EMPTY: Final = sa.cast(sa.null(), _TEXT)
_ALL: Final = range(LAST)
_ALWAYS: Final = sa.true()
_PAID: Final = COLUMNS.index("paid_amount")


class _cell(FunctionElement[str]):  # noqa: N801 - reads as the SQL function it is
    """Free text as a cell of one line, which no spreadsheet runs as a formula.

    What one would run has an apostrophe before it.
    """

    type = _TEXT
    inherit_cache = True
    name = "cell"


@compiles(_cell, "sqlite")
def _cell_sqlite(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    return f"csv_cell({compiler.process(element.clauses, **kw)})"


@compiles(_cell, "postgresql")
def _cell_postgresql(element: FunctionElement[str], compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return (
        f"translate(CASE WHEN {text} ~ '{FORMULA}' THEN '''' || {text} ELSE {text} END, "
        "E'\\n\\r\\x1f', '   ')"
    )


class _reference_cell(FunctionElement[str]):  # noqa: N801
    """As `_cell`, but a text in the alphabet of ids is left alone.

    It can hold no call, and joins must find it.
    """

    type = _TEXT
    inherit_cache = True
    name = "reference_cell"


@compiles(_reference_cell, "sqlite")
def _reference_cell_sqlite(element: _reference_cell, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return (
        f"CASE WHEN {text} GLOB '*[^{_OF_IDS}]*' "
        f"THEN {_cell_sqlite(element, compiler, **kw)} ELSE {text} END"
    )


@compiles(_reference_cell, "postgresql")
def _reference_cell_postgresql(element: _reference_cell, compiler: SQLCompiler, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return (
        f"CASE WHEN {text} ~ '[^{_OF_IDS}]' "
        f"THEN {_cell_postgresql(element, compiler, **kw)} ELSE {text} END"
    )


class _instant_text(FunctionElement[str]):  # noqa: N801
    type = _TEXT
    inherit_cache = True
    name = "instant_text"


@compiles(_instant_text, "sqlite")
def _instant_text_sqlite(element: _instant_text, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(_instant_text, "postgresql")
def _instant_text_postgresql(element: _instant_text, compiler: SQLCompiler, **kw: Any) -> str:
    instant = compiler.process(element.clauses, **kw)
    return f"""to_char({instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


class _major(FunctionElement[str]):  # noqa: N801
    """Minor units and currency as major units: 2000, CAD → 20.00."""

    type = _TEXT
    inherit_cache = True
    name = "major"


@compiles(_major, "sqlite")
def _major_sqlite(element: _major, compiler: SQLCompiler, **kw: Any) -> str:
    return f"major_units({compiler.process(element.clauses, **kw)})"


@compiles(_major, "postgresql")
def _major_postgresql(element: _major, compiler: SQLCompiler, **kw: Any) -> str:
    amount, currency = (f"({compiler.process(clause, **kw)})" for clause in element.clauses)

    def with_decimals(places: int) -> str:
        return (
            f"({amount} / {10**places})::text || '.' "
            f"|| lpad(({amount} % {10**places})::text, {places}, '0')"
        )

    listed = {0: DECIMALS_0, 3: DECIMALS_3, 4: DECIMALS_4}
    cases = " ".join(
        f"WHEN {currency} IN ({', '.join(repr(code) for code in codes)}) "
        f"THEN {with_decimals(places) if places else f'{amount}::text'}"
        for places, codes in listed.items()
    )
    return f"CASE {cases} ELSE {with_decimals(2)} END"


class TypedLines(NamedTuple):
    """Lines with their texts as they are, for cells that have types: there none is a formula.

    After the columns are those cells once more that a CSV escapes; `escaped` has their places.
    """

    query: Lines
    escaped: tuple[int, ...]


def unescaped(lines: Lines) -> TypedLines:
    """The same lines with their texts as they are."""

    def plain(element: Any, **_: Any) -> Any:
        return element.clauses.clauses[0] if isinstance(element, _cell | _reference_cell) else None

    cells: Any = list(lines.selected_columns)
    replaced = [sa.sql.visitors.replacement_traverse(cell, {}, plain) for cell in cells]
    escaped = tuple(place for place, cell in enumerate(cells) if _holds_escaped(cell))
    query: Lines = lines.with_only_columns(*replaced, *(cells[place] for place in escaped))
    return TypedLines(query, escaped)


def _holds_escaped(cell: Any) -> bool:
    return any(isinstance(one, _cell | _reference_cell) for one in sa.sql.visitors.iterate(cell))


def marked(lines: Lines) -> Lines:
    """The same lines with a mark before and after each cell that is outside of the chain."""
    mark = sa.func.chr(ord(MARK))
    marked: Lines = lines.with_only_columns(
        *(
            (mark + cell + mark).label(cell.name) if cell.name in OUTSIDE else cell
            for cell in lines.selected_columns
        )
    )
    return marked


async def settled_lines(
    conn: AsyncConnection, job: Job, *, after_seq: int, limit: int
) -> list[SettledLine]:
    """Lines of the job with an outcome numbered above `after_seq`, in that order."""
    query = (
        refund_lines(
            job.id,
            by_terms=job.terms is not None,
            tells_clients=tells_clients(job),
            clients_changed=await named_clients.have_changed(conn, job),
        )
        .add_columns(refunds.c.outcome_seq)
        .where(refunds.c.outcome_seq > after_seq)
        .order_by(None)
        .order_by(refunds.c.outcome_seq)
        .limit(limit)
    )
    rows = (await conn.execute(query)).all()
    return [SettledLine(tuple(row[:-1]), row[-1]) for row in rows]


def tells_clients(job: Job) -> bool:
    """Whether the job has a message for each client; of any other none is looked up."""
    told = None if job.messages is None else MessageTerms.of(job.messages)
    return told is not None and told.clients is not ToldBy.NONE


def statuses_at_once(job: Job, positions: range) -> bool:
    """Whether the part has so many lines that a map of all the job's clients pays, as it seems."""
    lines = job.totals.refunds + job.totals.nothing_to_return
    return job.totals.clients * job.accepted_sessions <= lines * len(positions)


def refund_lines(
    job_id: str,
    positions: range = _ALL,
    *,
    by_terms: bool = False,
    tells_clients: bool = False,
    at_once: bool = False,
    clients_changed: bool = False,
    as_accepted: bool = False,
    first_form: RefundForm = RefundForm.ORIGINAL,
) -> Lines:
    """A line for each refund row of the job's sessions at these places.

    They come in the order of the rows. `by_terms`: the job has terms, and so may have overrides.
    `tells_clients`: it has messages for them, whose statuses are read `at_once` or line by line.
    `clients_changed`: some are called otherwise since its acceptance.
    With `as_accepted`, as before anything was done: there were first legs only, and those of which
    clients have chosen since were to come back in the `first_form`.
    """
    accepted = _accepted(job_id, positions)
    asked_as = first_form if as_accepted else None
    source = refunds.join(
        accepted,
        sa.and_(
            accepted.c.job_id == refunds.c.job_id, accepted.c.session_id == refunds.c.session_id
        ),
    ).join(jobs, jobs.c.id == refunds.c.job_id)
    if by_terms:
        source = source.outerjoin(job_overrides, _override_of(refunds, refunds.c.job_id))
    named = named_clients.join(source, refunds, changed=clients_changed)
    return (
        sa.select(
            *_session_cells(accepted),
            *_booking_cells(refunds, named),
            sa.cast(refunds.c.id, _TEXT).label("refund_id"),
            *_money_cells(refunds),
            *(_cells_at_acceptance() if as_accepted else _cells_now()),
            *_job_cells(),
            (_EMPTY if as_accepted else _instant_text(refunds.c.settled_at)).label("settled_at"),
            *_clock_cells(accepted),
            *_kept_cells(refunds, is_told=_ALWAYS if as_accepted else ~refunds.c.followed),
            (_EMPTY if as_accepted else _resolved_cell()).label("resolved_amount"),
            *_form_cells(refunds, sa.cast(refunds.c.leg, _TEXT), asked_as=asked_as),
            *(_NO_EXPIRY if as_accepted else _expiry_cells()),
            *_override_cells(by_terms=by_terms),
            (_EMPTY if as_accepted else _bonus_cell()).label("bonus_amount"),
            _told_cell(
                refunds, job_id if tells_clients and not as_accepted else None, at_once=at_once
            ),
            *_approval_cells(job_id),
        )
        .select_from(named.joined)
        .where(
            refunds.c.job_id == job_id,
            in_sessions(refunds.c.id, job_id, positions),
            refunds.c.leg == 1 if as_accepted else sa.true(),
        )
        .order_by(refunds.c.id)
    )


def _accepted(job_id: str, positions: range) -> sa.FromClause:
    """The accepted sessions at these places, or of any place, found once.

    Of a job that has come since the last count the planner expects one session, and would read them
    all for each line.
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
        _reference_cell(refunds.c.upstream_reference).label("upstream_reference"),
        sa.cast(refunds.c.attempts, _TEXT).label("attempts"),
        _cell(refunds.c.failure_code).label("failure_code"),
        _cell(refunds.c.failure_detail).label("failure_detail"),
    )


def _cells_at_acceptance() -> tuple[sa.ColumnElement[Any], ...]:
    nothing = sa.and_(
        sa.func.coalesce(refunds.c.amount_minor, 0) == 0,
        sa.func.coalesce(refunds.c.credits, 0) == 0,
    )
    # A withdrawn line keeps its own reason in the detail.
    reason = sa.case(
        (jobs.c.status == JobStatus.WITHDRAWN, refunds.c.failure_detail),
        else_=refunds.c.failure_code,
    )
    return (
        sa.case((nothing, RefundStatus.SKIPPED.value), else_=RefundStatus.PENDING.value).label(
            "status"
        ),
        _EMPTY.label("upstream_reference"),
        sa.literal("0").label("attempts"),
        sa.case((nothing, reason), else_=None).label("failure_code"),
        _EMPTY.label("failure_detail"),
    )


def planned_lines(
    job: Job, positions: range, lines: sa.Subquery, *, clients_changed: bool = False
) -> Lines:
    """A line for each of `lines` whose refund row is yet to be written.

    It has the id that the row will have. `lines` are made by `entitlements`, of the job's sessions
    at `positions`.
    """
    accepted = _accepted(job.id, positions)
    refund_id = sa.func.refund_id(
        sa.literal(milliseconds(job.id), sa.BigInteger),
        lines.c.position,
        sa.literal(job.id, _TEXT),
        sa.cast(lines.c.booking_id, _TEXT),
        lines.c.line_no,
    )
    skipped = lines.c.skip_reason.is_not(None)
    source = sa.join(lines, accepted, accepted.c.session_id == lines.c.session_id).join(
        jobs, jobs.c.id == accepted.c.job_id
    )
    by_terms = job.terms is not None
    if by_terms:
        source = source.outerjoin(job_overrides, _override_of(lines, accepted.c.job_id))
    named = named_clients.join(source, lines, changed=clients_changed)
    return (
        sa.select(
            *_session_cells(accepted),
            *_booking_cells(lines, named),
            sa.cast(refund_id, _TEXT).label("refund_id"),
            *_money_cells(lines),
            sa.case(
                (skipped, RefundStatus.SKIPPED.value),
                else_=RefundStatus.PENDING.value,
            ).label("status"),
            _EMPTY.label("upstream_reference"),
            sa.literal("0").label("attempts"),
            lines.c.skip_reason.label("failure_code"),
            _EMPTY.label("failure_detail"),
            *_job_cells(),
            _EMPTY.label("settled_at"),
            *_clock_cells(accepted),
            *_kept_cells(lines, is_told=_ALWAYS),
            _EMPTY.label("resolved_amount"),
            *_form_cells(lines, sa.literal_column("'1'", _TEXT)),
            *_NO_EXPIRY,
            *_override_cells(by_terms=by_terms),
            _EMPTY.label("bonus_amount"),
            # Messages are made with the last of the rows: of these lines there is none yet.
            _EMPTY.label("message_status"),
            *_approval_cells(job.id),
        )
        .select_from(named.joined)
        .order_by(refund_id)  # the order that the rows will have
    )


def unbooked_lines(job_id: str, *, as_accepted: bool = False) -> Lines:
    """A line for each accepted session that has no booking to settle."""
    booked = sa.exists().where(
        bookings.c.business_id == job_sessions.c.business_id,
        bookings.c.session_id == job_sessions.c.session_id,
        is_counted(by_terms=jobs.c.terms.is_not(None)),
    )
    # Until they are counted the bookings are frozen; afterwards a withdrawal may have set them
    # free.
    unbooked = sa.or_(
        job_sessions.c.bookings == 0, sa.and_(job_sessions.c.bookings.is_(None), ~booked)
    )
    reason: sa.ColumnElement[str] = sa.literal("no_bookings")
    if not as_accepted:
        reason = sa.case((jobs.c.status == JobStatus.WITHDRAWN, WITHDRAWN_LINE), else_=reason)
    empty = {name: _EMPTY.label(name) for name in COLUMNS}
    return (
        sa.select(
            *_session_cells(job_sessions),
            *(
                empty[name]
                for name in ("booking_id", "client_id", "client_name", "client_email", "refund_id")
            ),
            sa.literal(Method.NONE.value).label("method"),
            *(empty[name] for name in ("amount", "currency", "credits")),
            sa.literal(RefundStatus.SKIPPED.value).label("status"),
            empty["upstream_reference"],
            sa.literal("0").label("attempts"),
            reason.label("failure_code"),
            empty["failure_detail"],
            *_job_cells(),
            # From when on its sessions were cancelled.
            _instant_text(sa.func.coalesce(jobs.c.approved_at, jobs.c.requested_at)).label(
                "settled_at"
            ),
            *_clock_cells(job_sessions),
            *(empty[name] for name in COLUMNS[_PAID : COLUMNS.index("approved_by")]),
            *_approval_cells(job_id),
        )
        .select_from(job_sessions.join(jobs, jobs.c.id == job_sessions.c.job_id))
        .where(job_sessions.c.job_id == job_id, job_sessions.c.position.is_not(None), unbooked)
        .order_by(job_sessions.c.position)
    )


def _session_cells(source: sa.FromClause) -> tuple[sa.ColumnElement[str], ...]:
    return (
        sa.cast(source.c.job_id, _TEXT).label("job_id"),
        source.c.session_id.label("session_id"),
        _cell(source.c.session_name).label("session_name"),
        _instant_text(source.c.session_starts_at).label("session_starts_at"),
        _cell(source.c.location).label("location"),
        _cell(source.c.instructor).label("instructor"),
    )


def _booking_cells(source: sa.FromClause, named: NamedClients) -> tuple[sa.ColumnElement[str], ...]:
    return (
        source.c.booking_id.label("booking_id"),
        source.c.client_id.label("client_id"),
        _cell(named.name).label("client_name"),
        _cell(named.email).label("client_email"),
    )


def _money_cells(source: sa.FromClause) -> tuple[sa.ColumnElement[Any], ...]:
    return (
        source.c.method.label("method"),
        _major(source.c.amount_minor, source.c.currency).label("amount"),
        source.c.currency.label("currency"),
        sa.cast(source.c.credits, _TEXT).label("credits"),
    )


def _clock_cells(source: sa.FromClause) -> tuple[sa.ColumnElement[str], ...]:
    # As they were reckoned at acceptance: the database's own zone rules are of another release.
    return (
        source.c.session_starts_local.label("session_starts_local"),
        source.c.session_timezone.label("timezone"),
    )


def _kept_cells(
    source: sa.FromClause, *, is_told: sa.ColumnElement[bool]
) -> tuple[sa.ColumnElement[Any], ...]:
    """What was paid of a line, what of it is kept, and by which rule.

    Of credits it is their number. It is told once, of the line's last leg, and not of what is given
    on top: so sums are right.
    """
    kept, kept_credits = source.c.kept_amount_minor, source.c.kept_credits
    is_told = sa.and_(is_told, is_owed(source))
    paid = _amount_cell(source, source.c.amount_minor + kept, source.c.credits + kept_credits)
    cells = (paid, _amount_cell(source, kept, kept_credits), source.c.kept_by)
    names = ("paid_amount", "kept_amount", "kept_by")
    return tuple(
        sa.case((is_told, cell), else_=_EMPTY).label(name)
        for cell, name in zip(cells, names, strict=True)
    )


def _resolved_cell() -> sa.ColumnElement[str | None]:
    """What a person says came back elsewhere, in the line's own means.

    Of what was waived it is nothing.
    """
    elsewhere = sa.func.coalesce(refunds.c.resolved_amount_minor, refunds.c.amount_minor)
    nothing = sa.literal(0, sa.BigInteger)
    return sa.case(
        (refunds.c.status != RefundStatus.RESOLVED.value, _EMPTY),
        (refunds.c.failure_code == WAIVED, _amount_cell(refunds, nothing, nothing)),
        else_=_amount_cell(refunds, elsewhere, refunds.c.credits),
    )


def _form_cells(
    source: sa.FromClause, leg: sa.ColumnElement[str], *, asked_as: RefundForm | None = None
) -> tuple[sa.ColumnElement[str | None], ...]:
    """In which form a line comes back, of those that do, and by which leg.

    `asked_as`: of those of which a client may choose, whatever was chosen.
    """
    something = sa.or_(source.c.amount_minor > 0, source.c.credits > 0)
    form: sa.ColumnElement[Any] = source.c.returned_as
    if asked_as is not None:
        asked = source.c.choose_until.is_not(None)
        form = sa.case((asked, sa.literal(asked_as.value, _TEXT)), else_=form)
    return (
        sa.case((something, form), else_=_EMPTY).label("returned_as"),
        sa.case((source.c.line_no != 0, leg), else_=_EMPTY).label("leg"),
    )


def _bonus_cell() -> sa.ColumnElement[str | None]:
    """What was given on top of the amount to who chose store credit."""
    return sa.case(
        (refunds.c.bonus_minor > 0, _major(refunds.c.bonus_minor, refunds.c.currency)), else_=_EMPTY
    )


def _told_cell(
    source: sa.FromClause, job_id: str | None, *, at_once: bool
) -> sa.ColumnElement[str]:
    """Where the newest message of this job to the line's client is."""
    if job_id is None:
        return _EMPTY.label("message_status")
    found = pages.newest_status_at_once if at_once else pages.newest_status
    newest: sa.ColumnElement[str] = found(job_id, source.c.client_id)
    return newest.label("message_status")


def _expiry_cells() -> tuple[sa.ColumnElement[str], ...]:
    return tuple(
        _instant_text(refunds.c[name]).label(name) for name in ("expires_before", "expires_after")
    )


_NO_EXPIRY: Final = (_EMPTY.label("expires_before"), _EMPTY.label("expires_after"))


def _override_of(source: sa.FromClause, job_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.and_(
        job_overrides.c.job_id == job_id,
        job_overrides.c.booking_id == source.c.booking_id,
        job_overrides.c.line_no.in_((0, source.c.line_no)),
    )


def _override_cells(*, by_terms: bool) -> tuple[sa.ColumnElement[Any], ...]:
    """Who said something of a line, whatever the terms say, and why."""
    if not by_terms:
        return _EMPTY.label("overridden_by"), _EMPTY.label("override_note")
    is_said = job_overrides.c.booking_id.is_not(None)
    return (
        sa.case((is_said, _cell(jobs.c.requested_by)), else_=_EMPTY).label("overridden_by"),
        _cell(job_overrides.c.note).label("override_note"),
    )


def _amount_cell(
    source: sa.FromClause,
    amount: sa.ColumnElement[int],
    credits: sa.ColumnElement[int],  # noqa: A002
) -> sa.ColumnElement[str | None]:
    return sa.case(
        (source.c.credits.is_not(None), sa.cast(credits, _TEXT)),
        (source.c.currency.is_not(None), _major(amount, source.c.currency)),
    )


def _job_cells() -> tuple[sa.ColumnElement[str], ...]:
    return (
        _cell(jobs.c.reason).label("reason"),
        _cell(jobs.c.requested_by).label("requested_by"),
        _instant_text(jobs.c.requested_at).label("requested_at"),
    )


def _approval_cells(job_id: str) -> tuple[sa.ColumnElement[str], ...]:
    """Who approved the job, when, and of which plan; looked up once for all lines."""
    c = job_actions.c
    cells = {
        "approved_by": _cell(c.actor),
        "approved_at": _instant_text(c.acted_at),
        "approved_digest": c.plan_digest,
    }
    approved = sa.and_(c.job_id == job_id, c.action == JobAction.APPROVED.value)
    return tuple(
        sa.select(cell).where(approved).scalar_subquery().label(name)
        for name, cell in cells.items()
    )
