import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.texts.display_text import MAX_CHARACTERS, cut, displayed, searchable


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Studio 1", "Studio 1"),
        ("Studio 1 ", "Studio 1"),
        ("\t Studio\u00a01\r\n", "Studio 1"),
        ("Studio\u2003\u202f1", "Studio 1"),
        ("Stu\u00addio\u200b 1\ufeff", "Studio 1"),
        ("Ana\tLee", "Ana Lee"),
        ("Ana\0Lee\x85\u2028", "Ana Lee"),
        ("Zoe\u0308", "Zoë"),
        ("👩‍🏫 नमस्ते", "👩‍🏫 नमस्ते"),
        ("Studio 1\u200e", "Studio 1"),
        ("\u2066Studio\u2069 \u200f1", "Studio 1"),
        ("\u202eesreveR", "esreveR"),
        ("\ud83d Ana \ude00", "Ana"),
        ("\u3164 \u200d \u2800", ""),
        ("\u200dStudio \u200c1", "Studio 1"),
        ("می\u200cروم", "می\u200cروم"),
        (" \0\u3000", ""),
    ],
)
def test_equal_texts_are_kept_as_one(said, kept):
    assert displayed(said) == kept


@given(st.text())
def test_what_is_kept_is_kept_as_it_is(said):
    kept = cut(displayed(said))
    assert displayed(kept) == kept
    assert len(kept) <= MAX_CHARACTERS
    assert unicodedata.is_normalized("NFC", kept)
    assert not any(unicodedata.category(one) == "Cc" for one in kept)


@given(st.text())
def test_a_search_text_is_one_however_it_was_written(said):
    for other in (said, searchable(said), unicodedata.normalize("NFD", said)):
        assert searchable(other) == searchable(said)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Étirement", "ETIREMENT"), ("Straße", "STRASSE"), ("İstanbul", "istanbul"), ("ﬁt", "FIT")],
)
def test_case_and_accents_make_no_difference_to_a_search(one, other):
    assert searchable(one) == searchable(other)
