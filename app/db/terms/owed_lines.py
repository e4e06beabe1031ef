"""What bookings of chosen sessions get back by terms, as one SELECT.

The plan, the 202's CSV and the expansion of a job with terms read it, as they read `entitlements`
of one without. The rule is `domain.owed.terms`: who gets what is a tree made of its `treatment`,
and the arithmetic of a fee is its `fee_of` and the spreading that `owed` does. A test draws
bookings, terms and overrides, and holds both to each other.
"""

from typing import Any, Final, NamedTuple

import orjson
import sqlalchemy as sa

from app.db.jobs.entitlements import in_session, is_paid
from app.db.tables import bookings, payment_lines
from app.db.terms import rule_tree
from app.db.terms.fee_functions import fixed_sum, share_of, smaller_of
from app.db.terms.rule_tree import is_word, word
from app.domain import money
from app.domain.owed import terms as rule
from app.domain.owed.choice import Choice
from app.domain.owed.goodwill import NO_GOODWILL, Goodwill
from app.domain.owed.terms import KeepPer, LineShare, SkipReason, Terms
from app.domain.statuses import COUNTED_BY_TERMS, Method, RefundForm

_TEXT: Final = sa.Text()
_NUMBER: Final = sa.BigInteger()
_NOTHING: Final = sa.literal_column("0", _NUMBER)


class TermsShape(NamedTuple):
    """What of terms decides a statement's text: the amounts of a fee are its parameters.

    `terms` has a fee of one basis point where there is any percentage, and of no currency where
    there is any fixed sum.
    """

    terms: Terms
    include_attended: bool
    overridden: bool  # whether a person said something of any booking


def shape_of(terms: Terms, *, include_attended: bool, overridden: bool) -> TermsShape:
    """The shape of a job's or a plan's terms."""
    plain = Terms(
        return_as=terms.return_as,
        keep_basis_points=min(1, terms.keep_basis_points),
        keep_fixed=(("", 1),) if any(amount for _, amount in terms.keep_fixed) else (),
        keep_per=terms.keep_per if terms.has_fee else KeepPer.BOOKING,
        return_credits=terms.return_credits,
        late_cancelled=terms.late_cancelled,
        no_show=terms.no_show,
        goodwill=_plain(terms.goodwill),
        choice=Choice(default=rule.first_form(terms)) if rule.asks(terms) else None,
    )
    return TermsShape(plain, include_attended, overridden)


def _plain(goodwill: Goodwill) -> Goodwill:
    """What of goodwill decides a text: how many credits there are is a parameter."""
    if goodwill.credits == 0:
        return NO_GOODWILL
    return Goodwill(1, None, goodwill.per, tuple(sorted(goodwill.given_for)))


def parameters(terms: Terms) -> dict[str, Any]:
    """The amounts that a statement of this shape takes."""
    parameters: dict[str, Any] = {}
    if terms.keep_basis_points:
        parameters["keep_basis_points"] = terms.keep_basis_points
    if any(amount for _, amount in terms.keep_fixed):
        parameters["keep_fixed"] = orjson.dumps(dict(terms.keep_fixed)).decode()
    if terms.goodwill.credits:
        parameters["goodwill_credits"] = terms.goodwill.credits
    return parameters


