"""Row-level security on PostgreSQL: turned on by an operator.

A table's rows are seen and written by transactions of their business alone, and by transactions
across businesses as far as `_ACROSS_MAY` says. Its owner, who migrates, sees all where processes
have a role of their own; where they have not, the owner is held to it, too (ADR 0033).
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from app.db.core.engine import Database
from app.db.core.isolation import ACROSS, SETTING
from app.db.core.outage import is_unusable
from app.db.isolated import OF, TABLES
from app.db.tables import metadata

# Beside a parent that says whose a row is: for rows of builds that wrote no more than that.
_PARENTS: Final = {
    "old_key_secrets": ("api_keys", "key_id"),
    "job_overrides": ("jobs", "job_id"),
    "job_goodwill": ("jobs", "job_id"),
    "choices": ("jobs", "job_id"),
    "job_claims": ("jobs", "job_id"),
    "refund_history": ("refunds", "refund_id"),
    "webhook_secrets": ("webhook_endpoints", "endpoint_id"),
    "webhook_deliveries": ("webhook_endpoints", "endpoint_id"),
    "webhook_attempts": ("webhook_endpoints", "endpoint_id"),
}
_AT_ONCE: Final = 5_000
# What a role of the processes may do beside reading, where that is not all.
_MAY: Final = {
    "alembic_version": "",
    "schema_needs": "",
    "refund_history": "INSERT, UPDATE (failure_detail)",
    "administration": "INSERT",
    "evidence_links": "INSERT",
    "evidence_heads": "INSERT, UPDATE (links, head)",
    "platform_keys": "",
}
# What transactions across businesses may do beside reading: take what is due, forget what is old,
# and write what is of no business.
_ACROSS_MAY: Final = {
    "jobs": "UPDATE (due_at)",
    "client_erasures": "UPDATE (due_at)",
    "api_keys": "UPDATE (last_used_at)",
    "webhook_events": "DELETE",
    "webhook_deliveries": "DELETE",
    "ended_sign_ins": "INSERT, DELETE",
    "administration": "INSERT",
    "platform_keys": "INSERT, UPDATE",
}
_OWN: Final = "own_business"
_OWNERS: Final = "owner"
_SIXTEEN: Final = 160_000  # PostgreSQL's version from which a grant says whether it is inherited

# Roles are the server's: another of its databases may be isolated at the same time.
_UNLESS_THERE: Final = """
DO $$ BEGIN {make}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$
"""
# What isolates a table, as a hash of what was said; none where its owner was let in since.
_KEPT: Final = sa.text("""
SELECT c.relname, obj_description(p.oid, 'pg_policy') FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid AND c.relnamespace = 'public'::regnamespace
WHERE p.polname = 'own_business' AND c.relrowsecurity AND c.relforcerowsecurity
""")
# ANALYZE is its owner's: a young table is counted by this for those who own none.
_ANALYZE: Final = """
CREATE OR REPLACE FUNCTION count_table(young text) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF young NOT IN (SELECT relname FROM pg_class
                     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace) THEN
        RAISE EXCEPTION 'there is no such table';
    END IF;
    EXECUTE format('ANALYZE public.%I', young);
END $$
"""


class WrongRole(Exception):  # noqa: N818 - what the operator is told, in one line
    """Row-level security would not hold this role."""


async def isolate(db: Database, role: str | None) -> int:
    """Have PostgreSQL hold `role`, which the processes have; None: they have that of `db`.

    `db` has the role that owns the tables. Where the two are different, nothing changes for who
    goes on with the owner's. Returns how many rows of older builds were given their business.

    Raises:
        WrongRole: it would not be held, or may not do what this takes; nothing was changed but for
            rows that have their business now.
        sqlalchemy.exc.DBAPIError, OSError: the database can't be reached, or refuses.
    """
    async with db.read() as conn:
        await conn.run_sync(_require_fit, role)
    filled = [await _fill_in(db, table) for table in _PARENTS]
    async with db.write() as conn:
        await conn.run_sync(_require_roles, role)
        await conn.run_sync(_apply, role)
    return sum(filled)


def is_isolated(conn: sa.Connection) -> bool:
    """Whether it was turned on here, on PostgreSQL."""
    query = "SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('public.jobs')"
    return conn.dialect.name == "postgresql" and bool(conn.scalar(sa.text(query)))


def let_the_owner_in(conn: sa.Connection) -> None:
    """For a migration: until the transaction's end its owner sees all.

    Where the owner is held, too, a table's other callers wait until then.
    """
    query = f"""
