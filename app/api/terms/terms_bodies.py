"""The document of terms, whole or the members that a request names, and overrides."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, PlainValidator, StrictBool, WithJsonSchema, field_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from app.api.bodies import Answer, Body, UtcInstant, without_defaults
from app.domain.fields import Currency, PlatformId, prose
from app.domain.money import CURRENCIES
from app.domain.nouns.terms import Override
from app.domain.nouns.versions import SetVersion
from app.domain.owed.choice import FORMS, MAX_HOURS
from app.domain.owed.goodwill import GoodwillFor, GoodwillPer
from app.domain.owed.terms import Fallback, FeeRule, KeepPer, OverrideAction, PartRefunded, ReturnAs
from app.domain.statuses import RefundForm

MAX_NOTE: Final = 500
_MAX_AMOUNT: Final = 10**12
_MAX_LINE: Final = 2**31 - 1
_EXAMPLE: JsonDict = {
    "payments": {
        "return_as": "original",
        "keep": {
            "percent": 10,
            "fixed": [{"currency": "CAD", "amount_minor": 500}],
            "per": "booking",
        },
        "part_refunded": "rest",
        "fallback": ["store_credit", "person"],
    },
    "credits": {"return": True, "valid_for_days": 30},
    "fees": {"late_cancelled": "keep", "no_show": "keep"},
    "goodwill": {"credits": 1, "valid_for_days": 60, "per": "client", "for": ["membership"]},
    "choice": {
        "offer": ["original", "store_credit"],
        "default": "original",
        "within_hours": 72,
        "bonus_percent": 10,
    },
}


def _percent(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100:  # noqa: PLR2004 - per cent
        hundredths = value * 100
        if abs(hundredths - round(hundredths)) < 1e-6:  # noqa: PLR2004 - what binary fractions lack
            return round(hundredths) / 100 if round(hundredths) % 100 else round(value)
    raise PydanticCustomError("percent", "must be a number from 0 to 100 with at most two decimals")


def _refuse_repeated(words: Sequence[str], noun: str) -> None:
    if len(set(words)) < len(words):
        raise PydanticCustomError(f"repeated-{noun}", f"must not name one {noun} twice")


ValidForDays = Annotated[
    Annotated[int, Field(ge=1, le=3650, strict=True)] | None,
    Field(description="They can be used for at least so long, from acceptance on."),
]
Percent = Annotated[
    float,
    PlainValidator(_percent),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01}),
]


class _Members(Body):
    """Members of terms, each of which may be left out."""

    model_config = ConfigDict(json_schema_extra=without_defaults)


class FixedFee(Body):
    """A sum that is kept of what was paid in one currency."""

    currency: Currency
    amount_minor: Annotated[int, Field(ge=0, le=_MAX_AMOUNT, strict=True)]


class KeepTerms(_Members):
    """A fee: first the percentage, then the fixed sum, never more than was paid."""

    percent: Percent = Field(0, description="At most two decimals; half a minor unit to even.")
    fixed: Annotated[list[FixedFee], Field(max_length=len(CURRENCIES))] = Field(
        [], description="By currency; of others nothing is kept."
    )
    per: KeepPer = Field(
        KeepPer.BOOKING,
        description=(
            "`booking`: of its payment lines of one currency together, spread by amount; "
            "`line`: of each line."
        ),
    )

    @field_validator("fixed")
    @classmethod
    def _each_currency_once(cls, fixed: list[FixedFee]) -> list[FixedFee]:
        _refuse_repeated([one.currency for one in fixed], "currency")
        return fixed


class PaymentTerms(_Members):
    """How payments come back."""

    return_as: ReturnAs = Field(
        ReturnAs.ORIGINAL,
        description=("By the way they were paid, as value at the credits service, or not at all."),
    )
    keep: KeepTerms = KeepTerms()
    part_refunded: PartRefunded = Field(
        PartRefunded.PERSON,
        description="Where less is left of a payment than was to be returned: the rest comes back,"
        " or a person looks.",
    )
    fallback: Annotated[list[Fallback], Field(max_length=len(Fallback))] = Field(
        [Fallback.PERSON],
        description=(
            "The forms that follow a refusal which no further try can mend, in their order; "
            "never after a dispute. `person`, the last, may be left out."
        ),
    )

    @field_validator("fallback")
    @classmethod
    def _a_person_is_the_last(cls, fallback: list[Fallback]) -> list[Fallback]:
        _refuse_repeated(fallback, "form")
        if Fallback.PERSON in fallback[:-1]:
            raise PydanticCustomError("person-is-last", "must name nothing after a person")
        return fallback


class CreditTerms(_Members):
    """How credits come back."""

    model_config = ConfigDict(serialize_by_alias=True)

    returned: StrictBool = Field(True, alias="return")
    valid_for_days: ValidForDays = None


class FeeTerms(_Members):
    """What becomes of lines of bookings that were cancelled late or missed."""

    late_cancelled: FeeRule = FeeRule.KEEP
    no_show: FeeRule = FeeRule.KEEP


class GoodwillTerms(_Members):
    """Credits on top of what comes back."""

    model_config = ConfigDict(serialize_by_alias=True)

    credits: Annotated[int, Field(ge=0, le=1000, strict=True)] = Field(
        0, description="How many; 0: none are given."
    )
    valid_for_days: ValidForDays = None
    per: GoodwillPer = Field(
        GoodwillPer.CLIENT,
        description="`client`: once to each client of the job; `booking`: for each booking.",
    )
    given_for: Annotated[list[GoodwillFor], Field(min_length=1, max_length=len(GoodwillFor))] = (
        Field(
            [GoodwillFor.MEMBERSHIP],
            alias="for",
            description=(
                "For bookings that were `paid` with money, or with `credit`. `membership` and "
                "`free` both mean those of which nothing was paid."
            ),
        )
    )

    @field_validator("given_for")
    @classmethod
    def _each_once(cls, given_for: list[GoodwillFor]) -> list[GoodwillFor]:
        _refuse_repeated(given_for, "word")
        return given_for


OfferedForm = Literal["original", "store_credit"]


class ChoiceTerms(_Members):
    """What clients may choose between, each by a link of their own."""

    offer: Annotated[list[OfferedForm], Field(min_length=len(FORMS), max_length=len(FORMS))] = (
        Field(["original", "store_credit"], description="In the order in which they are shown.")
    )
    default: OfferedForm = Field(
        "original",
        description=(
            "What comes back by itself when the time is up: `store_credit` only where "
            "`payments.return_as` is that."
        ),
    )
    within_hours: Annotated[int, Field(ge=1, le=MAX_HOURS, strict=True)] = Field(
        72, description="From acceptance on, or from the end of a hold."
    )
    bonus_percent: Percent = Field(
        0,
        description=(
            "Given on top to who chooses store credit; at most two decimals, half a minor unit to "
            "even."
        ),
    )

    @field_validator("offer")
    @classmethod
    def _each_form_once(cls, offer: list[OfferedForm]) -> list[OfferedForm]:
        _refuse_repeated(offer, "form")
        return offer


def _terms_schema(schema: JsonDict) -> None:
    without_defaults(schema)
    schema["examples"] = [_EXAMPLE]


class TermsBody(Body):
    """What is returned, in which form, and what is kept."""

    model_config = ConfigDict(json_schema_extra=_terms_schema)

    payments: PaymentTerms = PaymentTerms()
    credits: CreditTerms = CreditTerms()
    fees: FeeTerms = FeeTerms()
    goodwill: GoodwillTerms = GoodwillTerms()
    choice: ChoiceTerms | None = Field(None, description="Null: no client is asked.")

    def document(self) -> dict[str, Any]:
        """The whole document: what is missing is as by default."""
        return self.model_dump(mode="json")

    def named(self) -> dict[str, Any]:
        """The members that are named, and no others."""
        return self.model_dump(mode="json", exclude_unset=True)


class TermsDocument(TermsBody, Answer):
    """Terms as they are in force or were frozen."""

    model_config = ConfigDict(extra="ignore")


class SetTerms(Answer):
    """Terms as somebody set them."""

    version: int
    terms: TermsDocument
    set_by: str = Field(examples=["key:front desk"])
    set_at: UtcInstant

    @classmethod
    def of(cls, one: SetVersion) -> Self:
        return cls(
            version=one.version,
            terms=TermsDocument.model_validate(one.document),
            set_by=one.set_by,
            set_at=one.set_at,
        )


class OverrideBody(Body):
    """What becomes of one booking or line, whatever terms and attendance say."""

    booking_id: PlatformId
    line_no: Annotated[int, Field(ge=1, le=_MAX_LINE, strict=True)] | None = Field(
        None, description="One payment line, from 1 in the platform's order; null: all."
    )
    action: Literal["skip", "return"] = Field(
        description="`skip`: nothing comes back; `return`: it does, whole or `amount_minor` of it."
    )
    amount_minor: Annotated[int, Field(ge=1, le=_MAX_AMOUNT, strict=True)] | None = Field(
        None, description="Of a line of money: how much comes back; null: all of it."
    )
    return_as: Literal["original", "store_credit"] | None = Field(
        None, description="In which form a payment comes back; null: as the terms have it."
    )
    note: Annotated[str, *prose(MAX_NOTE), Field(min_length=1)] = Field(
        description="Why: the audit has it."
    )

    def to_override(self) -> Override:
        """The step's own value."""
        return Override(
            self.booking_id,
            self.line_no or 0,
            OverrideAction(self.action),
            self.amount_minor,
            self.note,
            None if self.return_as is None else RefundForm(self.return_as),
        )
