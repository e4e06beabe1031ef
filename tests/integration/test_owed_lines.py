"""The database owes what the pure rule owes: drawn bookings, terms and overrides, on both."""

import datetime as dt
import random

import pytest
import sqlalchemy as sa

from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.core.dialect import Instant
from app.db.terms import overrides, owed_lines
from app.domain.nouns.terms import Override
from app.domain.owed.choice import Choice
from app.domain.owed.terms import (
    FeeRule,
    KeepPer,
    OverrideAction,
    PaidLine,
    ReturnAs,
    SkipReason,
    Terms,
    booking_kept_by,
    owed,
)
from app.domain.statuses import COUNTED_BY_TERMS, BookingStatus, Method, RefundForm

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
BOOKINGS = 160
PLAINEST = Terms()
LARGEST = 10**12


def drawn_terms(dice):
    return Terms(
        return_as=dice.choice((*ReturnAs, ReturnAs.ORIGINAL, ReturnAs.ORIGINAL)),
        keep_basis_points=dice.choice((0, 1, 1000, 3333, 5000, 10_000, dice.randint(0, 10_000))),
        keep_fixed=dice.choice(
            ((), (("CAD", 0),), (("CAD", 250), ("JPY", 40)), (("CLF", LARGEST), ("KWD", 1)))
        ),
        keep_per=dice.choice(tuple(KeepPer)),
        return_credits=dice.random() < 0.7,
        late_cancelled=dice.choice(tuple(FeeRule)),
        no_show=dice.choice(tuple(FeeRule)),
        choice=dice.choice((None, Choice(), Choice(default=RefundForm.STORE_CREDIT))),
    )


def drawn_form(dice, action):
    forms = (None, RefundForm.ORIGINAL, RefundForm.STORE_CREDIT)
    return dice.choice(forms) if action is OverrideAction.RETURN else None


def drawn_lines(dice):
    """Lines of which some are of 0, and some as large as any may be."""
    lines = []
    for _ in range(dice.choice((0, 1, 1, 2, 3, 5))):
        amount = dice.choice((0, 1, 5, dice.randint(1, 10_000), dice.randint(1, LARGEST), LARGEST))
        if dice.random() < 0.25:
            lines.append(PaidLine(Method.CREDIT, min(amount, 10**9), None))
        else:
            currency = dice.choice(("CAD", "CAD", "JPY", "KWD", "CLF"))
            lines.append(PaidLine(Method.PAYMENT, amount, currency))
    return lines


class Drawn:
    """A booking with its lines, and what a person says of it."""

    def __init__(self, dice, number):
        self.id = f"b{number}"
        self.session_id = dice.choice(("begun", "to-come"))
        self.status = dice.choice((*COUNTED_BY_TERMS, BookingStatus.CANCELLED))
        self.lines = drawn_lines(dice)
        self.said = {}
        self.is_named = dice.random() < 0.4
        if self.is_named and dice.random() < 0.5:
            action = dice.choice(tuple(OverrideAction))
            self.said[0] = (action, None, drawn_form(dice, action))
        elif self.is_named:
            for number_, line in enumerate(self.lines, start=1):
                if line.amount and dice.random() < 0.6:
                    self.said[number_] = self._of_line(dice, line)

    def _of_line(self, dice, line):
        action = dice.choice(tuple(OverrideAction))
        part = line.method is Method.PAYMENT and action is OverrideAction.RETURN
        amount = dice.choice((None, dice.randint(1, line.amount))) if part else None
        return action, amount, drawn_form(dice, action) if part else None

    def rows(self):
        own = {"business_id": "studio", "booking_id": self.id}
        for number, line in enumerate(self.lines, start=1):
            of_credits = line.method is Method.CREDIT
            yield own | {
                "line_no": number,
                "method": line.method,
                "payment_id": None if of_credits else f"{self.id}-{number}",
                "amount_minor": None if of_credits else line.amount,
                "currency": line.currency,
                "account_id": f"{self.id}-account" if of_credits else None,
                "credits": line.amount if of_credits else None,
            }

    def overrides(self):
        return [
            Override(self.id, n, action, amount, "said so", form)
            for n, (action, amount, form) in self.said.items()
        ]

    def expected(self, terms, *, include_attended, overridden):
        """What the pure rule owes, as rows of the statement."""
        if self.status == BookingStatus.CANCELLED:
            return []
        facts = {"started": self.session_id == "begun", "include_attended": include_attended}
        said = self.said if overridden else {}
        paid = [
            (number, line._replace(action=action, returned=returned, return_as=form))
            for number, line in enumerate(self.lines, start=1)
            if line.amount
            for action, returned, form in [said.get(number) or said.get(0) or (None,) * 3]
        ]
        if not paid:
            action = said.get(0, (None,))[0]
            why = booking_kept_by(self.status, action, terms, **facts) or SkipReason.NOTHING_PAID
            return [(self.id, 0, "none", None, None, 0, 0, None, why, "original", False)]
        found = owed(self.status, [line for _, line in paid], terms, **facts)
        return [
            (
                self.id,
                number,
                line.method,
                one.returned if line.method is Method.PAYMENT else None,
                one.returned if line.method is Method.CREDIT else None,
                one.kept if line.method is Method.PAYMENT else 0,
                one.kept if line.method is Method.CREDIT else 0,
                one.kept_by,
                one.kept_by if one.returned == 0 else None,
                one.form,
                one.is_asked,
            )
            for (number, line), one in zip(paid, found, strict=True)
        ]