SELECT relname FROM pg_class c WHERE relkind = 'r' AND relforcerowsecurity
  AND relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = '{_OWNERS}')
"""  # noqa: S608 - our own words
    for table in conn.scalars(sa.text(query)).all():
        conn.execute(sa.text(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY'))


def isolate_anew(conn: sa.Connection) -> None:
    """After a migration: what is new is isolated as the rest is."""
    query = """
SELECT DISTINCT rolname FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE c.oid = 'public.jobs'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> c.relowner
"""
    for role in conn.scalars(sa.text(query)).all() or [None]:
        _apply(conn, role)


def _require_fit(conn: sa.Connection, role: str | None) -> None:
    query = sa.text("""
SELECT rolname, rolsuper OR rolbypassrls AS bypasses,
  (SELECT bool_or(pg_has_role(r.oid, relowner, 'MEMBER')) FROM pg_class
   WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace) AS owns
FROM pg_roles r WHERE rolname = coalesce(:role, current_user)
""").bindparams(sa.bindparam("role", role, type_=sa.Text))
    found = conn.execute(query).one_or_none()
    if found is None:
        raise WrongRole(f"There is no role {role}. Make one: CREATE ROLE {role} LOGIN PASSWORD …")
    if found.bypasses:
        raise WrongRole(
            f"The role {found.rolname} is a superuser or has BYPASSRLS: it sees all, whatever the "
            "policies say. Give the processes one that is neither"
        )
    if role is not None and found.owns:
        raise WrongRole(
            f"The role {role} owns the tables, or is a member of who does: it could change the "
            "policies. Give the processes one that owns nothing, or leave --role out"
        )
    if role is None and not found.owns:
        raise WrongRole(f"The role {found.rolname} does not own the tables: run it as who does")


async def _fill_in(db: Database, table: str) -> int:
    """Give rows of older builds their business, some in each transaction; how many."""
    parent, column = _PARENTS[table]
    statement = sa.text(f"""
UPDATE {table} AS child SET business_id = parent.business_id FROM {parent} AS parent
WHERE parent.id = child.{column} AND child.ctid = ANY (ARRAY(
  SELECT ctid FROM {table} WHERE business_id IS NULL LIMIT {_AT_ONCE} FOR UPDATE SKIP LOCKED))
""")  # noqa: S608 - our own words
    done = 0
    while True:
        async with db.write() as conn:
            count = (await conn.execute(statement)).rowcount
        done += count
        if not count:
            return done


def _require_roles(conn: sa.Connection, role: str | None) -> None:
    """Make the role of transactions across businesses, and let processes take it by name alone."""
    name = conn.scalar(sa.text("SELECT quote_ident(coalesce(:role, current_user))"), {"role": role})
    by_name = " WITH INHERIT FALSE, SET TRUE" if _version(conn) >= _SIXTEEN else ""
    needed = [f"GRANT {ACROSS} TO {name}{by_name}"]
    if not by_name:
        # Else who owns the database could make no table in it any more.
        needed = [f"GRANT USAGE ON SCHEMA public TO {name}", *needed]
        needed.append(f"ALTER ROLE {name} NOINHERIT")
        if role is None:
            needed.insert(0, f"GRANT CREATE ON SCHEMA public TO {name}")
    exists = conn.scalar(sa.text("SELECT to_regrole(:name) IS NOT NULL"), {"name": ACROSS})
    if exists and _takes_by_name(conn, role):
        return
    make = f"CREATE ROLE {ACROSS} NOLOGIN"
    try:
        if not exists:
            conn.execute(sa.text(_UNLESS_THERE.format(make=make)))
        for statement in needed:
            conn.execute(sa.text(statement))
    except sa.exc.DBAPIError as error:
        if not is_unusable(error):
            raise
        raise WrongRole(
            "This role may make no roles. Have an administrator of the server say, in this "
            f"database: {'; '.join(needed if exists else [make, *needed])}"
        ) from error
    if not _takes_by_name(conn, role):
        raise WrongRole(f"The role {name} would have the rights of {ACROSS} all the time")


def _takes_by_name(conn: sa.Connection, role: str | None) -> bool:
    query = """
