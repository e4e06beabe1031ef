"""Builds one gateway per method from plain settings.

Each has its own pool, so none starves another.
"""

from collections.abc import Mapping
from typing import Final, Literal

from app.gateways import credits as credits_contract
from app.gateways import payments as payments_contract
from app.gateways import stripe
from app.gateways.facts import ReadingGateway
from app.gateways.http import UpstreamClient
from app.gateways.outcomes import UpstreamMethod
from app.gateways.provider import Provider

PaymentsProvider = Literal["http", "stripe"]

# By the setting `PAYMENTS_PROVIDER`.
PAYMENTS: Final[Mapping[PaymentsProvider, Provider]] = {
    "http": payments_contract,
    "stripe": stripe,
}
CREDITS: Final[Provider] = credits_contract


def provider_of(method: UpstreamMethod, payments_provider: PaymentsProvider) -> Provider:
    """Who gives back what was paid by this method."""
    return PAYMENTS[payments_provider] if method is UpstreamMethod.PAYMENT else CREDITS


def gateways_from(
    *,
    payments_url: str,
    payments_token: str | None,
    credits_url: str,
    credits_token: str | None,
    connect_seconds: float,
    total_seconds: float,
    max_connections: int,
    payments_provider: PaymentsProvider = "http",
) -> dict[UpstreamMethod, ReadingGateway]:
    """The gateways by method.

    `max_connections` is for each upstream, deadlines are as in `http.UpstreamClient`.

    Raises:
        ValueError: a URL, token or deadline that cannot be used.
    """

    def upstream(url: str, token: str | None) -> UpstreamClient:
        return UpstreamClient(
            url,
            token=token,
            connect_seconds=connect_seconds,
            total_seconds=total_seconds,
            max_connections=max_connections,
        )

    return {
        UpstreamMethod.PAYMENT: PAYMENTS[payments_provider].open_gateway(
            upstream(payments_url, payments_token)
        ),
        UpstreamMethod.CREDIT: CREDITS.open_gateway(upstream(credits_url, credits_token)),
    }
