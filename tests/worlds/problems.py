"""Refusals as every answer has them (RFC 9457): what each must say."""

from app.api.layers.problems import MEDIA_TYPE


def problem(answer, status, slug):
    """The document of a refusal of this type."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    document = answer.json()
    assert (document["type"], document["status"]) == (f"/problems/{slug}", status)
    assert document["title"]
    assert document["detail"]
    return document


def refused_at(answer, status, pointer, body):
    """A body is refused, and of a 422 this field alone is at fault."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, MEDIA_TYPE), body
    pointers = [error["pointer"] for error in answer.json().get("errors", ())]
    assert pointers == ([pointer] if status == 422 else []), body
