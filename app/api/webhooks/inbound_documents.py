"""What the OpenAPI document says of every route that takes hooks."""

from typing import Any, Final

from fastapi import Response

from app.api.openapi import problems

HookProblem = tuple[int, str, str, str]  # status, slug, title, detail


def header(name: str, description: str, example: str) -> dict[str, Any]:
    """A header that a hook must have."""
    about = {"description": description, "schema": {"type": "string"}, "example": example}
    return {"name": name, "in": "header", "required": True} | about


def _refusal(status: int, slug: str, title: str, detail: str) -> dict[int | str, dict[str, Any]]:
    [(_, response)] = problems(slug).items()
    [content] = response["content"].values()
    content["example"] = {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    return {status: response}


def documented(
    not_configured: HookProblem,
    signature_invalid: HookProblem,
    parameters: list[dict[str, Any]],
    content: dict[str, Any],
) -> dict[str, Any]:
    """What a hook's route passes to its decorator; `content` is its body, by media type."""
    return {
        "status_code": 204,
        "response_class": Response,
        "responses": {
            204: {"description": "Heard; or not for us, or heard before."},
            **_refusal(*not_configured),
            **_refusal(*signature_invalid),
            **problems(503),
        },
        "openapi_extra": {
            "parameters": parameters,
            "requestBody": {"required": True, "content": content},
        },
    }


def not_configured(setting: str) -> HookProblem:
    """404: the secret that such hooks are checked with is not set."""
    detail = f"No hooks are taken here: BULK_CANCEL_{setting} is not set."
    return 404, "hooks-not-configured", "Hooks are not configured", detail


# A sender may say more than is read.
OBJECT: Final = {"type": "object", "additionalProperties": True}
TYPE: Final = {
    "type": "string",
    "minLength": 1,
    "description": "Others are answered 204, and not read further.",
}
NOT_CONFIGURED: Final = not_configured("HOOKS_SECRET")
_SIGNATURE: Final = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="
SIGNED_HEADERS: Final = [
    header(
        "webhook-id",
        "The event's id, the same over all attempts.",
        "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
    ),
    header("webhook-timestamp", "Seconds since 1970, within 300 of our clock.", "1795413600"),
    header(
        "webhook-signature",
        "`v1,` and the signature in base64; several, with spaces between.",
        _SIGNATURE,
    ),
]
