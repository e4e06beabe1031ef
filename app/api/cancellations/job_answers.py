"""The answers to who has a job accepted, and to who polls it.

Who polls gets 304 by one look at the job's version, or a body that is kept for that. A version
never stands for two bodies (`job_versions`), nor does one tag: it names the form of the body, too.
"""

import hashlib
from collections.abc import Sequence
from functools import cache

import orjson
from starlette.responses import Response
from starlette.status import HTTP_202_ACCEPTED, HTTP_304_NOT_MODIFIED

from app.api.cancellations import cancellation_bodies as bodies
from app.api.dependencies import State
from app.api.idempotency import checked_key
from app.api.negotiation import matches
from app.aside import aside
from app.auth.callers import Caller
from app.cancellation import accept as acceptance
from app.cancellation import read
from app.cancellation.accept import Accepted


async def accept(
    service: State, who: Caller, body: bodies.CancellationRequest, keys: Sequence[str]
) -> Accepted:
    """Have a request accepted under the `Idempotency-Key` that it came with.

    `keys`: all of its headers of that name.

    Raises:
        Problem: 400 `idempotency-key-missing`; what `acceptance.accept` raises.
        Invalid: the key is none, or there are two.
    """
    return await acceptance.accept(
        service.db,
        service.queue,
        business_id=who.business_id,
        timezone=who.timezone,
        requested_by=who.actor,
        idempotency_key=checked_key(keys),
        request=body.to_request(who.locations),
    )


def accepted_headers(accepted: Accepted) -> dict[str, str]:
    """Where the job is, and whether it was there before."""
    headers = {"Location": f"/v1/bulk-cancellations/{accepted.job.id}"}
    return headers | {"Idempotent-Replayed": "true"} if accepted.replayed else headers


async def accepted_answer(accepted: Accepted) -> Response:
    """The job as it was accepted, with the outcome of each session."""
    content = await aside(len(accepted.outcomes), _accepted_body, accepted)
    return Response(
        content, HTTP_202_ACCEPTED, accepted_headers(accepted), media_type="application/json"
    )


def _accepted_body(accepted: Accepted) -> str:
    job_id = accepted.job.id
    answer = bodies.AcceptedJob(
        **bodies.detail_fields(
            read.as_accepted(accepted.job, accepted.outcomes, accepted.approval), as_accepted=True
        ),
        sessions=[
            {
                "session_id": one.session_id,
                "outcome": one.outcome,
                "job_id": bodies.holder_of(one.outcome, one.held_by_job_id, job_id),
            }
            for one in accepted.outcomes
        ],
    )
    return answer.model_dump_json()


async def answer(
    service: State, business_id: str, job_id: str, if_none_match: str | None
) -> Response:
    """The job as it is now, with its ETag, or 304 to who has that.

    See RFC 9110 §13.1.2.

    Raises:
        NotFound: this business has no such job.
    """
    tag = _tag(await read.version(service.db, business_id, job_id))
    if matches(if_none_match, tag):
        return Response(None, HTTP_304_NOT_MODIFIED, _headers(tag))
    body = service.job_bodies.get(job_id, tag)
    if body is None:
        view = await read.one(service.db, business_id, job_id)
        body, tag = (
            bodies.JobDetail(**bodies.detail_fields(view)).model_dump_json().encode(),
            _tag(view.version),
        )
        service.job_bodies.keep(job_id, tag, body)
    return Response(body, headers=_headers(tag), media_type="application/json")


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


def _tag(version: str) -> str:
    return f'"{version}-{_form()}"'


@cache
def _form() -> str:
    """Names the form of the body: a build with another has other tags."""
    schema = orjson.dumps(bodies.JobDetail.model_json_schema(), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(schema).hexdigest()[:8]
