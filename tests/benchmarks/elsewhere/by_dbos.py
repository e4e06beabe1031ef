"""The refunds as DBOS steps: a workflow of one step for each, from a queue.

It is as its documentation has it. Plain functions in threads did as well here as coroutines, and as
one workflow with all the steps. DBOS keeps what came of each step by itself, so there is no row of
the application's beside it.
"""

import sys
import threading
from functools import partial

import rows
import sqlalchemy as sa
from dbos import DBOS, DBOSClient, run_dbos_database_migrations
from pyreqwest.client import SyncClientBuilder
from race import CREATED, given, race, request

QUEUE = "refunds"
VERSION = "1"
POLL_SECONDS = 0.02  # its default of a second would hold 64 slots to 64 refunds a second
DATABASE = rows.url("psycopg").render_as_string(hide_password=False)

http = SyncClientBuilder().no_proxy().build()

# Its documented table of workflows: instants are milliseconds.
taken = sa.text(
    "SELECT count(*) FILTER (WHERE status = 'SUCCESS'),"
    " max(completed_at) - min(started_at_epoch_ms)"
    " FROM dbos.workflow_status WHERE starts_with(workflow_uuid, :batch)"
)


@DBOS.step()
def refund(reference: str) -> str:
    call = http.post(given().refunds_url).header("Idempotency-Key", reference)
    answer = call.body_json(request(reference)).build().send()
    if answer.status != CREATED:
        raise RuntimeError(f"not a refund: {answer.status}")
    return str(answer.json()["id"])


@DBOS.workflow(name="cancel")
def cancel(reference: str) -> str:
    return refund(reference)


def work() -> None:
    DBOS(
        config={
            "name": "refunds",
            "system_database_url": DATABASE,
            "application_version": VERSION,
            "log_level": "WARNING",
        }
    )
    DBOS.launch()
    threading.Event().wait()


def enqueue(client: DBOSClient, batch: str, count: int) -> None:
    for number in range(count):
        reference = f"{batch}-{number}"
        client.enqueue(
            {
                "queue_name": QUEUE,
                "workflow_name": "cancel",
                "workflow_id": reference,
                "app_version": VERSION,
            },
            reference,
        )


def seconds(batch: str, count: int) -> float | None:
    with rows.engine.begin() as conn:
        made, milliseconds = conn.execute(taken, {"batch": batch}).one()
    return milliseconds / 1000 if made == count else None


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        work()
    else:
        run_dbos_database_migrations(DATABASE)
        client = DBOSClient(system_database_url=DATABASE)
        client.register_queue(
            QUEUE, worker_concurrency=given().concurrency, polling_interval_sec=POLL_SECONDS
        )
        race(
            [["by_dbos", "work"]],
            packages=("dbos", "psycopg", "pyreqwest"),
            enqueue=partial(enqueue, client),
            seconds=seconds,
        )
