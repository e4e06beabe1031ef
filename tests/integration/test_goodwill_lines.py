"""The database gives goodwill to whom the pure rule gives it: drawn bookings, terms, overrides."""

import datetime as dt
import random

import pytest
import sqlalchemy as sa
from integration.test_owed_lines import NOW, Drawn, drawn_terms

from app.db import tables
from app.db.access.businesses import create as create_business
from app.db.core.dialect import Instant
from app.db.terms import goodwill, overrides, owed_lines
from app.domain.owed.goodwill import Goodwill, GoodwillFor, GoodwillPer, gives
from app.domain.owed.terms import booking_kept_by
from app.domain.statuses import Method

STARTS = {name: NOW + dt.timedelta(hours=hours) for name, hours in
          {"begun": -1, "later": 3, "soon": 1, "too": 1}.items()}  # fmt: skip
CLIENTS = [f"client-{n}" for n in range(12)]


class Booked(Drawn):
    """A drawn booking, of one of a few clients and sessions."""

    def __init__(self, dice, number):
        super().__init__(dice, number)
        self.session_id, self.client_id = dice.choice([*STARTS]), dice.choice(CLIENTS)

    def is_given(self, terms, *, include_attended, overridden):
        action = self.said.get(0, (None,))[0] if overridden else None
        started = self.session_id == "begun"
        kept_by = booking_kept_by(
            self.status, action, terms, started=started, include_attended=include_attended
        )
        paid = {line.method for line in self.lines if line.amount}
        return gives(
            terms.goodwill,
            self.status,
            is_kept=kept_by is not None,
            has_payment=Method.PAYMENT in paid,
            has_credits=Method.CREDIT in paid,
        )


def expected(drawn, terms, how):
    """The first booking of each client in the order of starts, or all."""
    given = [one for one in drawn if one.is_given(terms, **how)]
    if terms.goodwill.per is GoodwillPer.BOOKING:
        return sorted(one.id for one in given)
    given.sort(key=lambda one: (STARTS[one.session_id], one.session_id, one.id), reverse=True)
    return sorted({one.client_id: one.id for one in given}.values())


def drawn_goodwill(dice):
    words = dice.sample(tuple(GoodwillFor), dice.randint(1, len(GoodwillFor)))
    return Goodwill(dice.randint(1, 9), None, dice.choice(tuple(GoodwillPer)), tuple(words))


async def put(db, drawn):
    async with db.write() as conn:
        await create_business(conn, "studio", name="Studio", timezone="UTC", currency="CAD")
        for id_, starts_at in STARTS.items():
            await conn.execute(
                sa.insert(tables.sessions).values(
                    business_id="studio",
                    id=id_,
                    name=id_,
                    starts_at=starts_at,
                    ends_at=starts_at + dt.timedelta(hours=1),
                    timezone="UTC",
                    status="scheduled",
                )
            )
        own = {"business_id": "studio"}
        await conn.execute(sa.insert(tables.clients), [own | {"id": id_} for id_ in CLIENTS])
        names = ("id", "session_id", "client_id", "status")
        rows = [own | {name: getattr(one, name) for name in names} for one in drawn]
        await conn.execute(sa.insert(tables.bookings), rows)
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
    found = goodwill.given_bookings(
        source,
        sa.bindparam("as_of", type_=Instant),
        shape,
        overrides.of_request(conn.dialect.name) if named else None,
    )
    lines = goodwill.lines_of(found).subquery("grants")
    names = ("booking_id", "line_no", "method", "credits", "skip_reason", "returned_as")
    rows = (await conn.execute(sa.select(*(lines.c[name] for name in names)), given)).all()
    amount = terms.goodwill.credits
    assert {tuple(row[1:]) for row in rows} <= {(-1, "credit", amount, None, "goodwill")}
    return sorted(row.booking_id for row in rows)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_database_gives_goodwill_for_the_bookings_that_the_rule_names(db, seed):
    dice = random.Random(seed)
    drawn = [Booked(dice, number) for number in range(120)]
    await put(db, drawn)
    counted = 0
    async with db.read() as conn:
        for _ in range(25):
            drawn_ = drawn_terms(dice)
            terms = type(drawn_)(
                late_cancelled=drawn_.late_cancelled,
                no_show=drawn_.no_show,
                goodwill=drawn_goodwill(dice),
            )
            how = {"include_attended": dice.random() < 0.3, "overridden": dice.random() < 0.7}
            found = await in_database(conn, drawn, terms, **how)
            assert found == expected(drawn, terms, how), (terms, how)
            counted += len(found)
    assert counted > 100