def owed_lines(
    source: sa.FromClause,
    as_of: sa.ColumnElement[Any],
    shape: TermsShape,
    overrides: sa.FromClause | None = None,
) -> sa.Subquery:
    """The lines of all bookings of `source`'s sessions, as at `as_of`.

    Args:
        source: as of `entitlements.entitlement_lines`.
        as_of: the instant that tells started sessions from those to come.
        shape: of the terms.
        overrides: has `booking_id`, `line_no` (0: the whole booking), `action`, `amount_minor` and
            `return_as`; no booking is named as a whole and by a line as well.

    Returns: the columns of `entitlements.entitlement_lines`, and `is_asked`: whether the client may
    choose the form.
    """
    lines = _with_fees(_treated(source, as_of, shape, overrides), shape.terms)
    kept_by = sa.case(
        (sa.or_(lines.c.line_no.is_(None), lines.c.paid == lines.c.returned), None),
        (is_word(lines.c.how, LineShare.LESS_FEE), word(SkipReason.FEE)),
        (is_word(lines.c.how, LineShare.RETURNED), word(SkipReason.OVERRIDE)),
        else_=lines.c.how,
    )
    of_payment = lines.c.payment_id.is_not(None)
    of_credits = lines.c.account_id.is_not(None)
    kept = lines.c.paid - lines.c.returned
    return sa.select(
        *(
            lines.c[name]
            for name in ("business_id", "session_id", "position", "booking_id", "client_id")
        ),
        sa.func.coalesce(lines.c.line_no, 0).label("line_no"),
        sa.func.coalesce(lines.c.method, Method.NONE.value).label("method"),
        lines.c.payment_id,
        sa.case((of_payment, lines.c.returned)).label("amount_minor"),
        lines.c.currency,
        lines.c.account_id,
        sa.case((of_credits, lines.c.returned)).label("credits"),
        sa.case((of_payment, kept), else_=_NOTHING).label("kept_amount_minor"),
        sa.case((of_credits, kept), else_=_NOTHING).label("kept_credits"),
        kept_by.label("kept_by"),
        sa.case(
            (lines.c.line_no.is_(None), lines.c.unpaid_because), (lines.c.returned == 0, kept_by)
        ).label("skip_reason"),
        sa.case(
            (of_payment, sa.func.coalesce(lines.c.said_form, word(rule.first_form(shape.terms)))),
            else_=word(RefundForm.ORIGINAL),
        ).label("returned_as"),
        _is_asked(lines, shape.terms).label("is_asked"),
    ).subquery("owed")


def _is_asked(lines: sa.FromClause, terms: Terms) -> sa.ColumnElement[bool]:
    """`domain.owed.terms` in SQL: in which form a payment comes back by itself."""
    if not rule.asks(terms):
        return sa.false()
    return sa.and_(
        lines.c.payment_id.is_not(None), lines.c.returned > 0, lines.c.said_form.is_(None)
    )


def _treated(
    source: sa.FromClause,
    as_of: sa.ColumnElement[Any],
    shape: TermsShape,
    overrides: sa.FromClause | None,
) -> sa.Subquery:
    """Each line, or a booking without any, with what the terms say of it."""
    own = sa.and_(
        payment_lines.c.business_id == bookings.c.business_id,
        payment_lines.c.booking_id == bookings.c.id,
        is_paid(),
    )
    lines = sa.join(source, bookings, in_session(source)).outerjoin(payment_lines, own)
    action: sa.ColumnElement[Any] = sa.cast(sa.null(), _TEXT)
    said: sa.ColumnElement[Any] = sa.cast(sa.null(), _NUMBER)
    form: sa.ColumnElement[Any] = sa.cast(sa.null(), _TEXT)
    if overrides is not None:
        named = sa.or_(
            overrides.c.line_no == 0,
            overrides.c.line_no == payment_lines.c.line_no,
        )
        lines = lines.outerjoin(overrides, sa.and_(overrides.c.booking_id == bookings.c.id, named))
        action, said = overrides.c.action, overrides.c.amount_minor
        form = overrides.c.return_as
    counted: list[sa.ColumnElement[str]] = [
        sa.literal_column(f"'{status}'") for status in COUNTED_BY_TERMS
    ]
    paid = sa.func.coalesce(payment_lines.c.amount_minor, payment_lines.c.credits)
    how, unpaid = rule_tree.trees(
        shape.terms,
        include_attended=shape.include_attended,
        action=action if shape.overridden else None,
        started=source.c.starts_at <= as_of,
    )
    return (
        sa.select(
            *(source.c[name] for name in ("business_id", "session_id", "position")),
            bookings.c.id.label("booking_id"),
            bookings.c.client_id,
            *(
                payment_lines.c[name]
                for name in ("line_no", "method", "payment_id", "currency", "account_id")
            ),
            paid.label("paid"),
            said.label("said"),
            form.label("said_form"),
            how.label("how"),
            unpaid.label("unpaid_because"),
        )
        .select_from(lines)
        .where(bookings.c.status.in_(counted))
        .subquery("treated")
    )


