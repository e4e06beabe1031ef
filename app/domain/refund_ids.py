"""Refund ids that exist before their rows.

The same job, booking and payment line give the same UUIDv7 anywhere. A refund's id is printed in
the CSV of the 202, before a worker has written the row, so it is computed, not drawn (ADR 0004).
Within a job, ids order by session and then by chance.
"""

import hashlib
from typing import Final

# No session has this position: `lowest_id` of it is above every id of the job.
LAST: Final = 2**20 - 1

# RFC 9562 §5.7: 48 bits of milliseconds, version 7, then here 20 bits of the session's position in
# the job (a fixed-length counter, §6.2) around the variant, and 52 bits of SHA-256 over job,
# booking and line.
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION \
refund_id(ms bigint, pos integer, job text, booking text, line integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT (lpad(to_hex(ms), 12, '0')
        || '7' || substr(lpad(to_hex(pos), 5, '0'), 1, 3)
        || '8' || substr(lpad(to_hex(pos), 5, '0'), 4, 2)
        || substr(\
encode(sha256(convert_to(job || '/' || booking || '/' || line, 'UTF8')), 'hex'), 1, 13))::uuid
$$
"""


def refund_id(ms: int, position: int, job_id: str, booking_id: str, line_no: int) -> str:
    """The id of the refund of one payment line (UUIDv7, RFC 9562).

    Args:
        ms: the job's acceptance, milliseconds since 1970.
        position: of the session among the job's, from 0; below 2**20.
        job_id: the job's id in its text form.
        booking_id: the platform's id.
        line_no: the payment line from 1; 0 where there is nothing to return.
    """
    digest = hashlib.sha256(f"{job_id}/{booking_id}/{line_no}".encode()).hexdigest()
    place = f"{position:05x}"
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{place[:3]}-8{place[3:]}{digest[0]}-{digest[1:13]}"


def next_leg_id(refund_id: str, leg: int) -> str:
    """The id of the leg that follows this one, in its session's range, too.

    Args:
        refund_id: of the leg that was refused.
        leg: the number of the one that follows, from 2.
    """
    digest = hashlib.sha256(f"{refund_id}/{leg}".encode()).hexdigest()
    return f"{refund_id[:22]}{digest[0]}-{digest[1:13]}"


def milliseconds(job_id: str) -> int:
    """The milliseconds inside a job's id (a UUIDv7), which all its refund ids share."""
    return int(job_id[:8] + job_id[9:13], 16)


def lowest_id(job_id: str, position: int) -> str:
    """The lowest id that a refund of the session at `position` can have.

    No refund of that session, or of a later one, has a smaller id; every earlier session's has.
    """
    ms = milliseconds(job_id)
    place = f"{position:05x}"
    return f"{ms >> 16:08x}-{ms & 0xFFFF:04x}-7{place[:3]}-8{place[3:]}0-000000000000"
