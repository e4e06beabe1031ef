"""The defects that `make mutants` seeds in zones, hours, revisions and the calendar feed."""

from mutants.defects import Defect, defect

RULES = "tests/acceptance/test_zone_rules.py"
ZONES = "tests/unit/test_zones.py"
CLOCKS = "tests/integration/schedule/test_schedule_local_times.py"
FEED = "tests/integration/schedule/test_schedule_feed.py"
PUBLIC = "tests/integration/schedule/test_schedule_public.py"
MIGRATED = "tests/integration/test_hours_and_revisions.py"
AUDIT = "tests/integration/schedule/test_schedule_zones.py"
DAYS = "tests/unit/test_days.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "time: the machine's zone files decide, however old",
        "app/domain/zones.py",
        "        zoneinfo.reset_tzpath(())\n",
        "        pass\n",
        f"{RULES}::test_wherever_a_process_starts_the_newer_rules_decide",
        f"{RULES}::test_every_answer_agrees_on_a_machine_with_old_zone_files",
    ),
    defect(
        "time: the package decides, however new the machine's files",
        "app/domain/zones.py",
        "if machine is not None and age(machine) > age(package):",
        "if machine is None:",
        ZONES,
    ),
    defect(
        "time: releases order as text",
        "app/domain/zones.py",
        "return int(release[:4]), len(release), release",
        "return int(release[:4]), 0, release[:5]",
        ZONES,
    ),
    defect(
        "time: a directory that does not say its release is passed over",
        "app/domain/zones.py",
        "if known and len(known) == len(found) else None",
        "if known else None",
        ZONES,
    ),
    defect(
        "time: zones are made before the rules are decided",
        "app/__init__.py",
        "import app.domain.zones  # noqa: F401",
        "import app.errors  # noqa: F401",
        f"{RULES}::test_wherever_a_process_starts_the_newer_rules_decide",
    ),
    defect(
        "time: names of machines are taken as zones",
        "app/domain/zones.py",
        'return zone_named(name) if name == "UTC" or _REGION.fullmatch(name) else None',
        "return zone_named(name)",
        ZONES,
        CLOCKS,
    ),
    defect(
        "time: localtime is a zone where the machine has it",
        "app/domain/zones.py",
        "if not _NO_ZONES.fullmatch(name)",
        "if True",
        ZONES,
    ),
    defect(
        "time: a session is grouped under its own day",
        "app/domain/days.py",
        "        business_starts[:_DAY],\n",
        "        starts[:_DAY],\n",
        DAYS,
        CLOCKS,
    ),
    defect(
        "time: the offset is that of the end",
        "app/domain/days.py",
        '(instant.astimezone(zone).isoformat(timespec="seconds") for instant in (starts_at, ends_at))\n    local',
        '(instant.astimezone(zone).isoformat(timespec="seconds") for instant in (ends_at, ends_at))\n    local',
        DAYS,
    ),
    defect(
        "time: a session whose zone is none says that it is known",
        "app/api/schedule/schedule_answers.py",
        "| times._asdict()",
        '| times._asdict() | {"timezone_known": True}',
        CLOCKS,
    ),
    defect(
        "time: an acceptance is no revision",
        "app/db/jobs/acceptances.py",
        "    revision = s.revision + 1, changed_at",
        "    revision = s.revision + 0, changed_at",
        f"{FEED}::test_each_change_that_calendars_show_is_a_revision_and_the_count_only_grows",
    ),
    defect(
        "time: an acceptance is no revision, on SQLite",
        "app/db/jobs/acceptances.py",
        "  revision = revision + 1, changed_at",
        "  revision = revision + 0, changed_at",
        f"{FEED}::test_each_change_that_calendars_show_is_a_revision_and_the_count_only_grows",
    ),
    defect(
        "time: a withdrawal goes back to the revision before",
        "app/db/jobs/jobs.py",
        "revision=sessions.c.revision + 1,",
        "revision=sessions.c.revision - 1,",
        f"{FEED}::test_each_change_that_calendars_show_is_a_revision_and_the_count_only_grows",
    ),
    defect(
        "time: a new place is no revision",
        "app/db/schedule/sessions.py",
        '_IN_CALENDARS = ("name", "starts_at", "ends_at", "location")',
        '_IN_CALENDARS = ("name", "starts_at", "ends_at")',
        f"{FEED}::test_each_change_that_calendars_show_is_a_revision_and_the_count_only_grows",
    ),
    defect(
        "time: every description is a revision",
        "app/db/schedule/sessions.py",
        "sessions.c.revision + sa.case((seen, 1), else_=0)",
        "sessions.c.revision + 1",
        f"{FEED}::test_what_calendars_do_not_show_is_no_revision",
    ),
    defect(
        "time: what the platform cancels is no revision",
        "app/db/schedule/sessions.py",
        "                    revision=sessions.c.revision + 1,\n",
        "                    revision=sessions.c.revision,\n",
        f"{FEED}::test_a_session_that_the_platform_cancels_and_schedules_again_is_revised_each_time",
    ),
    defect(
        "time: existing cancelled sessions count from nought",
        "migrations/versions/0011_hours_and_revisions.py",
        "UPDATE sessions SET revision = 2\n",
        "UPDATE sessions SET revision = 0\n",
        MIGRATED,
    ),
    defect(
        "time: existing jobs keep no hours",
        "migrations/versions/0011_hours_and_revisions.py",
        "    _fill_hours(op.get_bind())\n",
        "",
        MIGRATED,
    ),
    defect(
        "time: the audit prints hours in UTC",
        "app/cancellation/taking.py",
        "return acceptances.Clock(times.timezone, times.starts_local)",
        "return acceptances.Clock(times.timezone, of.starts_at.isoformat()[:19])",
        AUDIT,
    ),
    defect(
        "time: a cancelled class is called as before",
        "app/schedule/ical.py",
        'f"Cancelled: {row.facts.name}" if cancelled else row.facts.name',
        "row.facts.name",
        PUBLIC,
    ),
    defect(
        "time: a cancelled class takes time in calendars",
        "app/schedule/ical.py",
        '        event.add("transp", "TRANSPARENT")',
        '        event.add("transp", "OPAQUE")',
        PUBLIC,
    ),
    defect(
        "time: a feed that is cut keeps the oldest",
        "app/schedule/public.py",
        "    ahead = await session_pages.page(\n",
        "    return (await session_pages.page(conn, business_id, chosen, limit=at_most)), False\n"
        "    ahead = await session_pages.page(\n",
        f"{FEED}::test_a_feed_that_is_cut_keeps_what_is_ahead_and_then_the_latest_past_and_says_so",
    ),
    defect(
        "time: a feed that is cut does not say so",
        "app/schedule/public.py",
        "past[:room][::-1] + ahead, len(past) > room",
        "past[:room][::-1] + ahead, False",
        f"{FEED}::test_a_feed_that_is_cut_keeps_what_is_ahead_and_then_the_latest_past_and_says_so",
    ),
    defect(
        "time: nobody is warned of old zone rules",
        ".ci/old_zones.py",
        "if today - newest <= _HALF_A_YEAR:",
        "if newest <= today:",
        "tests/unit/test_old_zones.py",
    ),
)
