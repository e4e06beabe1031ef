"""What a caller would rather have, JSON or another form, and what it has already.

By its `Accept`, its `Accept-Encoding`, and its `If-None-Match`.
"""

import hashlib
import re
from typing import Final

# None of our own tags ends so.
_PACKED: Final = re.compile(r'-(?:gzip|br|zstd)"$')


def prefers_csv(accept: str | None) -> bool:
    """Whether `text/csv` is asked for at least as much as JSON is (RFC 9110 §12.5.1)."""
    weights = _weights(accept)
    csv = weights.get("text/csv", 0.0)
    return csv > 0 and csv >= weights.get("application/json", 0.0)


def prefers_json(accept: str | None) -> bool:
    """Whether JSON is asked for by its name, and more than `text/event-stream` is."""
    weights = _weights(accept)
    return weights.get("application/json", 0.0) > weights.get("text/event-stream", 0.0)


def takes_gzip(accept_encoding: str | None) -> bool:
    """Whether `gzip` is taken, by its name (RFC 9110 §12.5.3)."""
    return _weights(accept_encoding).get("gzip", 0.0) > 0


def _weights(accept: str | None) -> dict[str, float]:
    weights = {}
    for item in (accept or "").split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        weights[media_type] = _weight(parameters)
    return weights


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
    """Whether the caller's tags name this one (weak comparison, as RFC 9110 §13.1.2 has it).

    A proxy that packs an answer on its way gives it a tag of its own: Apache puts `-gzip` within
    the quotes (its default, `DeflateAlterETag AddSuffix`), and asks here by that.
    """
    tags = [_PACKED.sub('"', _opaque(tag)) for tag in (if_none_match or "").split(",")]
    return _opaque(etag) in tags or tags == ["*"]


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