SELECT pg_has_role(coalesce(:role, current_user), :across, 'MEMBER')
  AND NOT pg_has_role(coalesce(:role, current_user), :across, 'USAGE')
"""
    return bool(conn.scalar(sa.text(query), {"role": role, "across": ACROSS}))


def _version(conn: sa.Connection) -> int:
    return int(conn.scalar(sa.text("SELECT current_setting('server_version_num')")) or 0)


def _apply(conn: sa.Connection, role: str | None) -> None:
    """Grant and isolate; what is so already is left, and nobody waits for its table."""
    owner = str(conn.scalar(sa.text("SELECT quote_ident(current_user)")))
    name = None
    if role is not None:
        name = str(conn.scalar(sa.text("SELECT quote_ident(:role)"), {"role": role}))
    for statement in _grants(name):
        conn.execute(sa.text(statement))
    kept = dict(map(tuple, conn.execute(_KEPT).all()))
    for table in TABLES:
        rules = [*_policies(table, None if role is None else owner)]
        print_of = hashlib.sha256("\n".join(rules).encode()).hexdigest()[:16]
        if kept.get(table) == print_of:
            continue
        for statement in rules:
            conn.execute(sa.text(statement))
        conn.execute(sa.text(f"COMMENT ON POLICY {_OWN} ON {table} IS '{print_of}'"))


def _grants(role: str | None) -> Iterator[str]:
    yield _ANALYZE
    yield "REVOKE ALL ON FUNCTION count_table(text) FROM PUBLIC"
    for who, may in ((role, _MAY), (ACROSS, _ACROSS_MAY)):
        if who is None:
            continue
        yield f"GRANT USAGE ON SCHEMA public TO {who}"
        for table in (*metadata.tables, "alembic_version"):
            usual = "INSERT, UPDATE, DELETE" if who == role else ""
            allowed = ", ".join(filter(None, ("SELECT", may.get(table, usual))))
            yield f"GRANT {allowed} ON {table} TO {who}"
    if role is not None:
        yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
        yield f"GRANT EXECUTE ON FUNCTION count_table(text) TO {role}"


def _policies(table: str, owner: str | None) -> Iterator[str]:
    of = OF[table]
    # IS TRUE keeps it from being what an index is searched by: of a business that is new since its
    # tables were counted the planner supposes one row, and would read all of it for each claim.
    mine = f"{of} = current_setting('{SETTING}', true)"
    yield from _policy(_OWN, table, f"USING (({mine}) IS TRUE)")
    yield from _policy("across_reads", table, f"FOR SELECT TO {ACROSS} USING (true)")
    may = _ACROSS_MAY.get(table, "")
    if "UPDATE" in may:
        yield from _policy("across_takes", table, f"FOR UPDATE TO {ACROSS} USING (true)")
    if "DELETE" in may:
        yield from _policy("across_forgets", table, f"FOR DELETE TO {ACROSS} USING (true)")
    if "INSERT" in may:
        of_none = f"FOR INSERT TO {ACROSS} WITH CHECK ({of} IS NULL)"
        yield from _policy("across_writes", table, of_none)
    yield f"DROP POLICY IF EXISTS {_OWNERS} ON {table}"
    if owner is not None:
        yield f"CREATE POLICY {_OWNERS} ON {table} TO {owner} USING (true)"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"


def _policy(name: str, table: str, rule: str) -> Iterator[str]:
    yield f"DROP POLICY IF EXISTS {name} ON {table}"
    yield f"CREATE POLICY {name} ON {table} {rule}"
