"""A studio's logo: a small picture that every browser shows and that runs nothing.

It is of the bytes that it is of, whatever it was said to be: its type comes from them alone. SVG is
refused, which is a document and may hold scripts; so is what moves by itself.
"""

import io
from dataclasses import dataclass
from typing import Final

import imagesize  # type: ignore[import-untyped]

MAX_BYTES: Final = 64 * 1024
MIN_PIXELS: Final = 16
MAX_PIXELS: Final = 1024
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_WEBP_FLAGS: Final = 20  # their byte, in VP8X
_WEBP_MOVES: Final = 0x02


class NotALogoError(ValueError):
    """What was given can't be a logo; the code and the sentence say why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture with its media type and its size in pixels."""

    media_type: str
    content: bytes
    width: int
    height: int


def logo_of(content: bytes) -> Logo:
    """The picture that these bytes are.

    Raises:
        NotALogoError: too large, of no type that is taken, moving, or of odd dimensions.
    """
    if len(content) > MAX_BYTES:
        raise NotALogoError("logo-too-large", f"must be at most {MAX_BYTES // 1024} kB")
    media_type = _media_type(content)
    if media_type is None:
        raise NotALogoError("logo-type", "must be a PNG, JPEG or WebP picture")
    if _moves(content, media_type):
        raise NotALogoError("logo-moves", "must not move")
    width, height = imagesize.get(io.BytesIO(content))
    if not all(MIN_PIXELS <= side <= MAX_PIXELS for side in (width, height)):
        raise NotALogoError(
            "logo-size", f"must be {MIN_PIXELS} to {MAX_PIXELS} pixels wide, and as high"
        )
    return Logo(media_type, content, width, height)


def _media_type(content: bytes) -> str | None:
    if content.startswith(_PNG):
        return "image/png"
    if content.startswith(_JPEG):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _moves(content: bytes, media_type: str) -> bool:
    if media_type == "image/png":  # APNG: its control chunk stands before the picture
        return b"acTL" in content.partition(b"IDAT")[0]
    is_extended = media_type == "image/webp" and content[12:16] == b"VP8X"
    return is_extended and any(one & _WEBP_MOVES for one in content[_WEBP_FLAGS : _WEBP_FLAGS + 1])
