"""A row of any table of a business, of words that its rules allow."""

import datetime as dt

import sqlalchemy as sa
from uuid_utils import uuid7

from app.db.core.dialect import Id, Instant

AT = dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
_OF_KIND = ((Instant, AT), (sa.JSON, {}), (sa.Boolean, False), (sa.Integer, 1), (sa.String, "x"))
_SAID = {
    "client_id": "kim",
    "kind": "client",
    "status": "suppressed",
    "action": "withdrawn",
    "subject": "x",
    "due_at": AT,
}


def any_row(table, business_id, job_id):
    """What must be said of a row, and of what may be left out what its rules need."""
    needed = {"client_erasures": ("due_at",), "ended_sign_ins": ("subject",)}.get(table.name, ())
    row = {"business_id": business_id}
    for column in table.c:
        if column.name == "business_id" or (column.nullable and column.name not in needed):
            continue
        if column.name == "job_id":
            row["job_id"] = job_id
        elif isinstance(column.type, Id):
            row[column.name] = str(uuid7())
        else:
            usual = next(value for kind, value in _OF_KIND if isinstance(column.type, kind))
            row[column.name] = _SAID.get(column.name, usual)
    return row
