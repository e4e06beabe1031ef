"""What must hold of lines and their legs after every step, beside what holds of each refund."""

from fractions import Fraction
from itertools import pairwise

from integration.model.desk import Row
from integration.model.leg_books import LegBooks, Reading
from integration.model.rules import Watch

RETURNED_TWICE = "returned_twice"
FOR_GOOD = {"refund_window_expired", "card_closed", "declined", "form_not_supported"}
OF_VALUE = {"client_not_found"}
NEVER = {"payment_disputed", "payment_not_found", "insufficient_balance", "already_captured"}
_SENDS = ("pending", "submitted", "indeterminate")


def follows(before: Row, forms: set[str], terms: dict) -> tuple[str, int | None] | None:
    """The form that the terms name after this refusal, and how much; None: a person.

    An amount of None is what was left of the payment.
    """
    payments = (terms or {}).get("payments", {})
    code, form, amount = before["failure_code"], before["returned_as"], before["amount_minor"]
    if form == "void" or before["payment_id"] is None:
        return None
    if code == "form_not_supported" and before["attempts"] > 1:
        return (
            None  # nothing was heard before: that there is no such form now tells nothing of then
        )
    if code == "not_captured" and form == "original":
        return ("void", amount) if before["kept_amount_minor"] == 0 else None
    if code == "amount_exceeds_remaining" and form == "original":
        return ("original", None) if payments.get("part_refunded") == "rest" else None
    if code in FOR_GOOD or (code in OF_VALUE and form == "store_credit"):
        left = [one for one in payments.get("fallback", ()) if one not in {*forms, "person"}]
        return (left[0], amount) if left else None
    return None


def owed(paid: int, terms: dict | None) -> int:
    """What comes back of a payment by these terms, half a minor unit of what is kept to even."""
    keep = (terms or {}).get("payments", {}).get("keep", {})
    fixed = [one["amount_minor"] for one in keep.get("fixed", ()) if one["currency"] == "CAD"]
    return paid - round(Fraction(keep.get("percent", 0)) * paid / 100) - sum(fixed)


class WatchOfLegs(Watch):
    """Looks at lines, too."""

    books: LegBooks

    def __init__(self, desk, books, terms: dict[str, dict]) -> None:
        super().__init__(desk, books)
        self.terms = terms  # by job
        self.twice: set[tuple] = set()  # lines of which a row has said so
        self.late: set[str] = set()  # refunds that were delivered late, ever

    def lines(self) -> list[list[Row]]:
        """Legs of each line in their order, as last seen."""
        lines: dict[tuple, list[Row]] = {}
        for row in self.rows.values():
            key = (row["job_id"], row["booking_id"], row["line_no"])
            lines.setdefault(key, []).append(row)
        return [sorted(legs, key=lambda row: row["leg"]) for legs in lines.values()]

    def look(self) -> None:
        self._hear()
        super().look()
        refused = self.desk.replaced()
        for legs in self.lines():
            self._is_one_line(legs, refused)

    def _hear(self) -> None:
        """What was delivered late is told once a row says that it succeeded, or was twice."""
        self.late |= self.books.untold
        for row in self.desk.refunds():
            told = row["status"] == "succeeded" or row["failure_code"] == RETURNED_TWICE
            if told:
                self.books.untold.discard(row["id"])

    def _tells_the_books(self, row: Row) -> None:
        if row["id"] not in self.books.untold:
            super()._tells_the_books(row)

    def _is_one_line(self, legs: list[Row], refused: set[str]) -> None:
        key = (legs[0]["job_id"], legs[0]["booking_id"], legs[0]["line_no"])
        assert [row["leg"] for row in legs] == list(range(1, len(legs) + 1)), legs
        if any(row["failure_code"] == RETURNED_TWICE for row in legs):
            self.twice.add(key)
        if legs[0]["method"] == "payment":
            moved = sum(self.books.moved(row["id"]) for row in legs)
            most = owed(self.books.paid[legs[0]["payment_id"]], self.terms[legs[0]["job_id"]])
            assert legs[0]["amount_minor"] == most, f"{most} is owed: {legs}"
            assert moved <= most or key in self.twice, f"{moved} of {most} moved: {legs}"
        at_work = [
            row for row in legs if row["due_at"] and row["status"] in _SENDS and not row["followed"]
        ]
        assert len(at_work) <= 1, f"two legs at work: {legs}"
        for before, after in pairwise(legs):
            assert before["followed"], legs
            assert before["id"] in refused, f"{after} follows no recorded refusal: {before}"
            assert after["amount_minor"] <= before["amount_minor"], legs
        assert not legs[-1]["followed"], legs
        for row in legs:
            if row["status"] == "replaced":
                assert row["failure_code"] not in NEVER, legs
        self._is_not_left_as_twice(legs)
        before = {row["id"] for row in legs if row["id"] in self.rows}
        for place, after in enumerate(legs[1:], 1):
            if after["epoch"] == 0 and after["status"] == "pending" and before:
                self._is_what_the_terms_say(legs[:place], after)

    def _is_not_left_as_twice(self, legs: list[Row]) -> None:
        late = [row for row in legs if row["failure_code"] == RETURNED_TWICE]
        if len(late) == 1 and legs[-1]["status"] in {"rejected", "skipped"}:
            others = [row for row in legs[:-1] if row is not late[0]]
            assert any(row["status"] != "replaced" for row in others), (
                f"said to be returned twice, and was not: {legs}"
            )

    def _is_what_the_terms_say(self, earlier: list[Row], after: Row) -> None:
        before = earlier[-1]
        if before["status"] != "replaced":
            return
        forms = {row["returned_as"] for row in earlier}
        said = follows(before, forms, self.terms[before["job_id"]])
        assert said is not None, f"{after} follows, and is a person's by the terms: {before}"
        form, amount = said
        assert after["returned_as"] == form, (before, after, said)
        kept = after["kept_amount_minor"] - before["kept_amount_minor"]
        assert kept == before["amount_minor"] - after["amount_minor"], (before, after)
        if amount is None:
            assert 0 < after["amount_minor"] < before["amount_minor"], (before, after)
        else:
            assert after["amount_minor"] == amount, (before, after)

    def ends_as_the_terms_say(self) -> None:
        """Once machines are done: whoever is left to a person had nothing more to try."""
        for legs in self.lines():
            last = legs[-1]
            if last["status"] != "rejected":
                continue
            forms = {row["returned_as"] for row in legs}
            said = follows(last, forms, self.terms[last["job_id"]])
            if said is not None and said[1] is None:  # a rest that nobody could tell, or is none
                left = self.books.remaining(last["payment_id"])
                assert self.books.reading is Reading.LACKS or not 0 < left < last["amount_minor"], (
                    last
                )
            elif said is not None:
                raise AssertionError(f"left to a person, though {said} was to follow: {legs}")
