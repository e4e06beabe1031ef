#!/usr/bin/env bash
# uuid7 0.1.0 (PyPI), beside uuid6 2025.0.1 and uuid-utils 1.2.0, on Python 3.11; seen 2026-11-29.
#
# Version 7 of RFC 9562 begins with 48 bits of milliseconds since 1970, so that keys which are made on several machines sort by time
# and show it. One would guess that the package of that name makes such. It is of a draft of 2021: 36 bits of seconds, then
# fractions, with the same version number. What it makes is of the year 2203 for everybody else, and sorts behind all other keys for
# as long as they live; what others make it reads, without an error, as of 1983.
#
# Output seen:
SEEN='made by uuid7, version 7: uuid7 reads 2026, uuid6 2203, uuid-utils 2203
made by uuid6, version 7: uuid7 reads 1983, uuid6 2026, uuid-utils 2026
uuid6 now, uuid7 a second later, uuid6 a second later: sorted 1 3 2'
# What we do: our ids are as RFC 9562 writes them, and nothing reads a time from an id; an Idempotency-Key may be any text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv ids
ids/bin/pip -q install uuid7==0.1.0 uuid6==2025.0.1 uuid-utils==1.2.0 2>pip.log
cat >read.py <<'END_OF_READ'
import datetime as dt
import time
from unittest.mock import patch

import uuid6
import uuid_extensions
import uuid_utils

# A morning in June, so that the answer is the same in every year.
NOW = int(dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC).timestamp()) * 10**9


def made(make, seconds):
    with patch.object(time, "time_ns", lambda: NOW + seconds * 10**9):
        return make()


def year(milliseconds):
    return (dt.datetime(1970, 1, 1) + dt.timedelta(milliseconds=milliseconds)).year


first, second, third = made(uuid6.uuid7, 0), made(uuid_extensions.uuid7, 1), made(uuid6.uuid7, 2)
for name, one in (("uuid7", second), ("uuid6", first)):
    read = uuid_extensions.uuid_to_datetime(one).year
    others = year(uuid6.UUID(int=one.int).time), year(uuid_utils.UUID(int=one.int).timestamp)
    print(f"made by {name}, version {one.version}: uuid7 reads {read}, uuid6 {others[0]}, uuid-utils {others[1]}")
order = sorted((str(one), place) for place, one in enumerate((first, second, third), 1))
print("uuid6 now, uuid7 a second later, uuid6 a second later: sorted", *(place for _, place in order))
END_OF_READ
ids/bin/python read.py | tee seen
diff seen <(echo "$SEEN")
