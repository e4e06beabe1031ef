"""The header `Idempotency-Key`, which makes two tries of a request one."""

from collections.abc import Sequence
from typing import Any, Final

from app.errors import FieldError, Invalid, Problem

_MAX_KEY: Final = 255


def key_parameter(description: str) -> dict[str, Any]:
    """The header as the document has it.

    By hand, because FastAPI would answer a required header that is missing as 422, and the contract
    says 400.
    """
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": description,
        "schema": {
            "type": "string",
            "maxLength": _MAX_KEY,
            "pattern": "^[!-~]([ -~]*[!-~])?$",
        },
    }


def checked_key(keys: Sequence[str]) -> str:
    """The key of a request that came with these headers of that name.

    Raises:
        Problem: 400 `idempotency-key-missing`.
        Invalid: the key is none, or there are two.
    """
    key = keys[0] if keys else ""
    if len(set(keys)) > 1:
        raise Invalid(
            [FieldError("header:Idempotency-Key", "repeated", "Two different keys are given.")]
        )
    if not key:
        raise Problem(
            400,
            "idempotency-key-missing",
            "The Idempotency-Key header is missing",
            (
                "Send a header Idempotency-Key of 1 to 255 characters, new for each thing that is "
                "asked for, the same for each try."
            ),
        )
    if len(key) > _MAX_KEY or not key.isprintable() or not key.isascii():
        detail = "Must be 1 to 255 printable ASCII characters."
        raise Invalid([FieldError("header:Idempotency-Key", "idempotency-key", detail)])
    return key
