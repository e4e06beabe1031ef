"""The defects that `make mutants` seeds in who stands above businesses, and in suspending them."""

from mutants.defects import Defect, defect

ROUTES = "tests/contract/test_every_route.py"
DEEDS = "tests/integration/platform/test_administration.py"
SUSPENDED = "tests/integration/platform/test_suspended.py"
BUSINESSES = "tests/integration/platform/test_businesses.py"
OPERATORS = "tests/integration/people/test_operators.py"
COMMANDS = "tests/acceptance/test_cli_businesses.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "platform: an operator is let into what is in a business",
        "app/api/authorise.py",
        "elif not operation.is_platforms:",
        "elif not operation.scopes:",
        ROUTES,
    ),
    defect(
        "platform: a revoked key goes on",
        "app/auth/platform/keys.py",
        "or not is_its or row.revoked_at is not None:",
        "or not is_its:",
        COMMANDS,
    ),
    defect(
        "platform: any secret opens a key",
        "app/auth/platform/keys.py",
        "or not is_its or",
        "or",
        ROUTES,
    ),
    defect(
        "platform: an expired key goes on",
        "app/auth/platform/keys.py",
        "    if seconds <= 0:\n",
        "    if False:\n",
        ROUTES,
    ),
    defect(
        "platform: whoever has any role at the issuer is an operator",
        "app/auth/persons.py",
        "if role is None or role not in _words",
        "if role is None or not _words",
        OPERATORS,
    ),
    defect(
        "platform: an operator's token is not narrowed by its scopes",
        "app/auth/persons.py",
        "    if settings.jwt_scopes_claim is None:\n        return True\n",
        "    return True\n",
        OPERATORS,
    ),
    defect(
        "platform: a role of businesses may be the operators'",
        "app/auth/people.py",
        "if settings.jwt_platform_role in set(Role):",
        "if settings.jwt_platform_role in ():",
        OPERATORS,
    ),
    defect(
        "platform: a suspended business's keys go on",
        "app/auth/keys.py",
        "    if row.suspended_at is not None:\n",
        "    if False:\n",
        SUSPENDED,
    ),
    defect(
        "platform: a suspended business's persons go on",
        "app/auth/people.py",
        "await businesses.in_service(conn, person.business_id, tells_why=True)",
        "await businesses.get(conn, person.business_id)",
        OPERATORS,
    ),
    defect(
        "platform: a process that believes a caller accepts for a suspended business",
        "app/cancellation/accept.py",
        "    if own.is_suspended:",
        "    if False:",
        SUSPENDED,
    ),
    defect(
        "platform: who was known goes on where their business was suspended",
        "app/auth/platform/businesses.py",
        "    doubt(db, lambda one: isinstance(one, Caller) and one.business_id == business_id)\n",
        "",
        SUSPENDED,
    ),
    defect(
        "platform: anybody reads why a business is suspended",
        "app/db/access/businesses.py",
        "raise Suspended(because if tells_why else None)",
        "raise Suspended(because)",
        BUSINESSES,
    ),
    defect(
        "platform: anybody sees a suspended business's schedule for as long as it is kept",
        "app/db/access/businesses.py",
        "    changes.note_schedule(business_id)\n    since",
        "    since",
        BUSINESSES,
    ),
    defect(
        "administration: what was written down may be changed",
        "migrations/versions/0038_administration.py",
        'for verb in ("UPDATE", "DELETE"):',
        "for verb in ():",
        DEEDS,
    ),
    defect(
        "administration: a business reads what was done to all",
        "app/db/access/administration.py",
        "    if business_id is not None:\n",
        "    if False:\n",
        DEEDS,
    ),
    defect(
        "administration: an endpoint's whole address is written down",
        "app/webhooks/manage/endpoints.py",
        'f"{place.scheme}://{place.hostname} ({print_of})"',
        "endpoint.url",
        DEEDS,
    ),
    defect(
        "administration: a rotation is not written down",
        "app/auth/rotation.py",
        "    await administration.record(conn, by, deed)\n",
        "",
        DEEDS,
    ),
    defect(
        "administration: who asks from where is not known",
        "app/api/authorise.py",
        'if scope["method"] not in _SAFE:',
        "if not scope:",
        DEEDS,
    ),
)
