"""The defects that `make mutants` seeds in what is answered from what was read before."""

from mutants.defects import Change, Defect, defect

ANSWERS = "tests/integration/cancellations/test_answers.py"
PLANS = "tests/integration/test_plans.py"
VERSIONS = "tests/integration/cancellations/test_versions.py"
HOT = "tests/integration/cancellations/test_hot_routes.py"
MODEL = "tests/integration/test_model.py"

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "a claim raises no version of its job",
        (
            Change(
                "app/db/refunds/claims.py",
                "DO UPDATE SET claims = c.claims + 1",
                "DO UPDATE SET claims = c.claims",
            ),
            Change(
                "app/db/refunds/claims.py",
                "DO UPDATE SET claims = claims + 1",
                "DO UPDATE SET claims = claims",
            ),
        ),
        (VERSIONS, MODEL),
    ),
    Defect(
        "an outcome raises no version of its job",
        (
            Change("app/db/refunds/outcomes.py", "    version = version + 1,\n", ""),
            Change("app/db/refunds/outcomes.py", "\n  version = version + 1,", ""),
        ),
        (VERSIONS, MODEL),
    ),
    defect(
        "a job that begins, ends or is retried keeps its version",
        "app/db/jobs/jobs.py",
        'if is_shown or values.keys() != {"due_at"}:',
        'if is_shown or values.keys() & {"expanded_sessions"}:',
        VERSIONS,
        MODEL,
    ),
    defect(
        "a poll of another business's job is answered from its version",
        "app/db/jobs/job_versions.py",
        '(jobs.c.business_id == sa.bindparam("of_business"), jobs.c.id == job_sessions.OF_JOB)',
        "(jobs.c.id == job_sessions.OF_JOB,)",
        VERSIONS,
    ),
    defect(
        "bodies of jobs are kept without end",
        "app/api/layers/kept_bodies.py",
        "if len(self._bodies) > MAX_BODIES:",
        "if False:",
        VERSIONS,
    ),
    defect(
        "a public page outlives the cancellation of its sessions",
        "app/db/jobs/acceptances.py",
        "    if cancels:\n        changes.note_schedule(job.business_id)\n",
        "",
        ANSWERS,
    ),
    defect(
        "a public page that was being read during a change is kept",
        "app/api/layers/kept_bodies.py",
        "for kept in self._of.pop(business_id, {}).values():\n            self._forget(kept)",
        "for page, kept in list(self._of.get(business_id, {}).items()):\n            if kept.reading.done():\n"
        "                self._forget(self._of[business_id].pop(page))",
        ANSWERS,
    ),
    defect(
        "each who asks for a public page reads it",
        "app/api/layers/kept_bodies.py",
        "if kept is None or kept.until <= self._clock():",
        "if kept is None or not kept.reading.done() or kept.until <= self._clock():",
        ANSWERS,
    ),
    defect(
        "public pages are kept without end",
        "app/api/layers/kept_bodies.py",
        "if self._count >= MAX_PUBLIC_PAGES or self._bytes >= MAX_PUBLIC_BYTES:",
        "if False:",
        ANSWERS,
    ),
    defect(
        "whoever sends a tag is told that nothing has changed",
        "app/api/layers/entity_tags.py",
        'if not matches(if_none_match, headers["ETag"]):',
        "if if_none_match is None:",
        ANSWERS,
    ),
    defect(
        "a client's refunds are looked for past the index of their lines",
        "app/db/schedule/bookings.py",
        'LIVE = sa.text(f"({NOT_WITHDRAWN})")',
        "LIVE = sa.text(\"(coalesce(failure_code, '') <> 'withdrawn' OR status <> 'skipped')\")",
        PLANS,
    ),
    defect(
        "a hot route takes the last of a parameter that is given twice",
        "app/api/hot_routes.py",
        "len(found) < len(pairs)\n        or not",
        "not",
        HOT,
    ),
    defect(
        "a hot route takes any limit",
        "app/api/hot_routes.py",
        'or not _LIMIT.fullmatch(found.get("limit", "50"))',
        'or not found.get("limit", "50").isdecimal()',
        HOT,
    ),
    defect(
        "a body that the hot route has read is lost to the other",
        "app/api/hot_routes.py",
        "await _cold(scope, _again(content, receive), send)",
        "await _cold(scope, receive, send)",
        HOT,
    ),
)
