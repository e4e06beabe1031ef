"""Persons who signed in at the identity provider: their access tokens, and who they are here.

A token's claims name the person, one business and their roles. One that was issued before its
sign-in was ended is refused.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.auth import sign_ins, tokens
from app.auth.belief import BELIEVED_SECONDS, believe, believed, token_of
from app.auth.callers import AnyCaller, Caller, CallerKind, PlatformCaller
from app.auth.issuer.documents import Discovery, fetch_discovery, fetch_key_set, open_client
from app.auth.issuer.kept import COOL_DOWN_SECONDS, Kept
from app.auth.issuer.key_set import KeySet, read_key_set
from app.auth.logout_tokens import TYPES, ended_by
from app.auth.persons import Person, no_access, person_of
from app.auth.roles import Role
from app.config.settings import Settings, WrongSettings
from app.db.access import businesses, ended_sign_ins
from app.db.core.driver import Connection
from app.db.core.engine import Database
from app.errors import NotFound, Problem

_MAX_NAME: Final = 255  # of a caller, in the audit


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where a page of ours signs people in, and as what it comes there."""

    issuer: str
    audience: str
    client_id: str
    scope: str
    authorization_endpoint: str
    token_endpoint: str
    names_itself: bool


class People:
    """Those of one issuer, whose keys this process keeps.

    `now` gives Unix time, and `clock` counts seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert settings.jwt_issuer is not None
        assert settings.jwt_audience is not None
        self._settings = settings
        self._expected = tokens.Expected(
            settings.jwt_issuer, settings.jwt_audience, settings.jwt_type
        )
        self._now = now
        self._clock = clock
        self._client = open_client()
        # Asked again whenever the keys are, which need it.
        self.discovery = Kept(self._discover, cool_down=COOL_DOWN_SECONDS / 2, clock=clock)
        self._keys = Kept(self._fetch_keys, clock=clock)

    async def authenticate(self, db: Database, authorization: str | None) -> AnyCaller:
        """The person whom an `Authorization` header with an access token names.

        Raises:
            Unauthenticated: the token is none of the issuer's for us, or its time is over.
            Problem: 403 no-access, the person has no business or role here; 503
                issuer-unavailable, nobody can tell yet.
        """
        known = believed(db, authorization, clock=self._clock)
        if known is not None:
            return known
        token = token_of(authorization)
        assert token is not None
        began_at = self._clock()
        person = person_of(await self._claims(token), self._settings)
        caller = await _caller(db, person)
        left = person.expires_at + tokens.LEEWAY_SECONDS - self._now()
        believe(db, token, caller, until=began_at + min(BELIEVED_SECONDS, left))
        return caller

    @property
    def logout_audience(self) -> str:
        """Whom a logout token must be for: the console, or where it has no client, this service."""
        return self._settings.jwt_client_id or self._expected.audience

    async def log_out(self, db: Database, logout_token: str) -> None:
        """End the sign-in that the issuer says has ended.

        Raises:
            Unauthenticated: it is not signed by the issuer.
            Problem: 400 logout-token-invalid, it is none for us; 503 issuer-unavailable.
        """
        claims = await self._signed(tokens.read_token(logout_token, *TYPES))
        ended = ended_by(
            claims,
            issuer=self._expected.issuer,
            client_id=self.logout_audience,
            now=self._now(),
        )
        await sign_ins.end(db, ended)

    async def sign_in(self) -> SignIn | None:
        """Where the console signs in; None where it may not, or nobody can tell now."""
        client_id = self._settings.jwt_client_id
        found = await self.discovery.get() if client_id is not None else None
        if client_id is None or found is None:
            return None
        if found.authorization_endpoint is None or found.token_endpoint is None:
            return None
        return SignIn(
            self._expected.issuer,
            self._expected.audience,
            client_id,
            self._settings.jwt_client_scope,
            found.authorization_endpoint,
            found.token_endpoint,
            found.names_itself,
        )

    async def look_ahead(self) -> None:
        """Ask the issuer for what the first request would wait for."""
        await self.discovery.get()
        await self._keys.get()

    async def aclose(self) -> None:
        """Ask nobody any more."""
        await self._keys.aclose()
        await self.discovery.aclose()
        await self._client.aclose()

    async def _claims(self, text: str) -> Mapping[str, Any]:
        signed = await self._signed(tokens.read_token(text, self._expected.type))
        return tokens.checked_claims(signed, self._expected, now=self._now())

    async def _signed(self, token: tokens.SignedToken) -> dict[str, Any]:
        wanted = token.kid, token.algorithm
        keys = await self._keys.get(lambda known: wanted in known)
        key = keys.get(wanted) if keys is not None else None
        if key is None:
            if not self._keys.is_current:
                raise _unavailable()
            raise tokens.invalid_token("This access token is signed by a key that is not known.")
        return tokens.signed_claims(token, key)

    async def _discover(self) -> Discovery | None:
        return await fetch_discovery(self._client, self._expected.issuer)

    async def _fetch_keys(self) -> KeySet | None:
        address = self._settings.jwt_jwks_url
        if address is None:
            found = await self.discovery.get()
            address = found.jwks_uri if found is not None else None
        document = await fetch_key_set(self._client, address) if address is not None else None
        return read_key_set(document) if document is not None else None


def people_of(settings: Settings) -> People | None:
    """Those who may sign in; None where no issuer is configured.

    Raises:
        WrongSettings: the operators' role is one of a business.
    """
    if settings.jwt_platform_role in set(Role):
        raise WrongSettings(
            "BULK_CANCEL_JWT_PLATFORM_ROLE names a role of businesses: those who have it would "
            "stand above them all"
        )
    return People(settings) if settings.jwt_issuer is not None else None


async def _caller(db: Database, person: Person) -> AnyCaller:
    name = f"{CallerKind.PERSON}:{person.subject}"
    name = f"{name} ({person.label})"[:_MAX_NAME] if person.label else name
    label = person.label or person.subject
    if person.business_id is None:
        async with db.single(across=True) as conn:
            await _refuse_ended(conn, person)
        return PlatformCaller(
            kind=CallerKind.PERSON,
            id=person.subject,
            label=label,
            name=name,
            ends_at=person.expires_at,
        )
    try:
        async with db.single(across=True) as conn:
            await _refuse_ended(conn, person)
            business = await businesses.in_service(conn, person.business_id, tells_why=True)
    except NotFound:
        raise no_access("The business that your account names is not known here.") from None
    return Caller(
        business_id=business.id,
        kind=CallerKind.PERSON,
        id=person.subject,
        label=label,
        name=name,
        scopes=person.scopes,
        timezone=business.timezone,
        currency=business.currency,
        ends_at=person.expires_at,
    )


async def _refuse_ended(conn: Connection, person: Person) -> None:
    if await ended_sign_ins.is_ended(conn, person.sign_in):
        raise tokens.invalid_token("This sign-in has ended: sign in anew.")


def _unavailable() -> Problem:
    """503: whose signature it is can't be told while the issuer does not answer."""
    return Problem(
        503,
        "issuer-unavailable",
        "The identity provider can't be reached",
        "Its keys are needed to check this access token. Try again shortly.",
        headers={"Retry-After": str(round(COOL_DOWN_SECONDS))},
    )
