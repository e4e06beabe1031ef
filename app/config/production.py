"""What a start refuses although each setting by itself may be: defaults that are safe nowhere else.

Pure: it looks at settings alone, and each sentence names the setting that mends it.
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import sqlalchemy as sa

from app.config.data_servers import hosts_of
from app.config.hosts import is_here, is_named
from app.config.settings import PREFIX, Settings, WrongSettings

# Everybody knows them: they stand in examples, ours among them.
_KNOWN_PASSWORDS: Final = frozenset(
    {"admin", "bulk-cancel", "bulk_cancel", "changeme", "password", "postgres", "secret", "test"}
)


def require_safe(settings: Settings, *, listens_on: str | None = None) -> None:
    """Makes sure, before anything is opened, that nothing unsafe was left as it was.

    Raises:
        WrongSettings: as `refusals`, which has the arguments.
    """
    if sentences := [*refusals(settings, listens_on=listens_on)]:
        raise WrongSettings(*sentences)


def refusals(settings: Settings, *, listens_on: str | None = None) -> Iterator[str]:
    """One sentence for each thing that a start refuses.

    Args:
        settings: each of them right by itself.
        listens_on: the address that an API is to listen on; None: it is no API.
    """
    yield from _in_clear_text(settings)
    yield from _known_passwords(settings)
    on_postgresql = sa.make_url(settings.database_url).get_backend_name() == "postgresql"
    if settings.database_isolation and not on_postgresql:
        yield f"{PREFIX}DATABASE_ISOLATION must be unset with SQLite, which keeps no rows apart"
    if not settings.embedded and not settings.test_mode and settings.secrets_key is None:
        yield (
            f"{PREFIX}SECRETS_KEY must be set beside {PREFIX}REDIS_URL: it seals what the database "
            "keeps secret, and signs clients' links"
        )
    if listens_on is not None and not is_here(listens_on) and settings.allowed_hosts is None:
        yield (
            f"{PREFIX}ALLOWED_HOSTS must say by which names the API is asked, when it listens on "
            f"{listens_on}: `*` for any"
        )
    if settings.webhook_loopback and listens_on is not None and not is_here(listens_on):
        yield (
            f"{PREFIX}WEBHOOK_LOOPBACK must be unset when the API listens on {listens_on}: whoever "
            "has a webhook endpoint there reaches what listens on this machine alone"
        )


def cautions(settings: Settings) -> Iterator[str]:
    """One sentence for each thing that a start takes, and that an operator may not have meant."""
    if settings.test_mode:
        yield "the sandbox answers for payments and credits: no money moves"
    for name in ("payments", "credits"):
        if getattr(settings, f"{name}_token") is None and not settings.test_mode:
            yield f"{PREFIX}{name.upper()}_TOKEN is unset: calls to {name} bear no token"
    if not settings.embedded and not settings.database_isolation:
        yield (
            f"{PREFIX}DATABASE_ISOLATION is unset: only the statements themselves keep businesses "
            "apart (bulk-cancel database isolate)"
        )
    if settings.smtp_url is None:
        place = "kept in a folder" if settings.embedded else "not sent"
        yield f"{PREFIX}SMTP_URL is unset: messages to clients are {place}"
    yield from _of_links(settings)
    if settings.metrics_token is None and not settings.embedded:
        yield f"{PREFIX}METRICS_TOKEN is unset: /metrics answers nobody"
    if settings.evidence_key is None and not settings.embedded:
        yield f"{PREFIX}EVIDENCE_KEY is unset: no audit has a proof"
    if settings.hooks_secret is None and settings.stripe_hooks_secret is None:
        yield f"{PREFIX}HOOKS_SECRET is unset: no upstream's later word is heard"


def _of_links(settings: Settings) -> Iterator[str]:
    if settings.public_url is None:
        yield f"{PREFIX}PUBLIC_URL is unset: links for clients are paths without a host"
    elif settings.root_path is None and urlsplit(settings.public_url).path.strip("/"):
        yield (
            f"{PREFIX}PUBLIC_URL has a path and {PREFIX}ROOT_PATH is unset: our pages at links for "
            "clients find none of their files there"
        )


def _in_clear_text(settings: Settings) -> Iterator[str]:
    allowed = (settings.plain_http_hosts or "").split()
    for name in ("payments_url", "credits_url", "public_url", "otel_exporter_otlp_endpoint"):
        url = urlsplit(getattr(settings, name) or "")
        host = url.hostname or ""
        if url.scheme == "http" and not is_here(host) and not is_named(host, allowed):
            yield (
                f"{PREFIX}{name.upper()} must begin with https://: tokens would go over the "
                f"network in clear text. If that is meant, name its host in "
                f"{PREFIX}PLAIN_HTTP_HOSTS"
            )


def _known_passwords(settings: Settings) -> Iterator[str]:
    database = sa.make_url(settings.database_url)
    redis = urlsplit(settings.redis_url or "")
    for name, hosts, user, password in (
        ("DATABASE_URL", hosts_of(database), database.username, database.password),
        ("REDIS_URL", (redis.hostname or "localhost",), redis.username, redis.password),
    ):
        known = password is not None and password.lower() in {*_KNOWN_PASSWORDS, user}
        if known and not all(map(is_here, hosts)):
            yield f"{PREFIX}{name} has a password that everybody knows: choose one of your own"
