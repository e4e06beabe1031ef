#!/usr/bin/env bash
# arq 0.28.0, on Python 3.11 with tzdata 2026.3; seen 2026-11-30.
#
# A studio's nightly report belongs to its own clock, so one gives arq's worker its zone (`timezone=`), and has a sweep each minute beside it. One would
# guess that the zone decides when "at half past two" is, and that "each minute" is each minute. arq adds to the wall clock and compares
# by it: in the night when clocks go back what runs each minute does not run for an hour, and what runs each hour waits for two. When they
# go forward the minutes of the hour that there is not are made up for: sixty runs within half a minute.
#
# Output seen (a worker from midnight UTC on, for three hours: how many runs, the longest pause between two, and the most within a minute):
SEEN='a usual night, each minute: 180 runs, at most 1 min apart, at most 1 in a minute
a usual night, each hour: 3 runs, at most 60 min apart, at most 1 in a minute
clocks go back, each minute: 120 runs, at most 61 min apart, at most 1 in a minute
clocks go back, each hour: 2 runs, at most 120 min apart, at most 1 in a minute
clocks go forward, each minute: 240 runs, at most 1 min apart, at most 61 in a minute
clocks go forward, each hour: 4 runs, at most 60 min apart, at most 1 in a minute'
# What we do: nothing of ours is arq's cron; sweeps and checks wait by a monotonic clock, and days are reckoned by the business's zone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv queue
queue/bin/pip -q install arq==0.28.0 redis==5.3.1 tzdata==2026.3 2>pip.log
cat >night.py <<'END_OF_NIGHT'
import asyncio
import datetime
import zoneinfo

import arq.worker

NIGHTS = {
    "a usual night": (2026, 10, 24),
    "clocks go back": (2026, 10, 25),
    "clocks go forward": (2027, 3, 28),
}


class Clock(datetime.datetime):
    """Time goes by without waiting for it."""

    at = 0.0

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(cls.at, tz)


class Queue:
    """Takes down when something was to be run."""

    def __init__(self):
        self.runs = []

    async def enqueue_job(self, name, **how):
        self.runs.append(Clock.at)


async def sweep(ctx):
    """Never called: that it would be is enough."""


async def runs_of(day, **when):
    queue = Queue()
    worker = arq.worker.Worker(
        cron_jobs=[arq.cron(sweep, **when)],
        redis_pool=queue,
        queue_name="sweeps",
        handle_signals=False,
        timezone=zoneinfo.ZoneInfo("Europe/Berlin"),
    )
    Clock.at = began = datetime.datetime(*day, tzinfo=datetime.timezone.utc).timestamp()
    while Clock.at < began + 3 * 3600:
        await worker.run_cron(Clock.now(worker.timezone), 0.5)
        Clock.at += 0.5
    return queue.runs


async def main():
    arq.worker.datetime = Clock
    for night, day in NIGHTS.items():
        for name, when in (("each minute", {}), ("each hour", {"minute": 30})):
            runs = await runs_of(day, **when)
            pause = round(max(then - before for before, then in zip(runs, runs[1:])) / 60)
            most = max(sum(before <= then < before + 60 for then in runs) for before in runs)
            print(f"{night}, {name}: {len(runs)} runs, at most {pause} min apart, at most {most} in a minute")


asyncio.run(main())
END_OF_NIGHT
queue/bin/python night.py | tee seen
diff seen <(echo "$SEEN")
