"""When a message is tried again, and when it is given up: pure.

RFC 5321, section 4.5.4.1: not before half an hour after a failure, but for the first of them, since
most of those are greylisting, and at least four days in all.
"""

from typing import Final

from app.lanes import back_off

PAUSES_SECONDS: Final = (
    300.0,
    1_800.0,
    3_600.0,
    7_200.0,
    14_400.0,
    28_800.0,
    43_200.0,
    86_400.0,
    86_400.0,
    86_400.0,
)
MAX_RETRY_AFTER_SECONDS: Final = 3_600.0
RELAY_WAITS_SECONDS: Final = 30.0  # before all lanes ask an absent relay again


def next_in(tries: int, *, jitter: float, retry_after_seconds: float | None) -> float | None:
    """Seconds until the next try, None when there is to be none; see `back_off.next_in`."""
    return back_off.next_in(
        PAUSES_SECONDS,
        tries,
        jitter=jitter,
        retry_after_seconds=retry_after_seconds,
        max_retry_after_seconds=MAX_RETRY_AFTER_SECONDS,
    )
