"""The identity provider's back channel: whose sign-in has ended (Back-Channel Logout 1.0).

It has no key: it signs. What it sends is counted by address where it is not valid, as wrong keys
are.
"""

from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.status import HTTP_200_OK

from app.api.dependencies import Service
from app.api.layers.client_links import count_wrong
from app.api.openapi import problems
from app.auth.logout_tokens import invalid_logout
from app.auth.people import People
from app.errors import Problem, Unauthenticated

router = APIRouter(prefix="/hooks", tags=["hooks"])

_FORM: Final = "application/x-www-form-urlencoded"
_BODY: Final = {
    "required": True,
    "content": {
        _FORM: {
            "schema": {
                "type": "object",
                "required": ["logout_token"],
                "properties": {
                    "logout_token": {
                        "type": "string",
                        "description": "A signed JWT for the console's client (§2.4).",
                    }
                },
            }
        }
    },
}


@router.post(
    "/logout",
    status_code=HTTP_200_OK,
    summary="The identity provider's word that somebody has signed out",
    response_class=Response,
    responses={
        200: {"description": "Their tokens are refused from now on."},
        **problems("logout-token-invalid", "sign-in-not-configured", "too-many-requests", 503),
    },
    openapi_extra={"requestBody": _BODY},
)
async def receive_logout(request: Request, service: Service) -> Response:
    """OpenID Connect Back-Channel Logout 1.0.

    Tokens of the session that it names, or of all of the subject's, are refused within 12 s if
    they were issued until then, and streams that they opened end within 30 s.
    """
    people: People | None = request.app.state.people
    if people is None:
        raise Problem(
            404,
            "sign-in-not-configured",
            "Nobody signs in here",
            "No identity provider is configured: BULK_CANCEL_JWT_ISSUER is not set.",
        )
    try:
        await people.log_out(service.db, _token_in(await request.body()))
    except (Problem, Unauthenticated) as refusal:
        if refusal.slug not in {"logout-token-invalid", "unauthenticated"}:
            raise
        await count_wrong(request, service.settings)
        raise invalid_logout(refusal.detail) from None
    return Response(headers={"Cache-Control": "no-store"})


def _token_in(body: bytes) -> str:
    try:
        given = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        given = {}
    tokens = given.get("logout_token", [])
    if len(tokens) != 1:
        raise invalid_logout("Send one logout_token, as a form.")
    return tokens[0]
