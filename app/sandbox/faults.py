"""The switches for all that can go wrong, and the dice.

Same seed and same requests, same faults.
"""

import math
import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.books import FAILED, PENDING, SUCCEEDED

Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.:-]{0,63}$")]


Optional = Literal["voids", "store-credits", "credit-grants", "payments", "balance"]


class _Switches(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Hooks(_Switches):
    """Where and how pending refunds are told of once they have their final status.

    They settle by themselves then.
    """

    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,2000}$")]
    secret: Annotated[str, Field(pattern=r"^whsec_[A-Za-z0-9+/]{20,100}={0,2}$")]
    times: Annotated[int, Field(ge=1, le=100)] = 1
    """Every hook is sent so often, with one id."""
    tell: Annotated[list[Literal["pending", "final"]], Field(max_length=10)] = ["final"]
    """A hook for each, in this order; none: no hooks.

    `final, pending` is a word that another has overtaken.
    """
    delay_seconds: Seconds = 0
    """From the final status to the hooks."""
    before_answer: bool = False
    """The refund settles at once and its hooks are out before the 201 that says `pending`."""


class Faults(_Switches):
    """The switches of one service; all off unless set. Probabilities are drawn for each request."""

    seed: int = 1
    latency_seconds: Seconds = 0
    """Time between reading a request and acting.

    A caller who leaves meanwhile does not stop the act.
    """
    latency_jitter_seconds: Seconds = 0
    drop_before: Probability = 0
    """The connection is closed without an answer, and nothing was done."""
    drop_after: Probability = 0
    """The connection is closed without an answer, and the refund was made."""
    hang: Probability = 0
    """The refund was made and no answer ever comes."""
    answer_500_before: Probability = 0
    answer_500_after: Probability = 0
    answer_502_after: Probability = 0
    """The refund was made, and a proxy's page of HTML says 502."""
    answer_503: Probability = 0
    answer_429: Probability = 0
    """A refusal by accident, at no rate: nothing was done, and what it says is as for a 503."""
    garbage: Probability = 0
    """The refund was made, and the 201 is no JSON."""
    huge: Probability = 0
    """The refund was made, and the 201 is a megabyte."""
    wrong_amount: Probability = 0
    """The refund was made, and the 201 names another amount."""
    look_ups: bool = False
    """Whether the probabilities above are for look-ups too. Latency and throttle always are."""
    throttle_per_second: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """A token bucket that holds up to one second's worth; beyond it 429."""
    retry_after: Literal["seconds", "date", "none"] = "seconds"
    retry_after_seconds: Annotated[int, Field(ge=0, le=86_400)] = 1
    """What a 503 and a 429 by accident say.

    A throttled 429 says when the next token is due, in whole seconds.
    """
    refuse: dict[Code, Probability] = {}
    """Refusal codes, each for that share of payments or accounts.

    They are the same ones until the seed changes.
    """
    refuse_ids: dict[str, Code] = {}
    """Refusal codes for single payments or accounts."""
    fail: Probability = 0
    """The refund is made and fails at once: 201 with status `failed`."""
    pending: Probability = 0
    pending_then: Literal["succeeded", "failed", "never"] = "succeeded"
    pending_seconds: Seconds = 2
    hooks: Hooks | None = None
    forget_keys: bool = False
    """No key of an earlier call is recognised; two calls at once are still told apart."""
    ignore_keys: bool = False
    """The key is not read at all: no replay, no conflict."""
    allow_excess: bool = False
    """Refunds beyond what was paid are made, as some services do."""
    forget_amounts: bool = False
    """What is given back is not counted: its payment stays as it stood, and is given back again."""
    unsupported: list[Optional] = []
    """What the service lacks: without all of it, it is one of the contracts' version 1.0."""
    unsupported_status: Literal[404, 501] = 404
    """What it says then: 404 without a code, or 501."""


class FaultDocument(_Switches):
    """The body of PUT /faults: the whole truth, what it leaves out is off."""

    payments: Faults = Faults()
    credits: Faults = Faults()


class FaultKind(StrEnum):
    """What goes wrong with one request, in the order in which it is drawn."""

    DROP_BEFORE = "drop_before"
    ANSWER_503 = "answer_503"
    ANSWER_429 = "answer_429"
    ANSWER_500_BEFORE = "answer_500_before"
    DROP_AFTER = "drop_after"
    HANG = "hang"
    ANSWER_500_AFTER = "answer_500_after"
    ANSWER_502_AFTER = "answer_502_after"
    GARBAGE = "garbage"
    HUGE = "huge"
    WRONG_AMOUNT = "wrong_amount"


@dataclass(slots=True)
class Dice:
    """The faults of one service with their random numbers and their bucket.

    New faults are new dice.
    """

    faults: Faults
    tokens: float = 0.0
    filled_at: float | None = None
    random: Random = field(init=False)
    likely: list[tuple[FaultKind, float]] = field(init=False)

    def __post_init__(self) -> None:
        """Seed the dice and keep the switches that are on."""
        self.random = Random(self.faults.seed)  # noqa: S311 - reproducible faults, no secrets
        chances = ((trouble, float(getattr(self.faults, trouble.value))) for trouble in FaultKind)
        self.likely = [(trouble, chance) for trouble, chance in chances if chance > 0]

    def trouble(self) -> FaultKind | None:
        """Draw what goes wrong with this request: the first that comes up."""
        drawn = [trouble for trouble, chance in self.likely if self.random.random() < chance]
        return drawn[0] if drawn else None

    def latency_seconds(self) -> float:
        """Draw how long this request takes."""
        jitter = self.faults.latency_jitter_seconds
        return self.faults.latency_seconds + (self.random.random() * jitter if jitter else 0.0)

    def status(self) -> str:
        """Draw what a new refund is at first."""
        for status, chance in ((FAILED, self.faults.fail), (PENDING, self.faults.pending)):
            if chance and self.random.random() < chance:
                return status
        return SUCCEEDED

    def refusal(self, subject: str) -> str | None:
        """The code that this payment or account is refused with.

        It is the same answer each time it is asked for.
        """
        if subject in self.faults.refuse_ids:
            return self.faults.refuse_ids[subject]
        for code, share in self.faults.refuse.items():
            if zlib.crc32(f"{self.faults.seed}:{code}:{subject}".encode()) < share * 2**32:
                return code
        return None

    def throttled_seconds(self, monotonic: float) -> float | None:
        """Take a token; None if there was one, else the seconds until the next.

        `monotonic` is by any steady clock.
        """
        rate = self.faults.throttle_per_second
        if rate is None:
            return None
        room = max(rate, 1.0)
        elapsed = 0.0 if self.filled_at is None else monotonic - self.filled_at
        self.tokens = room if self.filled_at is None else min(room, self.tokens + elapsed * rate)
        self.filled_at = monotonic
        if self.tokens < 1:
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return None

    def retry_after(self, seconds: float, *, now: datetime) -> str | None:
        """The value of Retry-After in the chosen form, in whole seconds, never too early."""
        whole = math.ceil(seconds)
        match self.faults.retry_after:
            case "seconds":
                return str(whole)
            case "date":
                # A date has no fractions: one second more, lest it be past before it is read.
                return format_datetime(
                    (now + timedelta(seconds=whole + 1)).astimezone(UTC), usegmt=True
                )
            case "none":
                return None
