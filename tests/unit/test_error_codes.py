"""Every code that a caller can read has one spelling, and no sentence shows a pattern."""

import ast
import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

import app
from app.document import document
from app.domain import fields
from app.domain.field_errors import code_of, sentence_of
from app.schedule.records import ANY_RECORD

SPELLING = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# What makes an error, a refusal or a warning, and which of its arguments is the code.
MAKERS = {"FieldError": 1, "LineNote": 2, "Problem": 1, "Caution": 0, "PydanticCustomError": 0}


def codes_in_the_source():
    """(where, code) of every code in the source; a part that is known only at run time is `x`."""
    found = []
    for path in sorted(Path(app.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            place = MAKERS.get(name)
            code = (
                {keyword.arg: keyword.value for keyword in node.keywords}.get("code")
                if place is not None
                else None
            )
            if place is not None and code is None and place < len(node.args):
                code = node.args[place]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                found.append((f"{path.name}:{node.lineno}", code.value))
            elif isinstance(code, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else "x" for part in code.values
                ]
                found.append((f"{path.name}:{node.lineno}", "".join(parts)))
    return found


def test_every_code_in_the_source_is_spelt_with_hyphens():
    found = codes_in_the_source()
    assert {"id-differs", "range-reversed", "unknown-x", "plan-changed", "line-too-long"} <= {
        code for _, code in found
    }
    assert [one for one in found if not SPELLING.fullmatch(one[1])] == []


@pytest.mark.parametrize("one", get_args(ErrorType))
def test_every_code_that_comes_of_validation_is_spelt_with_hyphens(one):
    error = {"type": one, "ctx": {"discriminator": "'method'"}}
    assert SPELLING.fullmatch(code_of(error))


def patterns_of(schema):
    match schema:
        case {"pattern": str(pattern)}:
            yield pattern
        case dict():
            for value in schema.values():
                yield from patterns_of(value)
        case list():
            for value in schema:
                yield from patterns_of(value)


def test_every_pattern_that_validation_holds_a_value_to_has_words():
    schemas = [one.json_schema() for one in (ANY_RECORD,)]
    schemas += list(json.loads(document())["components"]["schemas"].values())
    patterns = {pattern for schema in schemas for pattern in patterns_of(schema)}
    assert len(patterns) >= 3
    assert patterns <= set(fields.PATTERN_WORDS)


@pytest.mark.parametrize("pattern", fields.PATTERN_WORDS)
def test_what_breaks_a_pattern_is_told_in_words_and_never_shown_the_pattern(pattern):
    words = fields.PATTERN_WORDS[pattern]
    error = {"type": "string_pattern_mismatch", "msg": f"String should match pattern '{pattern}'"}
    assert sentence_of(error | {"ctx": {"pattern": pattern}}) == words
    assert (
        sentence_of(error | {"ctx": {"pattern": "^other$"}})
        == "Holds characters that are not taken here."
    )
    assert words[0].isupper()
    assert not set(words) & set("^$[]\\{}|*")


def test_words_of_a_value_that_has_an_unknown_form_do_not_repeat_it():
    with pytest.raises(ValidationError) as refused:
        ANY_RECORD.validate_python({"type": "a secret"})
    (error,) = refused.value.errors()
    assert (code_of(error), sentence_of(error)) == (
        "unknown-type",
        "Must be one of 'session', 'client', 'booking'.",
    )
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(fields.PlatformId).validate_python("a secret")
    assert "secret" not in sentence_of(refused.value.errors()[0])


class Lists(BaseModel):
    some: list[int] = Field(min_length=1)
    few: tuple[int, ...] = Field(max_length=1)
    none: tuple[int, ...]
    flag: bool


def test_no_sentence_speaks_of_the_language_that_the_service_is_written_in():
    with pytest.raises(ValidationError) as refused:
        Lists.model_validate({"some": [], "few": [1, 2], "none": None, "flag": "perhaps"})
    assert [sentence_of(error) for error in refused.value.errors()] == [
        "Must hold at least 1.",
        "Must hold at most 1.",
        "Must be a list.",
        "Must be true or false.",
    ]
