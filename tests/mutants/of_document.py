"""The defects that `make mutants` seeds in the OpenAPI document."""

from mutants.defects import Defect, defect

DOCUMENT = "tests/contract/test_document.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "events share the tag of the calls about endpoints",
        "app/api/webhooks/event_documents.py",
        '"tags": ["events"]',
        '"tags": ["webhooks"]',
        DOCUMENT,
    ),
    defect(
        "a constant is said as const alone",
        "app/api/openapi.py",
        "    _name_constants(document)\n    return document",
        "    return document",
        DOCUMENT,
    ),
    defect(
        "a type that is only null",
        "app/api/webhooks/event_documents.py",
        'failure_code: str | None = Field(description="Always null here.")',
        'failure_code: None = Field(description="Always null here.")',
        DOCUMENT,
    ),
    defect(
        "an open call does not say that it needs no key",
        "app/api/openapi.py",
        '    operation.setdefault("security", [])',
        '    operation.get("security", [])',
        DOCUMENT,
    ),
)
