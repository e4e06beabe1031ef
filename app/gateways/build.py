"""Builds one gateway per method from plain settings.

Each has its own pool, so none starves another.
"""

from typing import Literal

from app.gateways.credits import credits_gateway
from app.gateways.http import UpstreamClient
from app.gateways.outcomes import Gateway, UpstreamMethod
from app.gateways.payments import payments_gateway
from app.gateways.stripe.refunds import StripeRefunds


def gateways_from(
    *,
    payments_url: str,
    payments_token: str | None,
    credits_url: str,
    credits_token: str | None,
    connect_seconds: float,
    total_seconds: float,
    max_connections: int,
    payments_provider: Literal["http", "stripe"] = "http",
) -> dict[UpstreamMethod, Gateway]:
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

    payments = upstream(payments_url, payments_token)
    return {
        UpstreamMethod.PAYMENT: (
            StripeRefunds(payments, look_up_seconds=total_seconds)
            if payments_provider == "stripe"
            else payments_gateway(payments)
        ),
        UpstreamMethod.CREDIT: credits_gateway(upstream(credits_url, credits_token)),
    }
