"""Says in words what pydantic found wrong with one value.

Codes have hyphens, and no pattern and no value sent is repeated. The values sent may be personal,
or not text at all; a pattern (regular expression) is nothing that a person reads.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.domain.fields import PATTERN_WORDS

_MAX_CHARACTERS: Final = 300
_UNKNOWN_PATTERN: Final = "Holds characters that are not taken here."
_SENTENCES: Final = {
    "missing": "This is required.",
    "union_tag_not_found": "This is required.",
    "extra_forbidden": "There is no such field here.",
    "no_such_attribute": "There is no such field here.",
    "string_unicode": "Must be text that can be written in UTF-8.",
    "string_sub_type": "Must be text.",
    "model_type": "Must be an object.",
    "model_attributes_type": "Must be an object.",
    "dict_type": "Must be an object.",
    "list_type": "Must be a list.",
    "tuple_type": "Must be a list.",
    "bool_parsing": "Must be true or false.",
    "int_parsing": "Must be a whole number.",
}
_OF_LISTS: Final = {
    "too_long": "Must hold at most {max_length}.",
    "too_short": "Must hold at least {min_length}.",
}


def code_of(error: Mapping[str, Any]) -> str:
    """The stable code of one of pydantic's errors: its own type, with hyphens.

    It is `unknown-<member>` for an odd form.
    """
    discriminator = discriminator_of(error)
    if discriminator is None:
        return str(error["type"]).replace("_", "-")
    return (
        "missing"
        if error["type"] == "union_tag_not_found"
        else f"unknown-{discriminator.replace('_', '-')}"
    )


def discriminator_of(error: Mapping[str, Any]) -> str | None:
    """The member that says which form an object has, where that is at fault.

    It is missing, or holds another word; None for all other errors.
    """
    if error["type"] not in {"union_tag_invalid", "union_tag_not_found"}:
        return None
    return str(error["ctx"]["discriminator"]).strip("'")


def sentence_of(error: Mapping[str, Any]) -> str:
    """What is wrong, as a sentence of at most 300 characters."""
    type_ = error["type"]
    context = error.get("ctx", {})
    if type_ == "string_pattern_mismatch":
        return PATTERN_WORDS.get(context.get("pattern", ""), _UNKNOWN_PATTERN)
    if type_ == "union_tag_invalid":  # pydantic's own message repeats what was sent
        return f"Must be one of {context['expected_tags']}."
    if type_ in _OF_LISTS:  # pydantic's own message tells of Python's lists and tuples
        return _OF_LISTS[type_].format_map(context)
    if type_ in _SENTENCES:
        return _SENTENCES[type_]
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "must be").replace("String should", "must")
    sentence = message[:1].upper() + message[1:]
    return printable(sentence if sentence.endswith((".", "?", "!")) else sentence + ".")


def json_pointer(parts: Iterable[str | int]) -> str:
    """RFC 6901 §3: each part behind a slash, `~` as `~0` and `/` as `~1`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def printable(text: str, most: int = _MAX_CHARACTERS) -> str:
    """`text` made fit for an answer: no lone surrogates, no control characters, and not long."""
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: most + 1])
    return clean if len(clean) <= most else clean[: most - 1] + "…"
