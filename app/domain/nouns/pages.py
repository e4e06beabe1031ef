"""Studios' own pages as values: what a business says of its page, and how it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from app.domain.pages.colour import text_on


class KeptLogo(NamedTuple):
    """A logo as it is kept: its media type, its bytes, and a tag of these."""

    media_type: str
    content: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What a business says of its page.

    Attributes:
        colour: its own, `#rrggbb`; None: the service's.
        origins: the sites that may show its schedule within their pages.
        logo_tag: which logo it has; None: none.
    """

    colour: str | None = None
    origins: tuple[str, ...] = ()
    logo_tag: str | None = None

    @property
    def on_colour(self) -> str | None:
        """Black or white: what is read on the colour."""
        return None if self.colour is None else text_on(self.colour)

    def document(self) -> dict[str, Any]:
        """As it is kept, but for the logo."""
        return {"colour": self.colour, "origins": list(self.origins)}

    @classmethod
    def of(cls, document: Mapping[str, Any], logo_tag: str | None) -> Self:
        """What `document` has made."""
        return cls(document["colour"], tuple(document["origins"]), logo_tag)
