"""What a caller can be told: every refusal is a `Problem`, and changes nothing.

Each has a stable type.

```
Problem
├── Invalid                 422 validation (one FieldError each)
├── NotFound                404 not-found
├── Unauthenticated         401 unauthenticated
├── MissingScope            403 missing-scope
├── Suspended               403 business-suspended
└── Conflict and the rest   constructed by slug through `Problem` itself
```
The shape is RFC 9457; `app/api/layers/problems.py` alone turns one into a response.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field at fault.

    `pointer` is a JSON Pointer (RFC 6901) into the body, or `?name` for a query parameter.
    """

    pointer: str
    code: str
    detail: str


class Stopping(Exception):  # noqa: N818 - no error: it is on purpose
    """The server stops: what it is answering will not be whole."""


class Problem(Exception):  # noqa: N818 - RFC 9457's word, and what callers read
    """A refusal that a caller can act on."""

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        extensions: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`slug` becomes `type: /problems/<slug>`.

        `extensions` are further members of the document.
        """
        super().__init__(f"{slug}: {detail}")
        self.status = status
        self.slug = slug
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})


class Invalid(Problem):
    """The request is well formed but asks for what can't be.

    At least one field is named.
    """

    def __init__(self, errors: Sequence[FieldError], detail: str | None = None) -> None:
        n = len(errors)
        super().__init__(
            422,
            "validation",
            "The request is not valid",
            detail or (errors[0].detail if n == 1 else f"{n} fields are at fault; see errors."),
            errors=errors,
        )


class NotFound(Problem):
    """No such thing, or another business's: the two answers are the same to the letter."""

    def __init__(self, what: str) -> None:
        super().__init__(404, "not-found", "Not found", f"There is no such {what}.")


class Unauthenticated(Problem):
    """No caller could be made out."""

    def __init__(self, detail: str, *, error: str | None = None) -> None:
        """`error`: what was wrong with what was sent, by RFC 6750 §3.1."""
        challenge = 'Bearer realm="bulk-cancel"'
        super().__init__(
            401,
            "unauthenticated",
            "A valid API key or access token is needed",
            detail,
            headers={"WWW-Authenticate": f'{challenge}, error="{error}"' if error else challenge},
        )


class MissingScope(Problem):
    """The caller is known but may not do this."""

    def __init__(self, scope: str) -> None:
        super().__init__(
            403,
            "missing-scope",
            "The key lacks a scope",
            f"This call needs the scope {scope}.",
            extensions={"scope": scope},
            headers={
                "WWW-Authenticate": (
                    f'Bearer realm="bulk-cancel", error="insufficient_scope", scope="{scope}"'
                )
            },
        )


class Suspended(Problem):
    """The business is known, and its operator has put it out of service."""

    def __init__(self, because: str | None = None) -> None:
        """`because`: for callers of the business alone, never for anybody."""
        said = "Its operator has suspended this business"
        super().__init__(
            403,
            "business-suspended",
            "The business is suspended",
            f"{said}." if because is None else f"{said}: {because}",
        )
