"""When an event is tried again, and it or its endpoint is given up: pure.

Standard Webhooks 1.0.0, "Deliverability and reliability". Only a 2xx is a delivery; a redirect is a
failure like any other.
"""

from typing import Final

from app.lanes import back_off

# After the first attempt, at once; each counts from the one before. Ten attempts over more than
# three days.
PAUSES_SECONDS: Final = (
    5.0,
    300.0,
    1_800.0,
    7_200.0,
    18_000.0,
    36_000.0,
    50_400.0,
    72_000.0,
    86_400.0,
)
MAX_FAILING_SECONDS: Final = 5 * 86_400.0  # of an endpoint to which nothing was delivered
MAX_RETRY_AFTER_SECONDS: Final = 86_400.0
_GONE: Final = 410


def is_delivered(status_code: int | None) -> bool:
    """Whether this answer says that the event has been taken."""
    return status_code is not None and 200 <= status_code < 300  # noqa: PLR2004 - RFC 9110, section 15.3


def is_gone(status_code: int | None) -> bool:
    """Whether this answer says that the endpoint wants nothing more, ever."""
    return status_code == _GONE


def next_in(tries: int, *, jitter: float, retry_after_seconds: float | None) -> float | None:
    """Seconds until the next attempt, None when there is to be none.

    Args:
        tries: attempts so far, the failed one included.
        jitter: from 0 to 1.
        retry_after_seconds: what the endpoint asked for, if it did; counts up to a day.
    """
    return back_off.next_in(
        PAUSES_SECONDS,
        tries,
        jitter=jitter,
        retry_after_seconds=retry_after_seconds,
        max_retry_after_seconds=MAX_RETRY_AFTER_SECONDS,
    )
