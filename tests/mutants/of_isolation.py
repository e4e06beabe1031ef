"""The defects of isolation: businesses that PostgreSQL was to keep apart, and doesn't."""

from mutants.defects import Defect, defect

WHOSE = "tests/integration/isolation/test_whose_rows.py"
ISOLATED = "tests/integration/isolation/test_isolated.py"
ISOLATING = "tests/integration/isolation/test_isolating.py"
DATABASES = "tests/acceptance/test_cli_databases.py"
SEES_ONE = f"{ISOLATED}::test_a_statement_without_its_where_sees_rows_of_one_business"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "isolation: a choice does not say whose it is",
        "app/db/refunds/choices.py",
        'made | {"business_id": business_id}',
        "made",
        WHOSE,
    ),
    defect(
        "isolation: a claim is counted without its business",
        "app/db/refunds/claims.py",
        "  INSERT INTO job_claims AS c (job_id, method, claims, business_id)\n"
        "  SELECT job_id, CAST(:method AS varchar), 1, business_id FROM",
        "  INSERT INTO job_claims AS c (job_id, method, claims)\n"
        "  SELECT job_id, CAST(:method AS varchar), 1 FROM",
        WHOSE,
    ),
    defect(
        "isolation: a row of the history may be given another business",
        "migrations/versions/0047_whose_rows.py",
        "    IF OLD.business_id IS NULL AND NEW.business_id IS NOT NULL THEN\n",
        "    IF NEW.business_id IS DISTINCT FROM OLD.business_id THEN\n",
        WHOSE,
    ),
    defect(
        "isolation: PostgreSQL fills in no business for an older build",
        "migrations/versions/0047_whose_rows.py",
        "    for table, name in _TABLES.items():\n"
        "        op.execute(_TRIGGER.format(table=table, name=name))\n",
        "",
        WHOSE,
    ),
    defect(
        "isolation: a transaction goes across businesses without saying so",
        "app/db/core/isolation.py",
        "    if across:\n",
        "    if True:\n",
        SEES_ONE,
    ),
    defect(
        "isolation: a task goes over to another business",
        "app/db/core/isolation.py",
        "        raise OtherBusiness\n",
        "        pass\n",
        f"{ISOLATED}::test_what_works_for_one_business_does_not_go_on_for_another",
    ),
    defect(
        "isolation: the business is the session's, which a pooler lends on",
        "app/db/core/isolation.py",
        'return f"SET LOCAL {SETTING} =',
        'return f"SET {SETTING} =',
        f"{ISOLATING}::test_what_one_transaction_said_is_not_the_next_ones",
    ),
    defect(
        "isolation: reads outside a transaction say no business",
        "app/db/core/engine.py",
        "self.is_postgresql and prepared_statements and not isolated",
        "self.is_postgresql and prepared_statements",
        SEES_ONE,
    ),
    defect(
        "isolation: the looks across businesses may write what they read",
        "app/db/isolate.py",
        '    "jobs": "UPDATE (due_at)",\n',
        '    "jobs": "UPDATE",\n',
        f"{ISOLATED}::test_across_businesses_all_is_read_and_next_to_nothing_is_written",
    ),
    defect(
        "isolation: the processes' role may change administration",
        "app/db/isolate.py",
        '    "administration": "INSERT",\n    "evidence_links": "INSERT",\n',
        '    "evidence_links": "INSERT",\n',
        f"{ISOLATED}::test_the_role_of_the_processes_can_switch_nothing_off",
    ),
    defect(
        "isolation: one table is left open",
        "app/db/isolated.py",
        "TABLES: Final = tuple(sorted(OF))",
        'TABLES: Final = tuple(sorted(OF.keys() - {"choices"}))',
        f"{ISOLATING}::test_every_table_with_a_business_is_isolated",
    ),
    defect(
        "isolation: a policy is what an index is searched by",
        "app/db/isolate.py",
        'f"USING (({mine}) IS TRUE)"',
        'f"USING ({mine})"',
        f"{ISOLATING}::test_no_index_is_searched_by_a_policy",
    ),
    defect(
        "isolation: who owns the tables is not held",
        "app/db/isolate.py",
        "ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "ENABLE ROW LEVEL SECURITY",
        f"{ISOLATING}::test_a_single_role_is_held_too_though_it_owns_the_tables",
    ),
    defect(
        "isolation: who goes on with the owner's role sees nothing",
        "app/db/isolate.py",
        '        yield f"CREATE POLICY {_OWNERS} ON {table} TO {owner} USING (true)"\n',
        '        yield "SELECT 1"\n',
        f"{ISOLATING}::test_who_goes_on_with_the_owners_role_notices_nothing",
    ),
    defect(
        "isolation: a migration by a single role changes no row",
        "app/db/isolate.py",
        "        conn.execute(sa.text(f'ALTER TABLE \"{table}\" NO FORCE ROW LEVEL SECURITY'))\n",
        "        pass\n",
        f"{ISOLATING}::test_a_migration_by_a_single_role_changes_rows_and_holds_it_again",
    ),
    defect(
        "isolation: what a revision adds is open",
        "migrations/env.py",
        "            isolate_anew(connection)\n",
        "            pass\n",
        f"{ISOLATING}::test_what_a_migration_adds_is_isolated_as_the_rest_is",
    ),
    defect(
        "isolation: a superuser is taken for held",
        "app/db/isolate.py",
        "    if found.bypasses:\n",
        "    if False:\n",
        f"{ISOLATING}::test_who_would_not_be_held_is_refused",
    ),
    defect(
        "isolation: a process whose role sees all is ready",
        "app/db/isolated.py",
        "        return self.is_whole if wanted else not self.held",
        "        return True",
        f"{ISOLATING}::test_a_process_that_has_it_otherwise_than_its_role_is_unready",
    ),
    defect(
        "isolation: rows of older builds keep no business",
        "app/db/isolate.py",
        "        done += count\n        if not count:",
        "        done += count\n        if True:",
        f"{ISOLATING}::test_rows_of_older_builds_are_given_their_business",
    ),
    defect(
        "isolation: no young table is counted for who owns none",
        "app/db/core/statistics.py",
        '            await conn.execute(sa.text("SELECT count_table(:name)"), {"name": name})\n',
        "            pass\n",
        f"{ISOLATING}::test_young_tables_are_counted_for_a_role_that_owns_none",
    ),
    defect(
        "isolation: secrets are encrypted anew of no business",
        "app/cli/secrets.py",
        "if db.is_isolated else",
        "if False else",
        DATABASES,
    ),
)
