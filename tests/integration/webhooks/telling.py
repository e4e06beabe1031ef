"""What a studio's webhooks were told, counted, and a job whose refunds are all refused."""

from collections import Counter


def kinds(events):
    return Counter(kind for kind, _ in events)


async def since(told, before):
    """What has been told beyond what had been."""
    return (await told.events())[len(before) :]


async def refused(studio, job):
    """End it with both refunds refused."""
    await studio.faults(
        refuse_ids={"card-payment-1": "refund_window_expired", "credit-account": "account_closed"}
    )
    await studio.work(job["id"])
    await studio.faults()
