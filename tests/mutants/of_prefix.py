"""The defects that `make mutants` seeds in what has a prefix, and where."""

from mutants.defects import Defect, defect

SETTING = "tests/unit/test_root_path.py"
PREFIX = "tests/integration/test_under_a_prefix.py"
SITE = "tests/browser/test_under_a_prefix.py"
MOUNT = "app/api/layers/mount.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "prefix: one that is passed on is not taken off",
        MOUNT,
        "            return path.removeprefix(self._prefix)",
        "            return path",
        f"{PREFIX}::test_what_was_made_is_where_the_answer_says",
    ),
    defect(
        "prefix: alone it is no path",
        MOUNT,
        'path.startswith(f"{self._prefix}/")',
        "path.startswith(self._prefix)",
        f"{PREFIX}::test_the_prefix_alone_shows_the_start",
    ),
    defect(
        "prefix: what was made is said to be outside of it",
        MOUNT,
        'headers["location"] = self._prefix + headers["location"]',
        'headers["location"] = headers["location"]',
        f"{PREFIX}::test_what_was_made_is_where_the_answer_says",
    ),
    defect(
        "prefix: the quick way is not taken",
        MOUNT,
        '        within["path"] = self._bare(scope["path"])',
        '        within |= {"path": self._bare(scope["path"]), "root_path": self._prefix}',
        f"{PREFIX}::test_what_is_asked_for_most_is_answered_in_the_quick_way",
    ),
    defect(
        "prefix: a log has a client's token",
        "app/main.py",
        "    app.add_middleware(RequestLog)\n    if settings.root_path is not None:\n"
        "        app.add_middleware(Mounted, prefix=settings.root_path)\n",
        "    if settings.root_path is not None:\n"
        "        app.add_middleware(Mounted, prefix=settings.root_path)\n"
        "    app.add_middleware(RequestLog)\n",
        f"{PREFIX}::test_logs_and_metrics_name_the_paths_that_they_always_do",
    ),
    defect(
        "prefix: a problem's type leads out of it",
        "app/api/layers/problems.py",
        'address(f"/problems/{problem.slug}")',
        'f"/problems/{problem.slug}"',
        f"{PREFIX}::test_a_problem_s_type_leads_to_its_page",
    ),
    defect(
        "prefix: clients' links lead out of it",
        "app/config/settings.py",
        '(self.public_url or self.root_path or "")',
        '(self.public_url or "")',
        f"{PREFIX}::test_links_of_clients_the_logo_and_the_feed_lead_under_the_prefix",
    ),
    defect(
        "prefix: a calendar's link leads out of it",
        "app/api/schedule/public_routes.py",
        'address(f"/c/{business_id}")',
        'f"/c/{business_id}"',
        f"{PREFIX}::test_links_of_clients_the_logo_and_the_feed_lead_under_the_prefix",
    ),
    defect(
        "prefix: a logo is asked for outside of it",
        "app/api/schedule/page_bodies.py",
        'address(f"/v1/public/{business_id}/logo/{tag}")',
        'f"/v1/public/{business_id}/logo/{tag}"',
        f"{PREFIX}::test_a_business_s_logo_is_where_the_schedule_says",
    ),
    defect(
        "prefix: pages ask for their files outside of it",
        "app/api/pages/assets.py",
        """f'"{prefix}{_OURS}{version()}/'""",
        """f'"{_OURS}{version()}/'""",
        f"{PREFIX}::test_pages_name_nothing_that_is_elsewhere_and_say_where_they_are",
    ),
    defect(
        "prefix: the document's paths begin outside of it",
        "app/main.py",
        'settings.root_path or "/"}]',
        '"/"}]',
        f"{PREFIX}::test_the_document_says_where_its_paths_begin",
    ),
    defect(
        "prefix: one that an address of ours begins with is taken",
        "app/config/root_path.py",
        '        "jobs",\n',
        "",
        f"{SETTING}::test_the_addresses_of_ours_are_all_that_there_are",
    ),
    defect(
        "prefix: links may lead elsewhere",
        "app/config/root_path.py",
        "return None if path == root_path else",
        "return None if path else",
        f"{SETTING}::test_links_that_would_lead_elsewhere_are_refused_in_one_line",
    ),
    defect(
        "prefix: the console asks the site, not us",
        "app/console/api.js",
        "fetch(at(`/v1${path}`),",
        "fetch(`/v1${path}`,",
        f"{SITE}::test_a_week_is_cancelled_and_followed_from_the_console",
    ),
    defect(
        "prefix: a page's links lead out of it",
        "app/console/dom.js",
        "element.setAttribute(key, at(value));",
        "element.setAttribute(key, value);",
        f"{SITE}::test_a_week_is_cancelled_and_followed_from_the_console",
    ),
    defect(
        "prefix: two of us at one site share a key",
        "app/console/api.js",
        'ours("bulk-cancel-key")',
        '"bulk-cancel-key"',
        f"{SITE}::test_a_week_is_cancelled_and_followed_from_the_console",
    ),
    defect(
        "prefix: the widget's line shows the site's own page",
        "app/console/page_settings.js",
        "location.origin + ROOT",
        "location.origin",
        f"{SITE}::test_the_widget_that_the_console_gives_shows_the_week_at_another_site",
    ),
)
