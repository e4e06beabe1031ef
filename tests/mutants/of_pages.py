"""The defects that `make mutants` seeds in what anybody sees of a studio, and where."""

from mutants.defects import Defect, defect

PAGES = "tests/unit/test_pages.py"
PAGE = "tests/integration/schedule/test_public_page.py"
PROMISES = "tests/integration/cancellations/test_promises.py"
SITES = "tests/browser/test_public_page.py"
OWN = "tests/integration/cancellations/choices/test_own_page.py"
LOGO = "app/domain/pages/logo.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "sites: any may read what a business is answered",
        "app/api/layers/cross_origin.py",
        "        return origin in await service",
        "        return True or origin in await service",
        "tests/integration/schedule/test_cross_origin.py::test_no_other_site_may",
    ),
    defect(
        "sites: one that may show the page may read all",
        "app/api/layers/cross_origin.py",
        "page_settings.api_origins(",
        "page_settings.origins(",
        "tests/integration/schedule/test_public_page.py::test_a_site_reads_nothing_else_of_a_business_that_names_it",
    ),
    defect(
        "sites: a change counts when it is forgotten",
        "app/api/dependencies.py",
        "        self.db.listeners.of_schedules.append(self.sites.drop)\n",
        "",
        "tests/integration/schedule/test_cross_origin.py::test_a_site_that_is_named_no_more_may_read_nothing_more",
    ),
    defect(
        "sites: a refusal is read by anybody",
        "app/api/authorise.py",
        '        scope["state"]["caller"] = who  # of a refusal, too\n',
        "",
        "tests/integration/schedule/test_cross_origin.py::test_refusals_are_read_by_whom_they_are_for",
    ),
    defect(
        "a site that no business names shows its schedule",
        "app/api/pages/pages.py",
        """ancestors = " ".join(origins) or "'none'\"""",
        """ancestors = " ".join(origins) or "http://127.0.0.1:*\"""",
        f"{SITES}::test_the_schedule_is_shown_on_the_sites_that_the_studio_names_and_read_on_any",
    ),
    defect(
        "a site that was taken off keeps the policy that it had",
        "app/api/pages/pages.py",
        "hashlib.sha256(repr((body, sorted(others.items()))).encode())",
        "hashlib.sha256(body)",
        f"{PAGE}::test_a_page_for_other_sites_names_them_in_its_policy_and_all_others_name_nobody",
    ),
    defect(
        "any site reads all that its visitors may",
        "app/api/layers/request_log.py",
        "path.startswith(ANYBODYS)",
        "path.startswith(_PREFIX)",
        f"{PAGE}::test_a_site_reads_nothing_else_of_a_business_that_names_it",
    ),
    defect(
        "an origin brings a path along",
        "app/domain/pages/origins.py",
        r"(?::([1-9][0-9]{{0,4}}))?/?",
        r"(?::([1-9][0-9]{{0,4}}))?(?:/.*)?",
        PAGES,
    ),
    defect(
        "an origin without TLS is taken of any host",
        "app/domain/pages/origins.py",
        'if scheme == "http" and host not in _LOOPBACK:',
        'if scheme == "http" and not host:',
        PAGES,
    ),
    defect(
        "a logo is whatever was sent",
        LOGO,
        """    if media_type is None:
        raise NotALogoError""",
        """    if media_type is None:
        return Logo("image/svg+xml", content, 16, 16)
        raise NotALogoError""",
        PAGES,
    ),
    defect(
        "a logo of any size is every visitor's to draw",
        LOGO,
        "if not all(MIN_PIXELS <= side <= MAX_PIXELS for side in (width, height)):",
        "if min(width, height) < MIN_PIXELS:",
        PAGES,
    ),
    defect(
        "a logo moves",
        LOGO,
        'return b"acTL" in content.partition(b"IDAT")[0]',
        "return False",
        PAGES,
    ),
    defect(
        "what is written on a studio's colour is the harder to read",
        "app/domain/pages/colour.py",
        "return max((_WHITE, _BLACK)",
        "return min((_WHITE, _BLACK)",
        PAGES,
    ),
    defect(
        "a page promises all though something is kept",
        "app/domain/pages/promise.py",
        """or totals.get("kept_credits", 1):
        return False""",
        """or totals.get("kept_credits", 1):
        pass""",
        PROMISES,
    ),
    defect(
        "a page promises what comes back in another form",
        "app/domain/pages/promise.py",
        "return is_original and any(returned)",
        "return any(returned)",
        PAGES,
    ),
    defect(
        "a page promises what a person gave up",
        "app/db/schedule/public_pages.py",
        "        ~_IS_A_PERSONS,\n",
        "",
        PROMISES,
    ),
    defect(
        "of two who change a page at once one undoes the other",
        "app/schedule/pages/page_settings.py",
        "        await businesses.hold(conn, business_id)\n",
        "",
        f"{PAGE}::test_members_that_two_people_change_at_once_are_both_changed",
    ),
    defect(
        "a demo's key is in the pages of clients",
        "app/api/pages/pages.py",
        "if demo_key is not None and name in _STAFFS:",
        "if demo_key is not None:",
        "tests/integration/test_pages.py::test_a_page_holds_a_key_only_where_the_service_was_told_to_give_it_away",
    ),
    defect(
        "a client's page shows what staff wrote",
        "app/db/messages/own_lines.py",
        "reference=reference if told.state in _HAS_REFERENCE else None,",
        "reference=reference,",
        f"{OWN}::test_it_says_back_only_what_the_upstream_s_books_have",
    ),
    defect(
        "a client's page is shown of what was taken back",
        "app/cancellation/choices/own_page.py",
        "if job is None or job.status in _NOTHING_CANCELLED:",
        "if job is None:",
        f"{OWN}::test_what_was_taken_back_is_shown_no_more",
    ),
    defect(
        "a log has the links of clients' pages",
        "app/api/layers/request_log.py",
        "/v1/client-pages/|/yours/|",
        "",
        f"{OWN}::test_no_log_has_the_link",
    ),
    defect(
        "a key that may not read the audit is given clients' links",
        "app/api/choices/own_page_routes.py",
        "caller(Scope.CANCELLATIONS_READ, Scope.AUDIT_READ)",
        "caller(Scope.CANCELLATIONS_READ)",
        f"{OWN}::test_who_may_read_the_audit_is_given_each_client_s_link",
    ),
)
