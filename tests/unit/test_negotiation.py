"""What a caller has already, by its tag, though a proxy may have given that one of its own."""

import pytest

from app.api.negotiation import etag_of, matches

TAG = etag_of(b"{}")
BARE = TAG.strip('"')


@pytest.mark.parametrize(
    "asked",
    [
        TAG,
        f"W/{TAG}",
        "*",
        f'"another", {TAG}',
        f'"{BARE}-gzip"',  # Apache's mod_deflate
        f'W/"{BARE}-br"',
        f'"another-gzip",W/"{BARE}-gzip"',
    ],
)
def test_a_tag_names_the_same_answer_packed_or_not(asked):
    assert matches(asked, TAG)
    assert matches(asked, f"W/{TAG}")


@pytest.mark.parametrize(
    "asked", [None, "", '"another"', '"another-gzip"', BARE, f'"{BARE}gzip"', f'"-gzip{BARE}"']
)
def test_another_tag_does_not(asked):
    assert not matches(asked, TAG)