async def put(db, drawn):
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="CAD")
        hour = dt.timedelta(hours=1)
        for id_, starts_at in (("begun", NOW - hour), ("to-come", NOW + hour)):
            await conn.execute(
                sa.insert(tables.sessions).values(
                    business_id="studio",
                    id=id_,
                    name=id_,
                    starts_at=starts_at,
                    ends_at=starts_at + hour,
                    timezone="UTC",
                    status="scheduled",
                )
            )
        await conn.execute(sa.insert(tables.clients).values(business_id="studio", id="kim"))
        await conn.execute(
            sa.insert(tables.bookings),
            [
                {
                    "business_id": "studio",
                    "id": one.id,
                    "session_id": one.session_id,
                    "client_id": "kim",
                    "status": one.status,
                }
                for one in drawn
            ],
        )
        await conn.execute(
            sa.insert(tables.payment_lines), [row for one in drawn for row in one.rows()]
        )


async def in_database(conn, drawn, terms, *, include_attended, overridden):
    named = [one for each in drawn for one in each.overrides()] if overridden else []
    shape = owed_lines.shape_of(terms, include_attended=include_attended, overridden=bool(named))
    source = sa.select(
        tables.sessions.c.business_id,
        tables.sessions.c.id.label("session_id"),
        sa.literal(0).label("position"),
        tables.sessions.c.starts_at,
    ).subquery("chosen")
    given = owed_lines.parameters(terms) | {"as_of": NOW}
    if named:
        given[overrides.GIVEN] = overrides.as_given(named)
    lines = owed_lines.owed_lines(
        source,
        sa.bindparam("as_of", type_=Instant),
        shape,
        overrides.of_request(conn.dialect.name) if named else None,
    )
    query = sa.select(
        *(
            lines.c[name]
            for name in (
                "booking_id",
                "line_no",
                "method",
                "amount_minor",
                "credits",
                "kept_amount_minor",
                "kept_credits",
                "kept_by",
                "skip_reason",
                "returned_as",
                "is_asked",
            )
        )
    )
    return sorted(map(tuple, (await conn.execute(query, given)).all()))


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_database_owes_to_the_minor_unit_what_the_rule_owes(db, seed):
    dice = random.Random(seed)
    drawn = [Drawn(dice, number) for number in range(BOOKINGS)]
    await put(db, drawn)
    async with db.read() as conn:
        for terms in (PLAINEST, *(drawn_terms(dice) for _ in range(30))):
            how = {"include_attended": dice.random() < 0.3, "overridden": dice.random() < 0.7}
            expected = [row for one in drawn for row in one.expected(terms, **how)]
            assert await in_database(conn, drawn, terms, **how) == sorted(expected), terms
