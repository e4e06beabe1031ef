#!/usr/bin/env bash
# throttled-py 3.5.0, on Python 3.11; seen 2026-11-30.
#
# Payment services allow so many calls a second (Stripe 25 for an endpoint), and who paces calls to such a rate wants few at once: a rate, and a
# small burst. In a token bucket, one would guess, the rate says how fast tokens come and the burst how many are kept, so that over some seconds the rate
# passes whatever the burst is. throttled-py's token bucket and leaking bucket reckon in whole seconds: between two seconds no token comes, and at the
# next no more than the burst. Ten calls a second with a burst of one are one call a second, a tenth of what was said; each refusal says to come back in a
# second, which is right by its own clock. Its GCRA, with the same quota, lets the ten pass.
#
# Output seen (what passed of a quota of 10 a second that was asked for at all times; "all" from 7 on, for a busy machine asks late):
SEEN='token_bucket: burst 1: a tenth; burst 5: half; burst 10: all; refused for 1 s
leaking_bucket: burst 1: a tenth; burst 5: half; burst 10: all; refused for 1 s
gcra: burst 1: all; burst 5: all; burst 10: all; refused for less'
# What we do: our buckets hold as much as comes in their whole seconds (app/rates.py), and calls to upstreams have a pace of their own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv keeps
keeps/bin/pip -q install throttled-py==3.5.0 2>pip.log
cat >passed.py <<'END_OF_PASSED'
import threading
import time

from throttled import MemoryStore, Throttled, rate_limiter

SECONDS = 5
KINDS = ("token_bucket", "leaking_bucket", "gcra")
BURSTS = (1, 5, 10)
passed, waits = {}, {}


def ask(kind, burst):
    bucket = Throttled(using=kind, quota=rate_limiter.per_sec(10, burst=burst), store=MemoryStore())
    while not (answer := bucket.limit("calls")).limited:
        pass  # what was there at first
    waits.setdefault(kind, answer.state.retry_after)
    began, count = time.monotonic(), 0
    while time.monotonic() < began + SECONDS:
        count += not bucket.limit("calls").limited
        time.sleep(0.01)
    a_second = count / SECONDS
    passed[kind, burst] = "a tenth" if a_second < 2 else "half" if a_second < 7 else "all"


asking = [threading.Thread(target=ask, args=(kind, burst)) for kind in KINDS for burst in BURSTS]
for one in asking:
    one.start()
for one in asking:
    one.join()
for kind in KINDS:
    said = "; ".join(f"burst {burst}: {passed[kind, burst]}" for burst in BURSTS)
    print(f"{kind}: {said}; refused for {'1 s' if waits[kind] == 1 else 'less'}")
END_OF_PASSED
keeps/bin/python passed.py | tee seen
diff seen <(echo "$SEEN")
