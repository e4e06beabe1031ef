"""Settings from the environment (prefix `BULK_CANCEL_`); every one has a default, and a wrong one stops the start."""

import base64
import binascii
import ipaddress
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.sealing import Seals

Seconds = Annotated[float, Field(gt=0)]

_HOOKS_PREFIX: Final = "whsec_"
_STRIPE_HOOKS_SECRET: Final = re.compile(_HOOKS_PREFIX + r"[!-+\--~]{24,255}")  # Stripe does not say how long they are
_STRIPE_CALLS_PER_SECOND: Final = 25.0  # docs.stripe.com/rate-limits: for an endpoint, and for a test account in all
_HIGHEST_PORT: Final = 65_535
_HOOKS_SECRET_BYTES: Final = range(24, 64 + 1)  # Standard Webhooks 1.0.0, "Signature scheme"


class Settings(BaseSettings):
    """What an operator may turn.

    Without any of them the service runs embedded: SQLite in `var/`, the worker loop inside the API process and the
    sandbox as both upstreams.
    """

    model_config = SettingsConfigDict(
        env_prefix="BULK_CANCEL_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: str = Field(
        "sqlite+aiosqlite:///var/bulk-cancel.db",
        description="`sqlite+aiosqlite:///PATH` or `postgresql+asyncpg://USER:PASSWORD@HOST/NAME`.",
    )
    database_pool: int = Field(10, ge=2, le=200, description="Connections a process keeps to PostgreSQL at most.")
    redis_url: str | None = Field(
        None, description="`redis://…`: wake arq workers through it. Unset: the API process runs the worker loop."
    )
    payments_provider: Literal["http", "stripe"] = Field(
        "http", description="What `PAYMENTS_URL` speaks: `http`, the contract of `openapi/`, or `stripe`."
    )
    payments_url: str | None = Field(
        None, description="Payment upstream. Unset: the built-in sandbox, or Stripe's own address."
    )
    payments_token: SecretStr | None = Field(
        None, description="Bearer token for the payment upstream; for Stripe its secret key, which must be given."
    )
    payments_calls_per_second: float | None = Field(
        None,
        gt=0,
        description="Calls to the payment upstream, over all workers, for each account there. Unset: 25 for `stripe`, "
        "which counts them, and else as many as its pace allows.",
    )
    credits_url: str | None = Field(None, description="Credit upstream. Unset: the built-in sandbox.")
    credits_token: SecretStr | None = Field(None, description="Bearer token for the credit upstream.")
    hooks_secret: SecretStr | None = Field(
        None,
        description="`whsec_…`: what upstreams sign their hooks with; several, with spaces between, while it is "
        "changed. Unset: no hooks are taken.",
    )
    stripe_hooks_secret: SecretStr | None = Field(
        None,
        description="`whsec_…`: what Stripe signs its hooks with; several, with spaces between, while it is changed. "
        "Unset: no hooks of Stripe's are taken.",
    )
    secrets_key: SecretStr | None = Field(
        None,
        description="Seals the secrets of webhook endpoints and of businesses' accounts in the database: 32 bytes in "
        "URL-safe base64; several, with spaces between, until `bulk-cancel reseal`: the first seals. Unset: an "
        "embedded process uses `SECRETS_FILE`, any other keeps no secrets.",
    )
    secrets_file: Path = Field(
        Path("var/secrets.key"), description="Where an embedded process keeps a key of its own, made when it is needed."
    )
    webhook_networks: str | None = Field(
        None,
        description="Networks that webhook endpoints may be in although not public, as `10.1.0.0/16 fd12::/16`.",
    )
    webhook_ports: str = Field("443 8443", description="Ports of webhook endpoints that are public.")
    webhook_timeout_seconds: Seconds = Field(15.0, description="Total deadline of one delivery of a webhook.")
    upstream_timeout_seconds: Seconds = Field(10.0, description="Total deadline of one upstream call.")
    upstream_quiescence_seconds: float = Field(
        5.0, ge=0, description="After a deadline, how long an upstream may still act on a call it has received."
    )
    concurrency: int = Field(
        64, ge=1, le=1000, description="Calls in flight of one business at one upstream, per process, at most."
    )
    lease_seconds: Seconds = Field(30.0, description="How long a claimed refund belongs to the worker that claimed it.")
    slice_seconds: Seconds = Field(20.0, description="How long one job runs before others get their turn.")
    sweep_seconds: Seconds = Field(10.0, description="How often a worker looks for due work that nobody woke it for.")
    verify_seconds: Seconds = Field(300.0, description="How often one of the workers checks the books.")
    slices_per_job: int = Field(4, ge=1, le=64, description="Slices of one large job that may run at once.")
    give_up_after_seconds: Seconds = Field(
        72 * 3600.0, description="How long a refund is tried by machine before a person is asked."
    )
    look_up_first: bool = Field(
        False, description="Look every refund up before its first call: for workers over a database that was restored."
    )
    sandbox_books: Path = Field(
        Path("var/sandbox-books.jsonl"), description="Where the built-in sandbox keeps its books between starts."
    )
    body_limit_bytes: int = Field(2 * 1024 * 1024, ge=1024, description="Largest request body, imports apart.")
    import_limit_bytes: int = Field(
        4 * 1024**3, ge=1024, description="Largest schedule import, as sent; it is spooled to disk first."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for `/metrics`. Unset: it answers callers on this machine only."
    )
    log_json: bool = Field(False, description="Log JSON lines instead of text for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")

    @field_validator("hooks_secret")
    @classmethod
    def _hooks_secrets_are_whole(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in value.get_secret_value().split() if value else ():
            if not _is_hooks_secret(secret):
                raise ValueError("each secret must be whsec_ and then 24 to 64 bytes in base64")
        return value if value and value.get_secret_value().strip() else None

    @field_validator("stripe_hooks_secret")
    @classmethod
    def _stripe_hooks_secrets_are_whole(cls, value: SecretStr | None) -> SecretStr | None:
        for secret in value.get_secret_value().split() if value else ():
            if not _STRIPE_HOOKS_SECRET.fullmatch(secret):
                raise ValueError("each secret must be whsec_ and then 24 to 255 characters, and no comma")
        return value if value and value.get_secret_value().strip() else None

    @field_validator("secrets_key")
    @classmethod
    def _secrets_keys_are_whole(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value().strip():
            return None
        Seals(value.get_secret_value().split())
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _webhook_networks_are_networks(cls, value: str | None) -> str | None:
        for network in (value or "").split():
            ipaddress.ip_network(network)
        return value

    @field_validator("webhook_ports")
    @classmethod
    def _webhook_ports_are_ports(cls, value: str) -> str:
        if not all(port.isdecimal() and 0 < int(port) <= _HIGHEST_PORT for port in value.split()):
            raise ValueError("each must be a port, from 1 to 65535")
        return value

    @model_validator(mode="after")
    def _calls_end_within_leases(self) -> Self:
        if self.lease_seconds <= self.upstream_timeout_seconds + self.upstream_quiescence_seconds:
            raise ValueError("LEASE_SECONDS must exceed UPSTREAM_TIMEOUT_SECONDS + UPSTREAM_QUIESCENCE_SECONDS")
        return self

    @model_validator(mode="after")
    def _stripe_is_reachable(self) -> Self:
        if self.payments_provider == "stripe":
            if self.payments_token is None:
                raise ValueError("PAYMENTS_PROVIDER=stripe needs the secret key as PAYMENTS_TOKEN")
            self.payments_url = self.payments_url or "https://api.stripe.com"
            self.payments_calls_per_second = self.payments_calls_per_second or _STRIPE_CALLS_PER_SECOND
        return self

    def seals(self) -> Seals | None:
        """What secrets in the database are sealed with; None where no key is configured.

        Raises:
            OSError: an embedded process's own key can be neither read nor made.
        """
        if self.secrets_key is not None:
            return Seals(self.secrets_key.get_secret_value().split())
        return Seals.from_file(self.secrets_file) if self.embedded else None

    @property
    def embedded(self) -> bool:
        """True when the API process runs the worker loop itself."""
        return self.redis_url is None


def _is_hooks_secret(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix(_HOOKS_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return secret.startswith(_HOOKS_PREFIX) and len(key) in _HOOKS_SECRET_BYTES


@lru_cache(maxsize=1)
def settings() -> Settings:
    """This process's settings, read once.

    Raises:
        pydantic.ValidationError: a variable holds what its setting can't take.
    """
    return Settings()
