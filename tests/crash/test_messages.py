"""Clients are told by e-mail while who sends is killed and the relay is at its worst.

Each hears the truth, and hears it again only where a kill or a lost answer explains it.
"""

import os

import pytest
from crash.post import FULL, IN_SHORT, LONG_SHORT, Plan, Post, all_hear_the_truth, post_by
from crash.processes import until
from crash.told_week import told_week
from unit.test_bounces import block, report
from worlds.smtp_server import Fault, SmtpServer, smtp_server


@pytest.fixture
def post(request, found_towns, database_url, tmp_path):
    with (
        smtp_server(tmp_path / "relay") as relay,
        post_by(relay, found_towns, database_url, request) as one,
    ):
        yield one


def at_its_worst(relay: SmtpServer, clients: int) -> None:
    """Greylisting of all; some answers that are lost, some that are never given; slow always."""
    few = max(clients // 12, 1)
    relay.faults(
        Fault("rcpt", code=450, text="4.2.0 greylisted", each=True, times=1),
        Fault("data", code=451, times=few),
        Fault("dot", "drop", times=few),
        Fault("dot", code=452, text="4.3.1 disk full", times=few),
        Fault("taken", "drop", times=few),
        Fault("taken", "delay", seconds=0.05),
    )


def all_hear_it(post: Post, plan: Plan) -> None:
    at_its_worst(post.relay, plan.clients)
    all_hear_the_truth(post, plan, lambda *_: post.kill_all())


def test_each_client_hears_the_truth_while_who_sends_is_killed(post):
    all_hear_it(post, IN_SHORT)


def test_a_message_that_came_back_before_who_sent_it_was_killed_is_not_sent_twice(post, tmp_path):
    town, relay = post.town, post.relay
    relay.faults(Fault("taken", "silence"))
    post.settle_in(told_week(1))
    job_id = town.cancel_all(messages={"clients": "email"})
    until(lambda: relay.book("taken"))
    (mail,) = relay.taken()
    bounce = report(block("failed", "5.1.1"), returned=f"Message-ID: {mail.message_id}\r\n")
    code, out, err = town.zygote.command(
        ["messages", "bounce"], town.environment(), tmp_path, stdin=bounce.decode()
    )
    assert (code, out.strip()) == (0, "kept"), err
    relay.faults()
    post.kill_all()
    post.wait_until_told(job_id)
    assert post.counts(job_id)["bounced"] == 1
    assert len(relay.taken()) == 1


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_thousands_of_clients_hear_the_truth_while_who_sends_is_killed(post):
    all_hear_it(post, LONG_SHORT if os.environ.get("TEST_LONG_SHORT") else FULL)
