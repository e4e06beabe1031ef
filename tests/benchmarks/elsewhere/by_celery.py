"""The refunds as Celery tasks, one each, over Redis.

Each is acknowledged when done, in a worker of threads for each core. Of its pools threads did best
here, before gevent (with the drivers that it can switch) and a process for each call.
"""

import rows
from celery import Celery
from pyreqwest.client import SyncClientBuilder
from race import CREATED, given, race, request

WORKERS = 2

http = SyncClientBuilder().no_proxy().build()
app = Celery("by_celery", broker=given().redis_url)
app.conf.update(task_acks_late=True, task_reject_on_worker_lost=True, task_ignore_result=True)


@app.task(name="refund")
def refund(refund_id: str) -> None:
    with rows.engine.begin() as conn:
        conn.execute(rows.submit, {"refund_id": refund_id}).one()
    call = http.post(given().refunds_url).header("Idempotency-Key", refund_id)
    answer = call.body_json(request(refund_id)).build().send()
    if answer.status != CREATED:
        raise RuntimeError(f"not a refund: {answer.status}")
    with rows.engine.begin() as conn:
        conn.execute(rows.succeed, {"refund_id": refund_id, "made": answer.json()["id"]})


def worker(number: int) -> list[str]:
    concurrency = given().concurrency // WORKERS
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    named = ["--hostname", f"{number}@%h"]
    return [
        "celery",
        "--app",
        "by_celery",
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        str(concurrency),
        *named,
        *quiet,
    ]


def enqueue(batch: str, count: int) -> None:
    for refund_id in rows.create(batch, count):
        refund.delay(refund_id)


if __name__ == "__main__":
    race(
        [worker(number) for number in range(WORKERS)],
        packages=("celery", "redis", "psycopg", "pyreqwest"),
        enqueue=enqueue,
        seconds=rows.seconds,
    )
