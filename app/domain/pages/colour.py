"""A studio's colour, and the one of black and white that is read on it.

Contrast is WCAG 2.2's (success criterion 1.4.3): text needs 4.5. On any colour one of black and
white has more than that, so that no studio's colour is refused and none is unreadable.
"""

from typing import Final

READABLE: Final = 4.5
_BLACK: Final = "#000000"
_WHITE: Final = "#ffffff"
# Of sRGB (IEC 61966-2-1): up to it the curve is a line.
_LINEAR_TO: Final = 0.04045


def text_on(colour: str) -> str:
    """Black or white, as `#rrggbb`: whichever has more contrast on this colour."""
    return max((_WHITE, _BLACK), key=lambda text: contrast(text, colour))


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= _LINEAR_TO else float(((channel + 0.055) / 1.055) ** 2.4)
