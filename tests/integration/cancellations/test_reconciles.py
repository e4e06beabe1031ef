"""Of drawn schedules every cent and credit that was paid is returned, or named as not returned.

It is the same wherever one looks. The oracle of what was paid is the drawn schedule, and of what
was returned the sandbox's books.
"""

import random
from collections import Counter
from decimal import Decimal

import pytest

from app.refunds.verify import verify

COUNTED = ("booked", "waitlisted", "checked_in")
PLACES = {"JPY": 0, "CAD": 2}
FIXED = [{"currency": "CAD", "amount_minor": 700}, {"currency": "JPY", "amount_minor": 3}]
TERMS = (
    None,
    {"payments": {"keep": {"percent": 12.5, "fixed": FIXED}}},
    {"payments": {"keep": {"percent": 33.33, "fixed": FIXED, "per": "line"}}},
    {"payments": {"return_as": "nothing"}},
    {"credits": {"return": False}},
)


class Draw:
    """A class with some bookings, cancelled by a job of its own."""

    def __init__(self, studio, number):
        self.random = random.Random(number)
        self.session_id = f"s{number}"
        self.include_attended = self.random.random() < 0.2
        self.terms = random.Random(f"terms {number}").choice((None, None, *TERMS))
        self.records = [
            studio.record(
                "session", self.session_id, starts_in_hours=self.random.choice((-0.5, 48))
            )
        ]
        # The sandbox is told of these, since a part of them was given back before.
        self.payments = []
        for place in range(self.random.randint(0, 4)):
            lines = [self._line() for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
            status = self.random.choice((*COUNTED, *COUNTED, "cancelled"))
            record = studio.record(
                "booking", f"b{number}-{place}", self.session_id, *lines, status=status
            )
            self._share_or_part(record["payments"])
            self.records.append(record)

    def _line(self):
        means = self.random.choice(("CAD", "CAD", "JPY", "credits"))
        return means, self.random.choice(
            (0, 1, self.random.randint(2, 90 if means == "credits" else 9000))
        )

    def _share_or_part(self, lines):
        paid = [one for one in lines if one["method"] == "payment" and one["amount_minor"] > 1]
        drawn = self.random.random()
        if paid and drawn < 0.15:
            paid[0] |= {"payment_id": f"{self.session_id}-shared-{paid[0]['currency']}"}
        elif paid and drawn < 0.3:
            self.payments.append(paid[0])

    def paid(self):
        sums = Counter()
        for record in self.records[1:]:
            for line in record["payments"] if record["status"] in COUNTED else ():
                sums[line.get("currency", "credits")] += line.get("amount_minor", 0) + line.get(
                    "credits", 0
                )
        return +sums


def named(one):
    """What a plan, a job's totals or the sums of a status say is returned, and what is kept."""
    sums = Counter({"credits": one["credits"] + one["kept_credits"]})
    for amount in (*one["amounts"], *one["kept_amounts"]):
        sums[amount["currency"]] += amount["amount_minor"]
    return +sums


def of_line(line, cell):
    means = line["currency"] or "credits"
    return means, int(Decimal(line[cell] or 0).scaleb(PLACES.get(means, 0)))


def in_cells(audit, cell):
    sums = Counter()
    for line in audit:
        means, amount = of_line(line, cell)
        sums[means] += amount
    return +sums


def adds_up(audit, paid):
    """Whether each line is what was paid, returned and kept, and all come to what was paid."""
    for line in audit:
        means, returned = of_line(line, "credits" if line["method"] == "credit" else "amount")
        kept = of_line(line, "kept_amount")[1]
        assert of_line(line, "paid_amount") == (means, returned + kept), line
        assert bool(kept) == bool(line["kept_by"]), line
    assert in_cells(audit, "paid_amount") == paid


async def give_back_a_part(studio, line):
    payment_id = line["payment_id"]
    told = {"amount_minor": line["amount_minor"], "currency": line["currency"]}
    assert (await studio.upstream.put(f"/payments/{payment_id}", json=told)).is_success
    part = told | {
        "amount_minor": 1,
        "payment_id": payment_id,
        "reference": "by hand",
        "business_id": "studio",
    }
    headers = {"Idempotency-Key": f"by hand {payment_id}"}
    answer = await studio.upstream.post("/payments/refunds", json=part, headers=headers)
    assert answer.status_code == 201, answer.text


async def settles(studio, draw, audit_from):
    """Plan, press, work and read one draw; gives its final CSV."""
    paid = draw.paid()
    chosen = {"include_attended": draw.include_attended, "terms": draw.terms}
    plan = (await studio.plan([draw.session_id], **chosen)).json()
    assert named(plan["totals"]) == named(plan["sessions"][0]) == paid
    pressed = await studio.cancel(
        [draw.session_id], accept="text/csv", plan_digest=plan["digest"], **chosen
    )
    assert pressed.status_code == 202, pressed.text
    first = audit_from(pressed.content)
    adds_up(first, paid)
    job_id = first[0]["job_id"]
    await studio.work(job_id)
    final = await studio.audit(job_id)
    adds_up(final, paid)
    assert first.by_refund().keys() == final.by_refund().keys()
    job = await studio.job(job_id)
    assert (
        sum((named(one) for one in job["refunds"].values()), Counter())
        == named(job["totals"])
        == paid
    )
    assert {line["status"] for line in final} <= {"succeeded", "rejected", "skipped"}
    return final


def returned(audit):
    """What the CSV says was returned, by refund."""
    return {
        line["refund_id"]: of_line(line, "credits" if line["method"] == "credit" else "amount")
        for line in audit
        if line["status"] == "succeeded"
    }


# The count is of draws, on each database.
@pytest.mark.parametrize(
    "count", [25, *(pytest.param(count, marks=pytest.mark.long) for count in (80, 250))]
)
async def test_what_is_returned_and_what_is_named_as_kept_or_failed_is_what_was_paid(
    studio, audit_from, count
):
    draws = [Draw(studio, number) for number in range(count)]
    await studio.load(*(record for draw in draws for record in draw.records))
    told, reasons = {}, set()
    for draw in draws:
        for line in draw.payments:
            await give_back_a_part(studio, line)
        audit = await settles(studio, draw, audit_from)
        told |= returned(audit)
        reasons |= {line["failure_code"] for line in audit if line["status"] != "succeeded"}
    known = {"attended", "nothing_paid", "no_bookings", "amount_exceeds_remaining", "terms"}
    assert known <= reasons <= known | {"fee"}
    effects = (await studio.books())["effects"]
    effects.pop("by hand")
    assert {
        id_: (one["currency"] or "credits", one["amount"]) for id_, one in effects.items()
    } == told
    assert await verify(studio.db, most=1_000) == []
