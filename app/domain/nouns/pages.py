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
        api_origins: those whose scripts may read what the API answers to its callers.
        logo_tag: which logo it has; None: none.
    """

    colour: str | None = None
    origins: tuple[str, ...] = ()
    logo_tag: str | None = None
    api_origins: tuple[str, ...] = ()

    @property
    def on_colour(self) -> str | None:
        """Black or white: what is read on the colour."""
        return None if self.colour is None else text_on(self.colour)

    def document(self) -> dict[str, Any]:
        """As it is kept, but for the logo."""
        return {
            "colour": self.colour,
            "origins": list(self.origins),
            "api_origins": list(self.api_origins),
        }

    @classmethod
    def of(cls, document: Mapping[str, Any], logo_tag: str | None) -> Self:
        """What `document` has made."""
        # A build from before wrote none.
        api_origins = tuple(document.get("api_origins", ()))
        return cls(document["colour"], tuple(document["origins"]), logo_tag, api_origins)
