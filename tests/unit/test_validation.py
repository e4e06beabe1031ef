import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.validation import path_names
from app.domain.field_errors import json_pointer, printable


def resolved(document, pointer):
    """RFC 6901 §4, as a client does it."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


@given(st.lists(st.one_of(st.text(), st.integers(0, 3)), max_size=6))
def test_a_pointer_leads_to_the_value_it_was_made_for(parts):
    value = "here"
    for part in reversed(parts):
        value = {part: value} if isinstance(part, str) else [None] * part + [value]
    assert resolved(value, json_pointer(parts)) == "here"


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [([], ""), (["a"], "/a"), (["a/b", "m~n", 0], "/a~1b/m~0n/0"), ([""], "/"), (["~1"], "/~01")],
)
def test_pointers_are_escaped_as_rfc_6901_says(parts, pointer):
    assert json_pointer(parts) == pointer


@given(st.text(alphabet=st.characters(codec=None), max_size=400))
def test_what_is_printable_can_be_sent_and_is_short(text):
    clean = printable(text)
    clean.encode()
    assert len(clean) <= 300
    assert clean.isprintable()


@pytest.mark.parametrize(
    ("parameter", "what"),
    [("session_id", "session"), ("job_id", "bulk cancellation"), ("business_id", "business")],
)
def test_a_path_parameter_is_told_in_the_callers_words(parameter, what):
    assert path_names(parameter) == what
