"""What a caller would rather have, CSV or JSON, and what it has already.

By its `Accept`, and its `If-None-Match`.
"""

import hashlib


def prefers_csv(accept: str | None) -> bool:
    """Whether `text/csv` is asked for at least as much as JSON is (RFC 9110 §12.5.1)."""
    weights = {"text/csv": 0.0, "application/json": 0.0}
    for item in (accept or "").split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        if media_type in weights:
            weights[media_type] = _weight(parameters)
    return weights["text/csv"] > 0 and weights["text/csv"] >= weights["application/json"]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def etag_of(body: bytes) -> str:
    """A strong entity tag of the body."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str | None, etag: str) -> bool:
    """Whether the caller's tags name this one (weak comparison, as RFC 9110 §13.1.2 has it)."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]
