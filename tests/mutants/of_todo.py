"""The defects that `make mutants` seeds in what a person is told to do after a job."""

from mutants.defects import Defect, defect

OUTSTANDING = "app/db/refunds/outstanding.py"
TESTS = "tests/integration/cancellations/test_outstanding.py"
WORDS = "tests/console/test_console_modules.py::test_what_the_console_says_is_right_wherever_its_device_is[job.test.mjs]"
COUNTED = f"{TESTS}::test_each_client_is_counted_once_where_the_worst_of_theirs_is"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "todo: a client with something refused has all back",
        OUTSTANDING,
        "sa.func.max(_STANDING)",
        "sa.func.min(_STANDING)",
        COUNTED,
    ),
    defect(
        "todo: what was waived has come back",
        OUTSTANDING,
        'sa.func.coalesce(refunds.c.failure_code, "") != WAIVED',
        'sa.func.coalesce(refunds.c.failure_code, "") != "-"',
        COUNTED,
    ),
    defect(
        "todo: what a service goes on with is a person's",
        OUTSTANDING,
        "    refunds.c.due_at.is_(None),\n",
        "",
        f"{TESTS}::test_what_a_service_goes_on_with_is_no_persons",
    ),
    defect(
        "todo: people whose refunds are not written yet are not counted",
        "app/cancellation/outstanding.py",
        "under_way=found.under_way + unwritten",
        "under_way=found.under_way",
        f"{TESTS}::test_before_its_refunds_are_written_everybody_is_under_way",
    ),
    defect(
        "todo: names are for everybody",
        "app/api/cancellations/outstanding_routes.py",
        "with_names = Scope.AUDIT_READ in who.scopes",
        "with_names = True",
        f"{TESTS}::test_names_are_for_who_may_read_the_audit",
    ),
    defect(
        "todo: every job needs a person",
        "app/cancellation/read.py",
        "        statuses &= JOB_NEEDS_A_PERSON\n",
        "        pass\n",
        f"{TESTS}::test_jobs_that_need_a_person_are_found_by_one_question_with_their_sums",
    ),
    defect(
        "todo: what the API refuses to try again is offered to be",
        "app/console/causes.js",
        "refunds.filter((one) => causeOf(one).canRetry)",
        "refunds",
        WORDS,
    ),
    defect(
        "todo: a file is final though somebody is needed",
        "app/console/job_words.js",
        'return say(status === "completed" ? "files.final" : "files.but_for");',
        'return say("files.final");',
        WORDS,
    ),
)
