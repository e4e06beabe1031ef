"""The defects that `make mutants` seeds in who may do what."""

from mutants.defects import Defect, defect

ROLES = "tests/unit/test_roles.py"
MANAGE = "tests/integration/test_manage_keys.py"
PAGES = "tests/integration/test_pages.py"
LOGS = "tests/integration/test_caller_logs.py"
ENDS = "tests/integration/test_key_ends.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "roles: finance cancels sessions",
        "app/auth/roles.py",
        "Role.FINANCE: _READS | {Scope.AUDIT_READ",
        "Role.FINANCE: _READS | {Scope.CANCELLATIONS_WRITE, Scope.AUDIT_READ",
        ROLES,
    ),
    defect(
        "roles: who only reads sees names of clients",
        "app/auth/roles.py",
        "Role.READ_ONLY: _READS",
        "Role.READ_ONLY: _READS | {Scope.AUDIT_READ}",
        ROLES,
    ),
    defect(
        "keys: one that has expired is in force",
        "app/auth/keys.py",
        "    if seconds <= 0:\n",
        "    if False:\n",
        ENDS,
    ),
    defect(
        "keys: one is believed beyond its end",
        "app/auth/keys.py",
        "return caller, min(seconds, BELIEVED_SECONDS)",
        "return caller, BELIEVED_SECONDS",
        ENDS,
    ),
    defect(
        "keys: a secret from before is taken for good",
        "app/auth/keys.py",
        "None if is_current else row.old_secret_ends_at)",
        "None)",
        ENDS,
    ),
    defect(
        "keys: a secret from before opens every key",
        "app/db/access/keys.py",
        '_OLD.key_id == api_keys.c.id, _OLD.secret_hash == sa.bindparam("shown_hash")',
        '_OLD.secret_hash == sa.bindparam("shown_hash")',
        ENDS,
    ),
    defect(
        "keys: a rotation without an overlap leaves the others",
        "app/db/access/keys.py",
        "    await conn.execute(sa.delete(old_key_secrets).where(gone))\n    if",
        "    if",
        ENDS,
    ),
    defect(
        "keys: a use is written as often as it is noted",
        "app/auth/last_use.py",
        "if last is None or at - last >= APART:",
        "if True:",
        ENDS,
    ),
    defect(
        "keys: what was noted is lost when a process stops",
        "app/services.py",
        "            close=partial(last_use.write_noted, db),\n",
        "",
        ENDS,
    ),
    defect(
        "keys: who makes one gives it what they may not do",
        "app/auth/manage.py",
        '    _need_all(who, granted(new.role, " ".join(new.scopes)))\n',
        "",
        MANAGE,
    ),
    defect(
        "keys: who manages one gets hold of what they may not do",
        "app/auth/manage.py",
        "    _need_all(who, granted(key.role, key.scopes))\n",
        "",
        MANAGE,
    ),
    defect(
        "keys: the last that manages keys may go",
        "app/auth/manage.py",
        "if managing == [key_id]:",
        "if False:",
        MANAGE,
    ),
    defect(
        "keys: two managers revoke each other",
        "app/auth/manage.py",
        "        await businesses.hold(conn, who.business_id)\n        key = await _existing(",
        "        key = await _existing(",
        MANAGE,
    ),
    defect(
        "keys: a request that is sent again makes another",
        "app/auth/manage.py",
        "if before is not None:",
        "if before is not None and False:",
        MANAGE,
    ),
    defect(
        "keys: a revoked one is changed, and rotated",
        "app/auth/manage.py",
        "    if key.revoked_at is not None:\n",
        "    if False:\n",
        MANAGE,
    ),
    defect(
        "keys: one of another business is found",
        "app/db/access/keys.py",
        "_SHOWN.where(api_keys.c.business_id == business_id, api_keys.c.id == key_id)",
        "_SHOWN.where(api_keys.c.id == key_id)",
        MANAGE,
    ),
    defect(
        "demo: its key is given to whoever loads a page",
        "app/api/pages/pages.py",
        "here if is_this_machine(request) else elsewhere",
        "here if request else elsewhere",
        PAGES,
    ),
    defect(
        "logs: who lacks a scope is named by no line",
        "app/api/authorise.py",
        "bind_contextvars(caller=who.logged_as)",
        "bind_contextvars()",
        LOGS,
    ),
    defect(
        "logs: a person's id is in them",
        "app/auth/callers.py",
        "return self.kind if self.kind is CallerKind.PERSON else self.counted_as",
        "return self.counted_as",
        ROLES,
    ),
)
