"""The limits above which a bulk cancellation needs an approval."""

from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, field_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from app.api.bodies import Answer, Body, UtcInstant
from app.domain.approval import DEFAULT_WITHIN_HOURS, MAX_WITHIN_HOURS, ApprovalLimits
from app.domain.fields import Currency
from app.domain.money import CURRENCIES
from app.domain.nouns.versions import SetVersion

_MAX_AMOUNT: Final = 10**12
_MAX_COUNT: Final = 10**9
_EXAMPLE: JsonDict = {
    "money": [{"currency": "CAD", "amount_minor": 200000}],
    "credits": None,
    "people": 100,
    "sessions": None,
    "share_of_week_percent": 30,
    "within_hours": 72,
}
_Count = Annotated[int, Field(ge=0, le=_MAX_COUNT, strict=True)]


class LimitOfMoney(Body):
    """The most that may be returned in one currency without an approval."""

    currency: Currency
    amount_minor: Annotated[int, Field(ge=0, le=_MAX_AMOUNT, strict=True)]


class ApprovalLimitsBody(Body):
    """Above which a bulk cancellation is to be approved by somebody else; null: no limit.

    A member that is left out is null.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    money: Annotated[list[LimitOfMoney], Field(min_length=1, max_length=len(CURRENCIES))] | None = (
        Field(
            None,
            description=(
                "By currency. Where there are any, every currency that is not named has the limit "
                "0: nobody has said how much of it is little."
            ),
        )
    )
    credits: _Count | None = Field(
        None, description="Credits that come back, and those that are given on top."
    )
    people: _Count | None = Field(None, description="Clients with a booking.")
    sessions: _Count | None = None
    share_of_week_percent: Annotated[int, Field(ge=0, le=100, strict=True)] | None = Field(
        None,
        description=(
            "Of the sessions of one calendar week of the business (Monday to Sunday), with those "
            "that bulk cancellations have cancelled of it before."
        ),
    )
    within_hours: Annotated[int, Field(ge=1, le=MAX_WITHIN_HOURS, strict=True)] = Field(
        DEFAULT_WITHIN_HOURS,
        description="How long an approval is waited for; no longer than the first class to come.",
    )

    @field_validator("money")
    @classmethod
    def _each_currency_once(cls, money: list[LimitOfMoney] | None) -> list[LimitOfMoney] | None:
        if money is not None and len({one.currency for one in money}) < len(money):
            raise PydanticCustomError("repeated-currency", "must not name one currency twice")
        return money

    def to_value(self) -> ApprovalLimits:
        """The step's own value."""
        return ApprovalLimits(
            money=None
            if self.money is None
            else {one.currency: one.amount_minor for one in self.money},
            credits=self.credits,
            people=self.people,
            sessions=self.sessions,
            share_of_week_percent=self.share_of_week_percent,
            within_hours=self.within_hours,
        )


class LimitOfMoneyAnswer(Answer):
    """The most that may be returned in one currency without an approval, as it is set."""

    currency: str
    amount_minor: int


class ApprovalLimitsAnswer(Answer):
    """The limits in force; null: no limit. All null: nothing needs an approval."""

    __qualname__ = "ApprovalLimits"  # its name in the document
    model_config = ConfigDict(model_title_generator=lambda body: body.__qualname__)

    money: list[LimitOfMoneyAnswer] | None
    credits: int | None
    people: int | None
    sessions: int | None
    share_of_week_percent: int | None
    within_hours: int
    set_by: str | None = Field(description="Who set them, as the audit names them; null: nobody.")
    set_at: UtcInstant | None

    @classmethod
    def of(cls, own: SetVersion | None) -> Self:
        return cls(**_fields(ApprovalLimits.of(None if own is None else own.document)), **_set(own))


class SetApprovalLimits(ApprovalLimitsAnswer):
    """A version of the limits."""

    __qualname__ = "SetApprovalLimits"

    version: int

    @classmethod
    def of_version(cls, one: SetVersion) -> Self:
        limits = _fields(ApprovalLimits.of(one.document))
        return cls(version=one.version, **limits, **_set(one))


def _fields(limits: ApprovalLimits) -> dict[str, Any]:
    money = limits.money
    return {
        **limits.document(),
        "money": None
        if money is None
        else [
            {"currency": currency, "amount_minor": amount}
            for currency, amount in sorted(money.items())
        ],
    }


def _set(own: SetVersion | None) -> dict[str, Any]:
    return {"set_by": own and own.set_by, "set_at": own and own.set_at}
