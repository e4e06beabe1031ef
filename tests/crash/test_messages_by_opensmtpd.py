"""Clients are told by Debian's relay while it and who sends are killed, and its queue is full.

The mails are read back from the mailbox in which it has put them.
"""

import os
from typing import Final

import pytest
from crash.post import FULL, LONG_SHORT, Plan, Post, all_hear_the_truth, post_by
from crash.processes import until
from worlds.opensmtpd import opensmtpd
from worlds.smtp_server import Fault

IN_SHORT: Final = Plan(60, rounds=5, pause=(0.0, 0.4))  # a relay that was away costs half a minute


@pytest.fixture
def post(request, found_towns, database_url):
    with opensmtpd() as relay, post_by(relay, found_towns, database_url, request) as one:
        yield one


def at_its_worst(post: Post, clients: int) -> None:
    """Its own filter greylists all, refuses some at each later stage, and is slow always."""
    few = max(clients // 12, 1)
    post.relay.faults(
        Fault("rcpt", code=450, text="4.2.0 greylisted", each=True, times=1),
        Fault("data", code=451, times=few),
        Fault("dot", code=452, text="4.3.1 not now", times=few),
        Fault("dot", "delay", seconds=0.2),
    )


def strike(post: Post, number: int, job_id: str) -> None:
    """Kill who sends, at once or with answers there that nobody reads; kill the relay; fill it."""
    match number % 4:
        case 0:
            post.kill_all()
        case 1:
            stop_all(post)
            post.kill_all()
        case 2:
            kill_its_relay(post, job_id)
        case 3:
            fill_its_queue(post, job_id)


def stop_all(post: Post) -> None:
    """Nobody reads an answer any more, and the relay gives those that it owes."""
    for one in post.senders:
        one.stop()
    until(post.relay.has_answered)


def kill_its_relay(post: Post, job_id: str) -> None:
    """While it is asked to take something, if anything is left; who sends goes on."""

    def is_asked() -> bool:
        post.put_forward()
        return not post.relay.has_answered() or post.is_told(job_id)

    until(is_asked, pause=0.0)
    post.relay.kill()
    post.relay.start()


def fill_its_queue(post: Post, job_id: str) -> None:
    """It takes nothing, whoever asks it, until there is room again."""
    post.kill_all(meanwhile=post.relay.fill)
    places, tries = post.places_at_deaths[-1], post.relay.tries()
    until(lambda: post.relay.tries() > tries or post.is_told(job_id))
    assert post.relay.places() == places
    post.kill_all(meanwhile=post.relay.make_room)


def all_hear_it(post: Post, plan: Plan) -> None:
    at_its_worst(post, plan.clients)
    all_hear_the_truth(post, plan, lambda *of: strike(post, *of))
    assert post.relay.kills


def test_each_client_hears_the_truth_while_relay_and_who_sends_are_killed(post):
    all_hear_it(post, IN_SHORT)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_thousands_of_clients_hear_the_truth_while_relay_and_who_sends_are_killed(post):
    all_hear_it(post, LONG_SHORT if os.environ.get("TEST_LONG_SHORT") else FULL)
