"""What staff are asked: the same in each language, with every figure and no client's name."""

import pytest

from app.domain.approval import Exceeded, Limit
from app.domain.messages.approval import ApprovalFacts
from app.domain.messages.facts import LANGUAGES, Correspondents
from app.messages.compose.approval import compose_for_approvers

FACTS = ApprovalFacts(
    requested_by="key:front desk",
    reason="Snow day",
    sessions=41,
    clients=37,
    amounts={"CAD": 123456},
    credits=53,
    exceeded=(
        Exceeded(Limit.MONEY, 100000, 123456, currency="CAD"),
        Exceeded(Limit.CREDITS, 50, 53),
        Exceeded(Limit.PEOPLE, 30, 37),
        Exceeded(Limit.SESSIONS, 40, 41),
        Exceeded(Limit.SHARE_OF_WEEK, 25, 61, monday="2026-11-23"),
    ),
    expires_at="2026-11-26T15:00:00.000Z",
    timezone="America/Toronto",
)
URL = "https://book.example/jobs/019aab00-0000-7000-8000-000000000001"


def correspondents(language):
    return Correspondents(
        business_id="studio", business_name="Studio", client_name=None, language=language
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_figure_is_said_in_each_language_and_where_to_decide(language):
    composed = compose_for_approvers(FACTS, correspondents(language), page_url=URL)
    assert composed.subject
    for said in (
        "key:front desk",
        "Snow day",
        "41",
        "37",
        "40",
        "30",
        "53",
        "50",
        "61",
        "25",
        "10",
    ):
        assert said in composed.text
    assert URL in composed.text
    assert URL in composed.html
    assert "{" not in composed.text


def test_what_is_kept_of_it_reads_the_same_again():
    assert ApprovalFacts.of(FACTS.document()) == FACTS
