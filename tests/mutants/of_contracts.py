"""The defects that `make mutants` seeds in what an upstream may offer, and what an old one lacks."""

from mutants.defects import Defect, defect

FACTS = "tests/unit/test_facts.py"
READS = "tests/integration/upstreams/test_reads.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a service that lacks a read is asked again and again",
        "app/gateways/optional.py",
        'return _code(reply) == ""',
        "return False",
        READS,
    ),
    defect(
        "any 404 with a code says that there is no payment",
        "app/gateways/optional.py",
        "case HttpAnswer(404) if _code(reply) == PAYMENT_NOT_FOUND:",
        'case HttpAnswer(404) if _code(reply) != "":',
        FACTS,
    ),
    defect(
        "what is said of another payment is believed",
        "app/gateways/optional.py",
        "if said.payment_id not in (None, asked.payment_id):",
        "if False:",
        FACTS,
    ),
    defect(
        "an authorisation that was partly captured is said to be whole",
        "app/gateways/stripe/reads.py",
        "paid = charge.amount_captured",
        "paid = charge.amount",
        "tests/integration/stripe/test_stripe_reads.py",
    ),
)
