"""The settings, which have the prefix `BULK_CANCEL_` in the environment.

Every one has a default, except what money goes to.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self, get_args
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from structlog.typing import Processor

from app.config.hosts import HostPatterns, Hosts
from app.config.identity_values import Audience, ClaimName, ClientScope, IssuerUrl
from app.config.mail_values import BouncesAddress, Folder, OurAddress, SmtpUrl
from app.config.root_path import RootPath, contradiction
from app.config.values import (
    SANDBOX,
    Bytes,
    CallsPerSecond,
    DatabaseUrl,
    EvidenceKeys,
    File,
    HooksSecrets,
    HttpUrl,
    ListenAddress,
    Namespace,
    Networks,
    OtlpHeaders,
    Ports,
    RedisUrl,
    Seconds,
    SecondsOrNone,
    SecretsKeys,
    ServiceName,
    StripeHooksSecrets,
    Token,
    UpstreamUrl,
    otlp_headers,
)
from app.encryption import SecretBox, kept_key
from app.signatures import SigningKeys
from app.tracing.spans import TraceSettings, add_ids

PREFIX: Final = "BULK_CANCEL_"
WorkerPart = Literal["refunds", "deliveries"]  # what one worker may leave to others
# docs.stripe.com/rate-limits: for an endpoint, and for a test account in all
_STRIPE_CALLS_PER_SECOND: Final = 25.0


def _is_secret(annotation: Any) -> bool:
    """Whether a field's type, or one of those it may have, is a secret's."""
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))


class WrongSettings(Exception):  # noqa: N818 - what the operator is told, in one line that names the variable
    """A variable is no setting, has a wrong value, or is missing where needed."""

    def __init__(self, *sentences: str) -> None:
        """One sentence for each thing that is wrong."""
        super().__init__("; ".join(sentences))
        self.sentences = sentences


class Settings(BaseSettings):
    """What an operator may turn.

    With nothing but the two upstreams the service runs embedded: SQLite in `var/`, and the worker
    loop inside the API process.
    """

    model_config = SettingsConfigDict(
        env_prefix="BULK_CANCEL_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: DatabaseUrl = Field(
        "sqlite+aiosqlite:///var/bulk-cancel.db",
        description=(
            "`sqlite+aiosqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`, where "
            "`?sslmode=` is taken."
        ),
    )
    database_pool: int = Field(
        10, ge=2, le=200, description="Connections a process keeps to PostgreSQL at most."
    )
    database_prepared_statements: bool = Field(
        True,
        description=(
            "Whether PostgreSQL keeps statements for a connection. `false` behind a pooler that "
            "lends a session for one transaction and does not know of them, as PgBouncer before "
            "1.21."
        ),
    )
    database_isolation: bool = Field(
        False,
        description=(
            "Whether the processes say with each transaction whose rows it may see, and PostgreSQL "
            "holds them to it: after `bulk-cancel database isolate`. Reads are transactions then."
        ),
    )
    redis_url: RedisUrl | None = Field(
        None,
        description=(
            "`redis://…` or `rediss://…`: wakes arq workers. Unset: the API process runs the "
            "worker loop."
        ),
    )
    redis_namespace: Namespace | None = Field(
        None,
        description=(
            "What this installation's keys in Redis begin with. Unset: made of the database's "
            "host, port and name, so set it where API and workers reach one database by different "
            "addresses."
        ),
    )
    payments_provider: Literal["http", "stripe"] = Field(
        "http",
        description="What `PAYMENTS_URL` speaks: `http`, the contract of `openapi/`, or `stripe`.",
    )
    payments_url: UpstreamUrl | None = Field(
        None,
        description=(
            "Payment upstream, which must be named: its address, or `sandbox` to try it, where no "
            "money moves. Stripe's own address is known."
        ),
    )
    payments_token: Token | None = Field(
        None,
        description=(
            "Bearer token for the payment upstream; for Stripe its secret key, which must be given."
        ),
    )
    payments_calls_per_second: CallsPerSecond | None = Field(
        None,
        description=(
            "Calls to the payment upstream, over all workers, for each account there. Unset: 25 "
            "for `stripe`, which counts them, and else as many as its pace allows."
        ),
    )
    credits_url: UpstreamUrl | None = Field(
        None,
        description=(
            "Credit upstream, which must be named: its address, or `sandbox` as for payments."
        ),
    )
    credits_token: Token | None = Field(None, description="Bearer token for the credit upstream.")
    hooks_secret: HooksSecrets | None = Field(
        None,
        description=(
            "`whsec_…`: what upstreams sign their hooks with; several, with spaces between, while "
            "it is changed. Unset: no hooks are taken."
        ),
    )
    stripe_hooks_secret: StripeHooksSecrets | None = Field(
        None,
        description=(
            "`whsec_…`: what Stripe signs its hooks with; several, with spaces between, while it "
            "is changed. Unset: no hooks of Stripe's are taken."
        ),
    )
    secrets_key: SecretsKeys | None = Field(
        None,
        description=(
            "Encrypts the secrets of webhook endpoints and of businesses' accounts in the database,"
            " and signs clients' links: 32 bytes in URL-safe base64; several, with spaces between, "
            "until `bulk-cancel reencrypt`: the first encrypts and signs. Unset: an embedded "
            "process uses `SECRETS_FILE`, any other keeps no secrets and gives no links."
        ),
    )
    secrets_file: File = Field(
        Path("var/secrets.key"),
        description="Where an embedded process keeps a key of its own, made when it is needed.",
    )
    evidence_key: EvidenceKeys | None = Field(
        None,
        description=(
            "Signs proofs of audits (Ed25519): 32 bytes in URL-safe base64; several, with spaces "
            "between, when it is changed: the first signs, and the public part of each is published"
            " for as long as it is here. Unset: an embedded process uses `EVIDENCE_FILE`, any other"
            " gives no proofs."
        ),
    )
    evidence_file: File = Field(
        Path("var/evidence.key"),
        description=(
            "Where an embedded process keeps a key of its own for proofs, made when it is needed."
        ),
    )
    webhook_networks: Networks | None = Field(
        None,
        description=(
            "Networks that webhook endpoints may be in although not public, as `10.1.0.0/16 "
            "fd12::/16`."
        ),
    )
    webhook_ports: Ports = Field(
        "443 8443", description="Ports of webhook endpoints that are public."
    )
    webhook_loopback: bool = Field(
        False,
        description=(
            "Whether webhook endpoints may be on this machine itself, without TLS too: to try them "
            "out. Refused where the API listens on more than this machine."
        ),
    )
    webhook_timeout_seconds: Seconds = Field(
        15.0, description="Total deadline of one delivery of a webhook."
    )
    smtp_url: SmtpUrl | None = Field(
        None,
        description=(
            "The relay that mail leaves through: `smtp://USER:PASSWORD@HOST:587` (STARTTLS, without"
            " which nothing is sent; `?tls=none` for clear text, which is the default to this "
            "machine alone) or `smtps://…:465`. Unset: an embedded process keeps mails in `OUTBOX`,"
            " any other sends none."
        ),
    )
    smtp_timeout_seconds: Seconds = Field(
        60.0,
        description=(
            "Total deadline of one mail at the relay. One that ends after its words were sent may "
            "have been taken, and is sent again: less means more mails twice."
        ),
    )
    smtp_connections: int = Field(
        4, ge=1, le=100, description="Connections a process keeps to the relay at most."
    )
    mail_from: OurAddress | None = Field(
        None, description="Address that mails are from. Needed beside `SMTP_URL`."
    )
    mail_bounces: BouncesAddress | None = Field(
        None,
        description=(
            "Address that bounces come to, as `bounces@studio.example`: a message's id is put "
            "before its @, after a plus sign. Unset: they come to `MAIL_FROM`."
        ),
    )
    outbox: Folder = Field(
        Path("var/outbox"),
        description=(
            "Folder where an embedded process without a relay keeps its last mails, as `.eml` "
            "files."
        ),
    )
    upstream_timeout_seconds: Seconds = Field(
        10.0, description="Total deadline of one upstream call."
    )
    upstream_quiescence_seconds: SecondsOrNone = Field(
        5.0,
        description=(
            "After a deadline, how long an upstream may still act on a call it has received."
        ),
    )
    concurrency: int = Field(
        64,
        ge=1,
        le=1000,
        description="Calls in flight of one business at one upstream, per process, at most.",
    )
    lease_seconds: Seconds = Field(
        30.0,
        description="How long a claimed refund belongs to the worker that claimed it, and a "
        "business's checks of plans to the process that makes one.",
    )
    slice_seconds: Seconds = Field(
        20.0, description="How long one job runs before others get their turn."
    )
    sweep_seconds: Seconds = Field(
        10.0, description="How often a worker looks for due work that nobody woke it for."
    )
    verify_seconds: Seconds = Field(
        300.0, description="How often one of the workers checks the books."
    )
    slices_per_job: int = Field(
        4, ge=1, le=64, description="Slices of one large job that may run at once."
    )
    give_up_after_seconds: Seconds = Field(
        72 * 3600.0, description="How long a refund is tried by machine before a person is asked."
    )
    look_up_first: bool = Field(
        False,
        description=(
            "Look every refund up before its first call: for workers over a database that was "
            "restored."
        ),
    )
    check_lines: int = Field(
        1_000,
        ge=1,
        le=20_000,
        description=(
            "Payment lines that one check of a plan asks the payment upstream about, at most: of "
            "the largest payments first."
        ),
    )
    check_seconds: Seconds = Field(
        300.0, description="How long a check of a plan may take; what is left is not asked about."
    )
    sandbox_url: HttpUrl | None = Field(
        None,
        description=(
            "Where `bulk-cancel sandbox` serves, for upstreams that are named `sandbox`. Unset: in "
            "the process of the API, where that runs the worker loop."
        ),
    )
    sandbox_books: File = Field(
        Path("var/sandbox-books.jsonl"),
        description="Where the built-in sandbox keeps its books between starts.",
    )
    body_limit_bytes: Bytes = Field(
        2 * 1024 * 1024, description="Largest request body, imports apart."
    )
    import_limit_bytes: Bytes = Field(
        4 * 1024**3, description="Largest schedule import, as sent; it is spooled to disk first."
    )
    body_seconds: Seconds = Field(
        60.0, description="How long a request's body may take to come, imports apart."
    )
    import_seconds: Seconds = Field(
        3600.0, description="How long an import may take, from its first byte to its answer."
    )
    silence_seconds: Seconds = Field(
        30.0,
        description="How long a caller may send nothing of a body, or read nothing of an answer.",
    )
    keep_alive_seconds: Seconds = Field(
        130.0,
        description=(
            "How long a connection is kept on which nothing is asked: longer than the proxy in "
            "front keeps it, or its POSTs now and then fail."
        ),
    )
    public_url: HttpUrl | None = Field(
        None,
        description=(
            "Where clients reach this service: links for them begin with it, as "
            "`https://studio.example`; it ends with `ROOT_PATH` where that is set. Unset: links "
            "are paths."
        ),
    )
    root_path: RootPath | None = Field(
        None,
        description=(
            "The prefix under which a proxy has this service, as `/bulk-cancel`, whether it takes "
            "that from the path or passes it on; `PUBLIC_URL` ends with it. Unset: none."
        ),
    )
    allowed_hosts: HostPatterns | None = Field(
        None,
        description=(
            "Names by which the API may be asked, as `book.example *.studio.example`, or `*` for "
            "any; that of `PUBLIC_URL` and this machine's own always may. Needed where the API "
            "listens on more than this machine. Unset: any."
        ),
    )
    plain_http_hosts: Hosts | None = Field(
        None,
        description=(
            "Hosts that upstreams, `PUBLIC_URL` and the collector of traces may name with "
            "`http://`, as `payments.internal`. Others but this machine must have `https://`."
        ),
    )
    requests_per_second: CallsPerSecond = Field(
        200.0,
        description=(
            "Requests of one key, over ten seconds; counted in Redis for all processes, where "
            "there is one."
        ),
    )
    business_requests_per_second: CallsPerSecond = Field(
        400.0, description="The same of all keys of one business."
    )
    streams_per_key: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Streams, CSVs and imports of one key at once, in one process.",
    )
    streams_per_business: int = Field(
        200, ge=1, le=100_000, description="The same of all keys of one business."
    )
    wrong_keys_per_minute: int = Field(
        60,
        ge=1,
        le=1_000_000,
        description="Wrong keys that one address may send before it is told to wait.",
    )
    trusted_proxies: Networks | None = Field(
        None,
        description=(
            "Networks of proxies whose `X-Forwarded-For` says where a request came from, as "
            "`10.0.0.0/8`. Unset: the connection's own address counts."
        ),
    )
    jwt_issuer: IssuerUrl | None = Field(
        None,
        description=(
            "The identity provider whose access tokens are taken, letter by letter as their `iss` "
            "has it: `https://…`. Unset: callers have API keys alone."
        ),
    )
    jwt_audience: Audience | None = Field(
        None,
        description="What tokens must name in `aud`: this service. Needed beside `JWT_ISSUER`.",
    )
    jwt_jwks_url: IssuerUrl | None = Field(
        None,
        description=(
            "Where the issuer publishes its keys. Unset: where its "
            "`/.well-known/openid-configuration` says."
        ),
    )
    jwt_type: Literal["at+jwt", "JWT"] = Field(
        "at+jwt",
        description=(
            "What tokens must have as `typ`: `at+jwt` (RFC 9068), by which an access token is told "
            "from any other, or `JWT` for an issuer that names no other."
        ),
    )
    jwt_business_claim: ClaimName = Field(
        "business",
        description=(
            "The claim that names the caller's business; with dots, as `app.business`, one within "
            "another."
        ),
    )
    jwt_roles_claim: ClaimName = Field(
        "roles", description="The claim with the caller's roles: a list, or words with blanks."
    )
    jwt_scopes_claim: ClaimName | None = Field(
        None,
        description=(
            "A claim with scopes, as `scope`: with roles it narrows them, and without any it "
            "grants. Unset: roles alone count."
        ),
    )
    jwt_platform_role: ClaimName | None = Field(
        None,
        description=(
            "The role in the roles claim whose holders look after all businesses "
            "(`platform:admin`), and are in none. Unset: nobody who signs in does."
        ),
    )
    jwt_client_id: Audience | None = Field(
        None,
        description=(
            "The console at the issuer: a public client, which is sent back to this service's `/`. "
            "Unset: the console takes API keys alone."
        ),
    )
    jwt_client_scope: ClientScope = Field(
        "openid profile offline_access",
        description=(
            "What the console asks the issuer for; without `offline_access` some give nothing to "
            "prolong a sign-in with."
        ),
    )
    worker_address: ListenAddress | None = Field(
        None,
        description=(
            "Where each worker serves `/livez` and `/metrics`, as `127.0.0.1:9101` or "
            "`[::]:9101`. Unset: nowhere."
        ),
    )
    metrics_token: Token | None = Field(
        None,
        description=(
            "Bearer token for `/metrics`. Unset: an embedded process answers callers on this "
            "machine, any other nobody."
        ),
    )
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        None,
        description=(
            "Collector that OpenTelemetry traces are sent to, by OTLP over HTTP, as "
            "`https://otel.example:4318`; `/v1/traces` is appended. Unset: nothing is traced."
        ),
    )
    otel_exporter_otlp_headers: OtlpHeaders | None = Field(
        None,
        description=(
            "Headers that the collector wants, as `authorization=Bearer%20…,x-tenant=studio`: "
            "values percent-encoded."
        ),
    )
    otel_service_name: ServiceName = Field(
        "bulk-cancel", description="What the traces are found under."
    )
    otel_traces_sampler_arg: float = Field(
        0.1,
        ge=0,
        le=1,
        description=(
            "The part of requests that is recorded, and of the jobs that they make: 1 is all."
        ),
    )
    traces_asked_per_second: float = Field(
        1.0,
        ge=0,
        le=1_000_000,
        description=(
            "Requests of a process that are recorded because their caller's `traceparent` wants "
            "it; of what is above, the same part as of all others."
        ),
    )
    log_json: bool = Field(False, description="Log JSON lines instead of text for people.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level logged."
    )

    @model_validator(mode="after")
    def _calls_end_within_leases(self) -> Self:
        if self.lease_seconds <= self.upstream_timeout_seconds + self.upstream_quiescence_seconds:
            raise ValueError(
                f"{PREFIX}LEASE_SECONDS must exceed {PREFIX}UPSTREAM_TIMEOUT_SECONDS + "
                f"{PREFIX}UPSTREAM_QUIESCENCE_SECONDS, which are {self.upstream_timeout_seconds:g} "
                f"+ {self.upstream_quiescence_seconds:g}"
            )
        return self

    @model_validator(mode="after")
    def _stripe_is_reachable(self) -> Self:
        if self.payments_provider == "stripe":
            if self.payments_token is None:
                raise ValueError(
                    f"{PREFIX}PAYMENTS_PROVIDER=stripe needs the secret key as "
                    f"{PREFIX}PAYMENTS_TOKEN"
                )
            self.payments_url = self.payments_url or "https://api.stripe.com"
            self.payments_calls_per_second = (
                self.payments_calls_per_second or _STRIPE_CALLS_PER_SECOND
            )
        return self

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> Self:
        if self.smtp_url is not None and self.mail_from is None:
            raise ValueError(
                f"{PREFIX}SMTP_URL needs an address that mails are from: {PREFIX}MAIL_FROM"
            )
        return self

    @model_validator(mode="after")
    def _headers_have_an_endpoint(self) -> Self:
        if self.otel_exporter_otlp_headers is not None and self.otel_exporter_otlp_endpoint is None:
            raise ValueError(
                f"{PREFIX}OTEL_EXPORTER_OTLP_HEADERS needs the collector that they are for: "
                f"{PREFIX}OTEL_EXPORTER_OTLP_ENDPOINT"
            )
        return self

    @model_validator(mode="after")
    def _an_issuer_has_an_audience(self) -> Self:
        if self.jwt_issuer is not None and self.jwt_audience is None:
            raise ValueError(
                f"{PREFIX}JWT_ISSUER needs what its tokens must be for: {PREFIX}JWT_AUDIENCE"
            )
        for name in (
            *("jwt_audience", "jwt_jwks_url", "jwt_scopes_claim"),
            *("jwt_platform_role", "jwt_client_id"),
        ):
            if self.jwt_issuer is None and getattr(self, name) is not None:
                raise ValueError(
                    f"{PREFIX}{name.upper()} needs the issuer of the tokens: {PREFIX}JWT_ISSUER"
                )
        return self

    @model_validator(mode="after")
    def _links_lead_under_the_prefix(self) -> Self:
        if (path := contradiction(self.public_url, self.root_path)) is not None:
            raise ValueError(
                f"{PREFIX}PUBLIC_URL must end with {PREFIX}ROOT_PATH, which is {self.root_path}, "
                f"and its path is {path}"
            )
        return self

    @model_validator(mode="after")
    def _sandbox_is_both_upstreams(self) -> Self:
        named = {url == SANDBOX for url in (self.payments_url, self.credits_url) if url is not None}
        if len(named) > 1:
            raise ValueError(
                f"{PREFIX}PAYMENTS_URL and {PREFIX}CREDITS_URL must both be `{SANDBOX}`, or "
                "neither: half a test would move money"
            )
        if self.payments_url == SANDBOX and self.payments_provider != "http":
            raise ValueError(
                f"{PREFIX}PAYMENTS_URL=sandbox needs {PREFIX}PAYMENTS_PROVIDER=http, which it "
                "speaks"
            )
        return self

    def secret_box(self) -> SecretBox | None:
        """What secrets in the database are encrypted with; None where no key is configured.

        Raises:
            OSError: an embedded process's own key can be neither read nor made.
        """
        if self.secrets_key is not None:
            return SecretBox(self.secrets_key.get_secret_value().split())
        return SecretBox.from_file(self.secrets_file) if self.embedded else None

    def signing_keys(self) -> SigningKeys | None:
        """What proofs are signed with; None where no key is configured.

        Raises:
            OSError: an embedded process's own key can be neither read nor made.
        """
        if self.evidence_key is not None:
            return SigningKeys(self.evidence_key.get_secret_value().split())
        return SigningKeys(kept_key(self.evidence_file).split()) if self.embedded else None

    def traces(self) -> TraceSettings | None:
        """Where traces go, and how many; None: nothing is traced."""
        if self.otel_exporter_otlp_endpoint is None:
            return None
        headers = self.otel_exporter_otlp_headers
        return TraceSettings(
            url=self.otel_exporter_otlp_endpoint,
            headers={} if headers is None else otlp_headers(headers.get_secret_value()),
            service_name=self.otel_service_name,
            ratio=self.otel_traces_sampler_arg,
            asked_per_second=self.traces_asked_per_second,
        )

    def log_processors(self) -> Sequence[Processor]:
        """What each line of the log says besides: the trace, where there are any."""
        return () if self.otel_exporter_otlp_endpoint is None else (add_ids,)

    @property
    def embedded(self) -> bool:
        """True when the API process runs the worker loop itself."""
        return self.redis_url is None

    @property
    def prompts_namespace(self) -> str:
        """What keys in Redis begin with.

        The same for all processes of an installation, and for no other's.
        """
        if self.redis_namespace is not None:
            return self.redis_namespace
        url = sa.make_url(self.database_url)
        place = f"{url.host} {url.port or ''} {url.query.get('host', '')} {url.database}"
        return f"bulk-cancel:{hashlib.sha256(place.encode()).hexdigest()[:12]}"

    @property
    def public_host(self) -> str | None:
        """The host of `public_url`, where there is one."""
        return urlsplit(self.public_url or "").hostname

    @property
    def links_begin(self) -> str:
        """What comes before the path of a link for clients."""
        return (self.public_url or self.root_path or "").rstrip("/")

    @property
    def test_mode(self) -> bool:
        """True when the sandbox answers instead of services that move money."""
        return SANDBOX in {self.payments_url, self.credits_url}

    def upstream_urls(self) -> tuple[str, str]:
        """The addresses for payments and credits.

        Raises:
            WrongSettings: one is not named, or it is the sandbox and nobody says where that is.
        """
        if self.payments_url is None or self.credits_url is None:
            lacking = [
                f"{PREFIX}{name}"
                for name, url in (
                    ("PAYMENTS_URL", self.payments_url),
                    ("CREDITS_URL", self.credits_url),
                )
                if url is None
            ]
            raise WrongSettings(
                f"{' and '.join(lacking)} must be set: to the address of the service, or both to "
                f"`{SANDBOX}` to try it, where no money moves"
            )
        if not self.test_mode:
            return self.payments_url, self.credits_url
        if self.sandbox_url is None:
            raise WrongSettings(
                f"{PREFIX}SANDBOX_URL must be set beside {PREFIX}REDIS_URL: to where `bulk-cancel "
                "sandbox` serves"
            )
        return f"{self.sandbox_url.rstrip('/')}/payments", f"{self.sandbox_url.rstrip('/')}/credits"

    def require_redis(self) -> str:
        """Where Redis is, which workers of their own need.

        Raises:
            WrongSettings: nobody says.
        """
        if self.redis_url is None:
            raise WrongSettings(
                f"{PREFIX}REDIS_URL is not set; without it the API process runs the worker loop "
                "itself"
            )
        return self.redis_url

    def require_upstreams(self) -> None:
        """Makes sure, before anything is opened, that both upstreams are named.

        Raises:
            WrongSettings: as `upstream_urls`; but an embedded process brings a sandbox of its own.
        """
        if not (self.test_mode and self.embedded):
            self.upstream_urls()


# The settings that are secret, or addresses with a password in them.
SECRETS: Final = (
    "database_url",
    "redis_url",
    *(name for name, one in Settings.model_fields.items() if _is_secret(one.annotation)),
)
