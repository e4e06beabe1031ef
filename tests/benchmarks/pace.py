"""The rate of calls over time against a bucket that changes, in virtual time.

The algorithm is the product's own. It is the same on every machine, so the plot of it is, too: what
a machine makes of it is what `pacing` measures.
"""

from typing import Final

from worlds.paced import Bucket, World

LIMITS: Final = ((0.0, 100), (15.0, 25), (30.0, 100), (45.0, 400), (60.0, 100))
_UNTIL_SECONDS: Final = 75.0
_STEP_SECONDS: Final = 0.25


def series() -> dict[str, list[float]]:
    """Two workers' calls a second, by quarters of one; the second joins after five seconds."""
    world = World(Bucket(LIMITS[0][1], LIMITS[1:]))
    world.join()
    world.join(at=5.0)
    world.run(_UNTIL_SECONDS)
    moments = [_STEP_SECONDS * number for number in range(int(_UNTIL_SECONDS / _STEP_SECONDS))]
    return {
        "at": moments,
        "limit": [
            next(float(rate) for at, rate in reversed(LIMITS) if at <= moment) for moment in moments
        ],
        "passed": [_a_second(world.passed, moment) for moment in moments],
        "refused": [_a_second(world.refused, moment) for moment in moments],
    }


def _a_second(answers: list[float], moment: float) -> float:
    return sum(moment <= at < moment + _STEP_SECONDS for at in answers) / _STEP_SECONDS
