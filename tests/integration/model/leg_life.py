"""One run's life where jobs have terms."""

from typing import Any

from integration.model.desk import Desk, Row
from integration.model.leg_books import LegBooks
from integration.model.leg_rules import RETURNED_TWICE, WatchOfLegs
from integration.model.life import Life

from app.cancellation import amend
from app.db.core.engine import Database
from app.domain.nouns.administration import COMMAND
from app.domain.owed.terms_document import DEFAULTS, replaced, terms_of
from app.refunds.legs.ladder import ladder_of
from app.refunds.verify import verify

_NEVER = 1e9
_DEADLINE_SECONDS = 72 * 3600.0


class LifeOfLegs(Life):
    """A business whose jobs have terms, and all that works on it."""

    books: LegBooks
    watch: WatchOfLegs

    def __init__(
        self, db: Database, desk: Desk, books: LegBooks, terms: dict[str, dict[str, Any] | None]
    ) -> None:
        super().__init__(db, desk, books)
        self.watch = WatchOfLegs(desk, books, terms)
        self.terms = terms

    def follow(self, job_id: str) -> None:
        """Let workers go by the job's terms."""
        terms = self.terms[job_id]
        self.crew.ladders[job_id] = ladder_of(
            None if terms is None else terms_of(replaced(DEFAULTS, terms))
        )

    def followed(self) -> list[Row]:
        """Legs that another has followed, and that rest."""
        return [
            row
            for row in self.watch.rows.values()
            if row["status"] == "replaced" and row["id"] not in self.books.untold
        ]

    async def verify(self, overdue_seconds: float = _NEVER) -> None:
        said = await verify(self.db, self.desk.business_id, overdue_seconds=overdue_seconds)
        twice = {
            row["job_id"] for row in self.desk.refunds() if row["failure_code"] == RETURNED_TWICE
        }
        left = [one for one in said if not (twice and one.code in {"legs-sum", "paid"})]
        assert left == [], left

    async def comes_to_rest(self) -> None:
        self.books.can_be_read()
        await self._rests()
        if self.crew.clock < _DEADLINE_SECONDS:
            self.watch.ends_as_the_terms_say()
        await self._people_see_to_what_was_twice()
        self.books.heal()
        await super().comes_to_rest()

    async def _people_see_to_what_was_twice(self) -> None:
        for row in self.watch.asleep():
            if row["failure_code"] == RETURNED_TWICE:
                said = amend.ByHand(amend.Resolution.REFUNDED_ELSEWHERE, "taken back", None)
                await amend.resolve(
                    self.db, self.desk.business_id, row["job_id"], row["id"], said, actor=COMMAND
                )
        self.watch.look()

    def _is_settled(self, row: Row) -> None:
        if row["status"] == "replaced":
            assert row["followed"], row
            assert not self.books.effects(row["id"]), row
        elif row["failure_code"] == RETURNED_TWICE:  # heard of while people tried the rest again
            [legs] = [legs for legs in self.watch.lines() if row in legs]
            assert sum(self.books.moved(leg["id"]) for leg in legs) > legs[0]["amount_minor"], legs
        elif row["status"] == "skipped" and row["failure_code"] == "already_refunded_here":
            assert row["leg"] > 1, row
        else:
            super()._is_settled(row)
