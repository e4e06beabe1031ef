"""Businesses as their operator sees them: what they are, and whether they are in service."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Suspension:
    """Since when a business is out of service, and why: its callers are told."""

    since: dt.datetime
    because: str


@dataclass(frozen=True, slots=True)
class RegisteredBusiness:
    """A business; `timezone` is IANA's name, `currency` is ISO 4217's."""

    id: str
    name: str
    timezone: str
    currency: str
    created_at: dt.datetime
    suspension: Suspension | None


@dataclass(frozen=True, slots=True)
class NewBusiness:
    """A business to be made; zone and currency are known here."""

    id: str
    name: str
    timezone: str
    currency: str
