"""What a provider of refunds offers, whichever it is.

`payments` and `credits` (our two contracts) and `stripe` are providers, each a module that has
these functions. Refunds never wait for a read of the balance: that money is short is learnt from a
refused refund.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.gateways.facts import ReadingGateway
from app.gateways.http import UpstreamClient
from app.gateways.outcomes import OpenAccount


@dataclass(frozen=True, slots=True)
class ProvidersRefund:
    """A refund by its provider's own id, at this connected account; None: at none."""

    id: str
    account: str | None


@dataclass(frozen=True, slots=True)
class InboundRefundEvent:
    """An event that a provider sent, and the refund that it is about.

    `reference` is our refund's id, as the provider keeps it, or the provider's own id of it.
    `failed_id` is the provider's id of the refund, where that is said to have failed.
    """

    event_id: str
    reference: str | ProvidersRefund
    failed_id: str | None = None


class Provider(Protocol):
    """Somebody who gives money or credits back. All but `open_gateway` is pure."""

    @property
    def has_connected_accounts(self) -> bool:
        """Whether a business may have an account of its own there.

        Else all that it may have of its own is a token.
        """

    @property
    def counts_platform_calls_together(self) -> bool:
        """Whether calls for the platform's own account are counted over all businesses.

        Else a business's calls are counted for it alone.
        """

    def open_gateway(self, upstream: UpstreamClient) -> ReadingGateway:
        """Its calls and its optional reads, over this pool, which it takes over."""

    def account_of(self, payment_account: OpenAccount) -> dict[str, str]:
        """The headers that say whose account a call is for; None is the platform's.

        Raises:
            ValueError: accounts of this kind are none of this provider's.
        """

    def verify_event(self, secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> None:
        """Return if one of the secrets in force has signed the body as it came.

        Raises:
            Problem: 401 `hook-signature-invalid`, in the same words whatever is wrong.
            Invalid: signed, and a header that is read of it can't be.
        """

    def read_event(self, headers: Mapping[str, str], document: object) -> InboundRefundEvent | None:
        """What a verified event is about; None: nothing of ours.

        Raises:
            ValidationError: it is no such event.
        """
