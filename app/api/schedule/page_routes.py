"""A business's own page over HTTP: what it says of it, and its logo for anybody."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Response

from app.api.authorise import caller
from app.api.dependencies import Service
from app.api.negotiation import matches
from app.api.openapi import problems
from app.api.schedule.page_bodies import PublicPage, PublicPageChanges
from app.auth.callers import Caller
from app.auth.roles import Scope
from app.domain.fields import TAG, PlatformId
from app.schedule.pages import page_settings

router = APIRouter(prefix="/public-page", tags=["schedule"])
of_anybody = APIRouter(prefix="/public/{business_id}", tags=["public"])
LogoTag = Annotated[str, Path(pattern=TAG, description="Of its bytes.")]
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_PICTURE: Final = {"schema": {"type": "string", "format": "binary"}}
# Should somebody open it as a page: it may do nothing there, whatever a browser takes it for.
_ALONE: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


@router.get("", summary="What the business says of its own page")
async def get_public_page(who: Annotated[Caller, caller()], service: Service) -> PublicPage:
    """Any key may ask."""
    settings = await page_settings.of_business(service.db, who.business_id)
    return PublicPage.of(who.business_id, settings)


@router.patch("", summary="Change the colour, the logo, or who may show the page")
async def change_public_page(
    body: PublicPageChanges,
    who: Annotated[Caller, caller(Scope.BUSINESS_MANAGE)],
    service: Service,
) -> PublicPage:
    """What is left out stays as it is. Anybody sees it within a minute."""
    changed = await page_settings.change(
        service.db, who.business_id, body.to_values(), by=who.actor
    )
    return PublicPage.of(who.business_id, changed)


@of_anybody.get(
    "/logo/{tag}",
    summary="The business's logo",
    response_class=Response,
    responses={
        200: {
            "description": "The picture.",
            "content": dict.fromkeys(("image/png", "image/jpeg", "image/webp"), _PICTURE),
            "headers": {"ETag": {"schema": {"type": "string"}, "required": True}},
        },
        304: {"description": "Not changed since the ETag."},
        **problems("business-suspended"),
    },
)
async def get_public_logo(
    business_id: PlatformId,
    tag: LogoTag,
    service: Service,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """For anybody, at the path that the schedule names: what is there never changes."""
    logo = await page_settings.logo(service.db, business_id, tag)
    etag = f'"{tag}"'
    headers = {"ETag": etag, "Cache-Control": _FOR_GOOD, "Content-Security-Policy": _ALONE}
    if matches(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(logo.content, headers=headers, media_type=logo.media_type)
