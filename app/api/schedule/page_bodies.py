"""The bodies of a business's own page: what it says of it, and what becomes of that."""

import base64
import binascii
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, StringConstraints
from pydantic_core import PydanticCustomError

from app.api.bodies import Answer, Changes, never_null
from app.api.layers.mount import address
from app.domain.fields import COLOUR
from app.domain.nouns.pages import PageSettings
from app.domain.pages.logo import MAX_BYTES, MAX_PIXELS, MIN_PIXELS, Logo, NotALogoError, logo_of
from app.domain.pages.origins import MAX_LENGTH, MAX_ORIGINS, origin_of

_MAX_ENCODED: Final = (MAX_BYTES + 2) // 3 * 4
_A_PICTURE: Final = (
    f"A PNG, JPEG or WebP picture of {MIN_PIXELS} to {MAX_PIXELS} pixels a side and at most "
    f"{MAX_BYTES // 1024} kB, in base64 (RFC 4648 §4). Null: none."
)


def _logo(value: Any) -> Logo:
    if not isinstance(value, str):
        raise PydanticCustomError("string-type", "must be a picture in base64")
    try:
        # What is longer is no logo either: it is decoded far enough to be told so.
        content = base64.b64decode(value[: _MAX_ENCODED + 4], validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("base64", "must be a picture in base64") from None
    try:
        return logo_of(content)
    except NotALogoError as error:
        raise PydanticCustomError(error.code, error.detail) from None


def _origin(value: str) -> str:
    try:
        return origin_of(value)
    except ValueError as error:
        raise PydanticCustomError("origin", str(error)) from None


def _each_once(values: list[str]) -> list[str]:
    return sorted(set(values))


Colour = Annotated[str, StringConstraints(pattern=COLOUR, strict=True)]
LogoPicture = Annotated[Any, PlainValidator(_logo, json_schema_input_type=str)]
Origin = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_LENGTH, strict=True),
    AfterValidator(_origin),
]
Origins = Annotated[list[Origin], Field(max_length=MAX_ORIGINS), AfterValidator(_each_once)]


def logo_path(business_id: str, settings: PageSettings) -> str | None:
    """Where the logo is: another logo has another path, so that caches may keep it for good."""
    tag = settings.logo_tag
    return None if tag is None else address(f"/v1/public/{business_id}/logo/{tag}")


class PageLook(Answer):
    """How the business's page looks; null: as the service's own."""

    colour: Colour | None
    on_colour: Literal["#000000", "#ffffff"] | None = Field(
        description="What is read on the colour: that of the two with more contrast."
    )
    logo: str | None = Field(description="The path of its picture here; null: none.")

    @classmethod
    def of(cls, business_id: str, settings: PageSettings) -> Self:
        """As it is shown."""
        return cls.model_validate(
            {
                "colour": settings.colour,
                "on_colour": settings.on_colour,
                "logo": logo_path(business_id, settings),
            }
        )


class PublicPageChanges(Changes):
    """What to change of the page; what is left out stays as it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"colour": "#0b5c55", "origins": ["https://www.studio.example"]}],
            "minProperties": 1,
        }
    )

    colour: Colour | None = Field(
        None, description="Of its bar, as `#rrggbb` in lower case. Null: the service's own."
    )
    logo: LogoPicture | None = Field(None, description=_A_PICTURE)
    origins: Origins = Field(
        [],
        description=(
            "The sites that may show the schedule within their pages (`/embed/{business_id}`): "
            "`https://` and a host. Empty: none."
        ),
        json_schema_extra=never_null,
    )
    api_origins: Origins = Field(
        [],
        description=(
            "The sites whose scripts may read what the API answers to callers of the business "
            "(CORS); as `origins`."
        ),
        json_schema_extra=never_null,
    )

    def to_values(self) -> dict[str, Any]:
        """Those that were given."""
        given = self.changed("colour", "logo", "origins", "api_origins")
        return given | {
            name: tuple(given[name]) for name in ("origins", "api_origins") if name in given
        }


class PublicPage(Answer):
    """What the business says of its page."""

    colour: Colour | None
    on_colour: str | None = Field(description="Black or white: what is read on the colour.")
    logo: str | None = Field(description="The path of the picture; null: none.")
    origins: list[str]
    api_origins: list[str]
    path: str = Field(description="Of the page.")

    @classmethod
    def of(cls, business_id: str, settings: PageSettings) -> Self:
        """As it is shown."""
        return cls(
            colour=settings.colour,
            on_colour=settings.on_colour,
            logo=logo_path(business_id, settings),
            origins=list(settings.origins),
            api_origins=list(settings.api_origins),
            path=f"/c/{business_id}",
        )
