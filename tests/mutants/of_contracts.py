"""The defects that `make mutants` seeds in what an upstream may offer, and what an old one lacks."""

from mutants.defects import Defect, defect

FACTS = "tests/unit/test_facts.py"
READS = "tests/integration/upstreams/test_reads.py"
FORMS = "tests/integration/upstreams/test_forms.py"
VOIDS = "tests/integration/stripe/test_stripe_voids.py"

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
    defect(
        "a 501 of a form is taken for nothing known",
        "app/gateways/optional.py",
        "        case HttpAnswer(501):\n            return True\n",
        "",
        FORMS,
    ),
    defect(
        "a 501 of a refund is taken for a refusal",
        "app/gateways/payments.py",
        'RefundForm.ORIGINAL: FormOperation("/refunds", _body, is_optional=False),',
        'RefundForm.ORIGINAL: FormOperation("/refunds", _body),',
        FORMS,
    ),
    defect(
        "a look-up of a form that the service lacks is unknown for ever",
        "app/gateways/by_reference.py",
        "if operation.is_optional and lacks(reply) and order.accepted_as is None:",
        "if False:",
        FORMS,
    ),
    defect(
        "a service that was at work on an order is believed to have none when it lacks the form",
        "app/gateways/by_reference.py",
        "if operation.is_optional and lacks(reply) and order.accepted_as is None:",
        "if operation.is_optional and lacks(reply):",
        FORMS,
    ),
    defect(
        "the amount of store credit that was given is not compared",
        "app/gateways/answers.py",
        '("amount_minor", order.amount_minor),',
        '("amount_minor", None if order.form in _OF_A_CLIENT else order.amount_minor),',
        FORMS,
    ),
    defect(
        "value for another client is believed",
        "app/gateways/answers.py",
        '("client_id", order.client_id if order.form in _OF_A_CLIENT else None),',
        "",
        FORMS,
    ),
    defect(
        "a cancellation is asked for of what was captured",
        "app/gateways/stripe/voids.py",
        "if intent.status != _WAITS:",
        "if False:",
        VOIDS,
    ),
    defect(
        "an authorisation is let go though another booking paid with it too",
        "app/gateways/stripe/voids.py",
        "if not intent.is_of(order) or intent.amount_capturable not in (None, intent.amount):",
        "if False:",
        VOIDS,
    ),
    defect(
        "whoever cancelled an intent, it was us",
        "app/gateways/stripe/voids.py",
        "is_ours = intent.status == _CANCELED and intent.is_marked_for(order)",
        "is_ours = intent.status == _CANCELED",
        VOIDS,
    ),
    defect(
        "a step before a cancellation that breaks makes the void unknown",
        "app/gateways/stripe/voids.py",
        'return Unavailable(f"before the cancellation: {detail}", wait)',
        "return outcome",
        VOIDS,
    ),
    defect(
        "a transfer is reversed though nobody has it set so",
        "app/gateways/stripe/refunds.py",
        "in asdict(order.payment_account).items() if wanted",
        "in asdict(order.payment_account).items()",
        "tests/integration/stripe/test_stripe.py",
    ),
    defect(
        "the sandbox lets go what was captured",
        "app/sandbox/payments.py",
        'if payment is None or payment.captured:\n            return "already_captured"',
        "if payment is None:\n            return None",
        FORMS,
    ),
)
