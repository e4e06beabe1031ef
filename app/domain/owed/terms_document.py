"""Terms as they are written: the document that callers send and read, and jobs freeze.

Pure. A document that is stored is whole; what a request names replaces the business's, member by
member.
"""

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, Final

from app.domain.owed.choice import Choice
from app.domain.owed.goodwill import NO_GOODWILL, Goodwill, GoodwillFor, GoodwillPer
from app.domain.owed.terms import Fallback, FeeRule, KeepPer, PartRefunded, ReturnAs, Terms
from app.domain.statuses import RefundForm

_BASIS_POINTS: Final = 100  # in one percent
Document = Mapping[str, Any]


def document_of(terms: Terms) -> dict[str, Any]:
    """The whole document of these terms."""
    return {
        "payments": {
            "return_as": terms.return_as.value,
            "keep": {
                "percent": _percent(terms.keep_basis_points),
                "fixed": [
                    {"currency": currency, "amount_minor": amount}
                    for currency, amount in terms.keep_fixed
                ],
                "per": terms.keep_per.value,
            },
            "part_refunded": terms.part_refunded.value,
            "fallback": [*(form.value for form in terms.fallback), Fallback.PERSON.value],
        },
        "credits": {"return": terms.return_credits, "valid_for_days": terms.valid_for_days},
        "fees": {"late_cancelled": terms.late_cancelled.value, "no_show": terms.no_show.value},
        "goodwill": {
            "credits": terms.goodwill.credits,
            "valid_for_days": terms.goodwill.valid_for_days,
            "per": terms.goodwill.per.value,
            "for": [one.value for one in terms.goodwill.given_for],
        },
        "choice": None if terms.choice is None else _choice_document(terms.choice),
    }


def _choice_document(choice: Choice) -> dict[str, Any]:
    return {
        "offer": [form.value for form in choice.offer],
        "default": choice.default.value,
        "within_hours": choice.within_hours,
        "bonus_percent": _percent(choice.bonus_basis_points),
    }


def _percent(basis_points: int) -> float:
    percent, hundredths = divmod(basis_points, _BASIS_POINTS)
    return percent + hundredths / _BASIS_POINTS if hundredths else percent


def terms_of(document: Document) -> Terms:
    """The terms of a whole document.

    One that was stored before a member came to be is read with what held then.
    """
    payments, credits, fees = (document[name] for name in ("payments", "credits", "fees"))  # noqa: A001
    keep = payments["keep"]
    return Terms(
        return_as=ReturnAs(payments["return_as"]),
        keep_basis_points=round(keep["percent"] * _BASIS_POINTS),
        keep_fixed=tuple(sorted((one["currency"], one["amount_minor"]) for one in keep["fixed"])),
        keep_per=KeepPer(keep["per"]),
        part_refunded=PartRefunded(payments.get("part_refunded", PartRefunded.PERSON)),
        fallback=_forms(payments.get("fallback", ())),
        return_credits=credits["return"],
        valid_for_days=credits["valid_for_days"],
        late_cancelled=FeeRule(fees["late_cancelled"]),
        no_show=FeeRule(fees["no_show"]),
        goodwill=_goodwill(document.get("goodwill")),
        choice=_choice_of(document.get("choice")),
    )


def _goodwill(member: Document | None) -> Goodwill:
    if member is None:
        return NO_GOODWILL
    return Goodwill(
        member["credits"],
        member["valid_for_days"],
        GoodwillPer(member["per"]),
        tuple(GoodwillFor(one) for one in member["for"]),
    )


def _choice_of(document: Document | None) -> Choice | None:
    if document is None:
        return None
    return Choice(
        offer=tuple(map(RefundForm, document["offer"])),
        default=RefundForm(document["default"]),
        within_hours=document["within_hours"],
        bonus_basis_points=round(document["bonus_percent"] * _BASIS_POINTS),
    )


def _forms(fallback: Iterable[str]) -> tuple[RefundForm, ...]:
    """The forms of a ladder that come before its person."""
    return tuple(map(RefundForm, takewhile(lambda word: word != Fallback.PERSON, fallback)))


DEFAULTS: Final = document_of(Terms())
_DEFAULT_CHOICE: Final = _choice_document(Choice())


def in_force_for(own: Document | None, named: Document) -> dict[str, Any]:
    """The business's document, or the defaults, with the members that a request names replaced.

    Who is asked only by the request is asked by default in what that leaves out.
    """
    # Members that came to be after the business's was set are as by default.
    document = replaced(replaced(DEFAULTS, own or {}), named)
    if document.get("choice") is not None:
        document["choice"] = {**_DEFAULT_CHOICE, **document["choice"]}
    return document


def replaced(document: Document, members: Document) -> dict[str, Any]:
    """A document with the members that are named replaced; a list is one member."""
    changed = dict(document)
    for name, value in members.items():
        before = document.get(name)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        changed[name] = replaced(before, value) if both else value  # type: ignore[arg-type] # both are mappings
    return changed
