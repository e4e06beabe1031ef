"""A studio's page: any colour is readable, a logo is a still picture, an origin is a browser's."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.owed.terms import FeeRule, ReturnAs, Terms
from app.domain.owed.terms_document import document_of
from app.domain.pages.colour import READABLE, contrast, text_on
from app.domain.pages.logo import MAX_BYTES, NotALogoError, logo_of
from app.domain.pages.origins import origin_of
from app.domain.pages.promise import returns_all

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080010002001011100ffd9")


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width=40, height=20, *, before=b"", padding=b""):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = zlib.compress(bytes(min(width, 64) * 3 + 1) * min(height, 64))
    return b"\x89PNG\r\n\x1a\n" + head + before + chunk(b"IDAT", pixels) + padding


def webp(flags=0, width=32, height=16):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunk_ = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + sides
    return b"RIFF" + struct.pack("<I", 4 + len(chunk_)) + b"WEBP" + chunk_


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_on_any_colour_one_of_black_and_white_is_readable(colour):
    text = text_on(colour)
    assert contrast(text, colour) >= READABLE
    assert contrast(text, colour) == max(contrast(one, colour) for one in ("#000000", "#ffffff"))


def test_contrast_is_what_the_guidelines_say():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#777777", "#ffffff") < READABLE
    assert (text_on("#ffff00"), text_on("#000080")) == ("#000000", "#ffffff")


@pytest.mark.parametrize(
    ("content", "media_type", "size"),
    [
        (png(), "image/png", (40, 20)),
        (png(1024, 16), "image/png", (1024, 16)),
        (JPEG, "image/jpeg", (32, 16)),
        (webp(), "image/webp", (32, 16)),
    ],
)
def test_a_logo_is_what_its_bytes_are(content, media_type, size):
    logo = logo_of(content)
    assert (logo.media_type, (logo.width, logo.height)) == (media_type, size)
    assert logo.content == content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "logo-type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "logo-type"),
        (b"<?xml version='1.0'?><svg/>", "logo-type"),
        (b"GIF89a" + bytes(40), "logo-type"),
        (b"<!doctype html><script>1</script>", "logo-type"),
        (png(1025, 20), "logo-size"),
        (png(20, 30_000), "logo-size"),
        (png(15, 20), "logo-size"),
        (b"\x89PNG\r\n\x1a\n", "logo-size"),
        (JPEG[:12], "logo-size"),
        (webp()[:16], "logo-size"),
        (png(before=chunk(b"acTL", bytes(8))), "logo-moves"),
        (webp(flags=0x02), "logo-moves"),
        (png(padding=bytes(MAX_BYTES)), "logo-too-large"),
    ],
)
def test_what_runs_moves_or_is_large_is_no_logo(content, code):
    with pytest.raises(NotALogoError) as refused:
        logo_of(content)
    assert refused.value.code == code


@given(st.sampled_from([png(), JPEG, webp()]), st.binary(max_size=80), st.integers(0, 80))
def test_bytes_of_any_kind_are_a_logo_or_refused(content, other, at):
    mixed = content[:at] + other + content[at + len(other) :]
    try:
        logo = logo_of(mixed)
    except NotALogoError:
        return
    assert all(16 <= side <= 1024 for side in (logo.width, logo.height))


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://www.studio.example", "https://www.studio.example"),
        (" https://WWW.Studio.example/ ", "https://www.studio.example"),
        ("https://studio.example:443", "https://studio.example"),
        ("https://studio.example:8443", "https://studio.example:8443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("https://xn--caf-dma.example", "https://xn--caf-dma.example"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text, origin):
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "https://*",
        "https://*.studio.example",
        "https:",
        "studio.example",
        "null",
        "'self'",
        "data:",
        "ftp://studio.example",
        "http://studio.example",
        "http://127.0.0.1.evil.example",
        "https://studio.example/page",
        "https://studio.example?x",
        "https://studio.example#x",
        "https://studio.example?",
        "https://ada@studio.example",
        "https://studio.example https://evil.example",
        "https://studio.example;script-src",
        "https://studio.example:",
        "https://studio.example:0x1",
        "https://studio.example:99999",
        "https://-studio.example",
        "https://café.example",
        "https://1.2.3.4.5",
        "https://0x7f.1",
        "https://studio\n.example",
    ],
)
def test_what_is_no_origin_stands_in_no_policy(text):
    with pytest.raises(ValueError, match="must"):
        origin_of(text)


@given(st.text(max_size=60))
def test_whatever_passes_for_an_origin_is_one_word_of_a_policy(text):
    for given_ in (text, f"https://{text}", f"https://a.example{text}"):
        try:
            origin = origin_of(given_)
        except ValueError:
            continue
        assert origin.isascii()
        assert not set(origin) & set(" ;,'\"*\t\r\n")
        assert origin_of(origin) == origin


WHOLE = {"amounts": {"CAD": 2000}, "credits": 2, "kept_amounts": {}, "kept_credits": 0}


@pytest.mark.parametrize(
    ("changed", "terms", "is_said"),
    [
        ({}, None, True),
        ({"amounts": {}}, None, True),
        ({"store_credits": {}, "kept_amounts": {"CAD": 0}}, Terms(), True),
        ({}, Terms(late_cancelled=FeeRule.RETURN), True),
        ({"kept_amounts": {"CAD": 1}}, None, False),
        ({"kept_credits": 1}, None, False),
        ({"store_credits": {"CAD": 5}}, None, False),
        ({}, Terms(return_as=ReturnAs.STORE_CREDIT), False),
        ({"amounts": {}, "credits": 0}, None, False),
    ],
)
def test_that_all_comes_back_is_said_only_where_nothing_is_kept(changed, terms, is_said):
    document = None if terms is None else document_of(terms)
    assert returns_all(WHOLE | changed, document) is is_said


@pytest.mark.parametrize("missing", ["kept_amounts", "kept_credits"])
def test_nothing_is_said_of_what_an_older_build_did_not_count(missing):
    assert not returns_all({name: WHOLE[name] for name in WHOLE if name != missing}, None)
    assert not returns_all({}, None)