def _with_fees(lines: sa.Subquery, terms: Terms) -> sa.Subquery:
    """The same lines with what is returned of each."""
    by_booking = terms.has_fee and terms.keep_per is KeepPer.BOOKING
    if by_booking:
        lines = _charged(lines, terms)
    whole = sa.func.coalesce(lines.c.said, lines.c.paid)
    returned: list[tuple[sa.ColumnElement[bool], sa.ColumnElement[Any]]] = [
        (is_word(lines.c.how, LineShare.RETURNED), whole)
    ]
    if terms.has_fee:
        fee = _part(lines) if by_booking else _fee(lines.c.paid, lines.c.currency, terms)
        returned.append((is_word(lines.c.how, LineShare.LESS_FEE), lines.c.paid - fee))
    comes_back = sa.case(*returned, else_=_NOTHING).label("returned")
    # OFFSET keeps the databases from writing this out anew for each use of it: there are ten.
    return sa.select(*lines.c, comes_back).offset(sa.literal_column("0")).subquery("shared")


def _charged(lines: sa.Subquery, terms: Terms) -> sa.Subquery:
    """The same lines with the fee of their booking, and the sums of it.

    A booking has a fee for each currency. `whole` is the sum of all that bear it, `from_here`
    of this one and those after it.
    """
    borne = sa.case((is_word(lines.c.how, LineShare.LESS_FEE), lines.c.paid), else_=_NOTHING)
    together = (lines.c.booking_id, lines.c.currency)
    onwards = sa.func.sum(borne).over(
        partition_by=together, order_by=lines.c.line_no.desc(), rows=(None, 0)
    )
    summed = sa.select(
        *lines.c,
        sa.cast(sa.func.sum(borne).over(partition_by=together), _NUMBER).label("whole"),
        sa.cast(onwards, _NUMBER).label("from_here"),
    ).subquery("summed")
    fee = _fee(summed.c.whole, summed.c.currency, terms)
    return sa.select(*summed.c, fee.label("fee")).subquery("charged")


def _part(lines: sa.Subquery) -> sa.ColumnElement[int]:
    """What a line bears of its booking's fee: as `domain.owed.terms` spreads it."""
    after = lines.c.from_here - lines.c.paid
    spread = share_of(lines.c.fee, lines.c.from_here, lines.c.whole) - share_of(
        lines.c.fee, after, lines.c.whole
    )
    # Most bookings have one line, which bears it all: no number of more than 64 bits is needed.
    return sa.case((lines.c.paid == lines.c.whole, lines.c.fee), else_=spread)


def _fee(
    amount: sa.ColumnElement[int], currency: sa.ColumnElement[str], terms: Terms
) -> sa.ColumnElement[int]:
    """`domain.owed.terms.fee_of` in SQL: the terms' own numbers are parameters."""
    fee: sa.ColumnElement[int] = _NOTHING
    if terms.keep_basis_points:
        points = sa.bindparam("keep_basis_points", type_=_NUMBER)
        product = amount * sa.cast(points, _NUMBER)
        quotient, rest = _divided(product, money.WHOLE)
        _, odd = _divided(quotient, 2)
        up = sa.or_(rest > money.HALF, sa.and_(rest == money.HALF, odd == 1))
        fee = quotient + sa.case((up, 1), else_=0)
    if terms.keep_fixed:
        fee += fixed_sum(sa.bindparam("keep_fixed", type_=_TEXT), currency)
    return smaller_of(amount, fee)


def _divided(
    product: sa.ColumnElement[int], by: int
) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    # Without `%`, which COPY would be sent doubled.
    divisor = sa.literal_column(str(by), _NUMBER)
    quotient = sa.cast(product.op("/", return_type=_NUMBER)(divisor), _NUMBER)
    return quotient, product - quotient * divisor
