"""When what failed is tried again, and when it is given up: pure."""

from collections.abc import Sequence
from typing import Final

_JITTER: Final = 0.1  # later by up to so much, so that what failed together does not come together


def next_in(
    pauses_seconds: Sequence[float],
    tries: int,
    *,
    jitter: float,
    retry_after_seconds: float | None,
    max_retry_after_seconds: float,
) -> float | None:
    """Seconds until the next try, None when there is to be none.

    Args:
        pauses_seconds: after the first try, the second, and so on.
        tries: so far, the failed one included.
        jitter: from 0 to 1.
        retry_after_seconds: what the other side asked for, if it did.
        max_retry_after_seconds: up to which that counts.
    """
    if tries > len(pauses_seconds):
        return None
    pause = pauses_seconds[tries - 1] * (1 + _JITTER * jitter)
    return max(pause, min(retry_after_seconds or 0.0, max_retry_after_seconds))
