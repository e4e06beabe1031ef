"""What is told of a plan that the payment service was asked about."""

from typing import Self

from pydantic import Field

from app.api.bodies import Answer
from app.cancellation.plan import CancellationPlan
from app.domain.plan_check import NotAsked, PlanRisk
from app.refunds.plan_check.check import CheckProgress, CheckResult, LineAtRisk


class PlanProgress(Answer):
    """How far a check is, in payment lines."""

    asked: int
    of: int
    at_risk: int = Field(description="Without those of which nothing is known.")
    unknown: int = Field(description="The service gave no answer that can be read.")

    @classmethod
    def told(cls, progress: CheckProgress) -> Self:
        return cls(
            asked=progress.asked,
            of=progress.of,
            at_risk=progress.at_risk,
            unknown=progress.unknown,
        )


class LineRisk(Answer):
    """A payment line that may not come back as planned."""

    session_id: str
    session_name: str
    booking_id: str
    line_no: int
    client_id: str
    client_name: str | None = Field(description="Null without the scope `audit:read`.")
    payment_id: str
    code: PlanRisk = Field(
        description="The first that is true: the payment is gone, in dispute, not captured, too "
        "old, or less is left of it than is needed. `unknown`: the service didn't say."
    )
    currency: str
    amount_minor: int = Field(description="What is to come back of this line.")
    needed_minor: int = Field(
        description="What all lines of the plan are to have of this payment, in this currency."
    )
    remaining_minor: int | None = Field(
        description="What is left of the payment in this currency; null: not known."
    )

    @classmethod
    def told(cls, risk: LineAtRisk, session_name: str, *, named: bool) -> Self:
        line = risk.line
        return cls(
            session_id=line.session_id,
            session_name=session_name,
            booking_id=line.booking_id,
            line_no=line.line_no,
            client_id=line.client_id,
            client_name=line.client_name if named else None,
            payment_id=line.payment_id,
            code=risk.code,
            currency=line.currency,
            amount_minor=line.amount_minor,
            needed_minor=risk.needed_minor,
            remaining_minor=risk.remaining_minor,
        )


class PlanBalance(Answer):
    """What there is to return money from, beside what the plan needs."""

    currency: str
    available_minor: int | None = Field(description="Null: the service doesn't say.")
    needed_minor: int


class LinesNotAsked(Answer):
    """Lines that were not asked about."""

    reason: NotAsked = Field(
        description="`credits`: of credits there is nothing to ask; `store_credit`: it comes back "
        "as that, and touches no payment; `unsupported`: the service "
        "lacks the read; `account_unreadable`: the business's own key can't be read here; "
        "`over_limit`, `out_of_time`: there were too many."
    )
    count: int


class PlanCheck(Answer):
    """What the payment service says of a plan: it binds nobody, and may change."""

    digest: str = Field(description="Of the plan that was asked about.")
    progress: PlanProgress
    risks: list[LineRisk]
    balances: list[PlanBalance]
    not_asked: list[LinesNotAsked]


class CheckWords:
    """Shows the steps of one check, by the names of its plan's sessions."""

    def __init__(self, plan: CancellationPlan, *, named: bool) -> None:
        """`named`: clients' names are shown."""
        self._digest = plan.digest
        self._names = {one.session_id: one.name for one in plan.sessions}
        self._named = named

    def risk(self, risk: LineAtRisk) -> LineRisk:
        """A line, with the name of its session."""
        return LineRisk.told(risk, self._names[risk.line.session_id], named=self._named)

    def result(self, result: CheckResult) -> PlanCheck:
        """All that was found."""
        return PlanCheck(
            digest=self._digest,
            progress=PlanProgress.told(result.progress),
            risks=[self.risk(one) for one in result.risks],
            balances=[
                PlanBalance(
                    currency=one.currency,
                    available_minor=one.available_minor,
                    needed_minor=one.needed_minor,
                )
                for one in result.balances
            ],
            not_asked=[
                LinesNotAsked(reason=reason, count=count)
                for reason, count in result.not_asked.items()
            ],
        )
