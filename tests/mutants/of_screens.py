"""The defects that `make mutants` seeds in the pages, and in what they are told."""

from mutants.defects import Defect, defect

CONSOLE = "app/console"
AUDIT = "tests/browser/test_audit.py"
CHOOSING = "tests/browser/test_choosing.py"
STATES = "tests/browser/test_states.py"
TABS = "tests/browser/test_tabs.py"
TIMES = "tests/browser/test_times.py"
REASON = f"{CHOOSING}::test_a_reason_of_several_lines_is_taken_and_told_on_one"
REFUSED = f"{CHOOSING}::test_a_field_that_is_refused_is_named_in_words_and_the_plan_stays_until_it_is_mended"
EMPTY = f"{CHOOSING}::test_a_week_without_sessions_says_so_and_where_to_go_on"
DATES = (
    f"{CHOOSING}::test_a_date_that_passes_the_other_takes_it_along_and_no_list_of_other_days_stays"
)
READY = f"{CHOOSING}::test_nothing_can_be_selected_before_the_sessions_of_the_days_are_there"
NAMED = f"{CHOOSING}::test_days_that_are_refused_are_named_as_the_page_names_them"
MOVED = f"{CHOOSING}::test_a_session_that_was_moved_after_the_plan_is_named_and_not_cancelled"
WORDS = f"{STATES}::test_the_table_of_words_has_each_status_of_the_api_and_no_other"
TERMS = "tests/browser/test_terms.py::test_a_plan_that_was_made_under_other_terms_says_so"
KEPT = "tests/browser/test_terms.py::test_there_are_words_for_each_status_of_a_booking_and_each_reason_to_keep"
HELD = f"{STATES}::test_what_is_on_hold_is_not_said_to_be_processed_and_what_is_undone_not_to_be_cancelled"
TEST_MODE = f"{STATES}::test_while_the_sandbox_answers_every_page_says_that_no_money_moves"
SEVENTH = f"{TABS}::test_an_undo_is_sent_at_once_from_a_seventh_tab_while_six_others_watch_jobs"
AT_ONCE = f"{TABS}::test_what_one_tab_does_to_a_job_the_others_show_at_once"
HIDDEN = f"{TABS}::test_a_tab_that_is_not_seen_asks_nothing_and_lets_go_of_what_it_had_asked"
DAYS = f"{TIMES}::test_a_session_is_on_the_day_and_at_the_hour_of_the_answer_whatever_the_browser_knows"
OUTSIDE = (
    f"{TIMES}::test_a_session_that_the_answer_puts_outside_the_week_is_on_the_page_all_the_same"
)
ELSEWHERE = (
    f"{TIMES}::test_a_class_elsewhere_is_at_the_business_s_hour_with_its_own_day_and_hour_beside_it"
)
MIDNIGHT = f"{TIMES}::test_clocks_that_are_put_back_and_midnight_are_told_as_the_clocks_show_them"
BROKEN = f"{TIMES}::test_what_can_t_be_drawn_is_said_to_be_so_and_all_else_stays"
UNKNOWN = f"{TIMES}::test_zones_that_the_browser_lacks_leave_every_page_whole"
KEPT = f"{STATES}::test_what_was_paid_and_stays_is_named_with_its_sum_before_the_press_and_after"
MARKED = f"{AUDIT}::test_the_csv_of_a_press_is_saved_with_the_mark_of_utf_8"
PRESS_CUT = (
    f"{AUDIT}::test_a_csv_of_a_press_that_broke_off_is_not_saved_and_the_job_is_shown_all_the_same"
)
WHOLE = f"{AUDIT}::test_files_of_a_job_are_saved_whole_or_not_at_all"
NO_AUDIT = f"{AUDIT}::test_a_key_that_may_not_read_the_audit_cancels_without_its_files"

BEGUN = "tests/browser/test_begun.py::test_select_all_takes_what_is_to_come_and_what_has_begun_is_ticked_one_by_one"
CLOCK = "tests/browser/test_begun.py::test_what_has_begun_is_told_by_the_service_s_clock_and_not_the_device_s"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "screens: select all takes what has begun",
        f"{CONSOLE}/session_list.js",
        "(isShown(entry) && isToCome(entry))) tick",
        "isShown(entry)) tick",
        BEGUN,
    ),
    defect(
        "screens: a range takes what has begun",
        f"{CONSOLE}/session_list.js",
        "isShown(one) && (!on || isToCome(one))",
        "isShown(one)",
        BEGUN,
    ),
    defect(
        "screens: a reload ticks what has begun since",
        f"{CONSOLE}/session_list.js",
        "(entry.hasBegun ? begunThen : toComeThen).has",
        "[...begunThen, ...toComeThen].includes",
        "tests/browser/test_ticks.py::test_what_has_begun_since_it_was_ticked_is_not_ticked_by_a_reload",
    ),
    defect(
        "screens: a series takes what has begun or is hidden",
        f"{CONSOLE}/session_list.js",
        "(one) => isToCome(one) && isShown(one) && !isTicked(one)",
        "(one) => !isTicked(one)",
        "tests/browser/test_ticks.py::test_a_series_and_all_of_an_instructor_are_taken_by_one_more_press_of_a_key",
    ),
    defect(
        "screens: the last question has no warnings",
        f"{CONSOLE}/confirm.js",
        "warningsOf(plan),",
        "",
        "tests/browser/test_confirm.py::test_the_last_question_repeats_warnings_reason_and_sessions_and_alone_has_the_colour_of_danger",
    ),
    defect(
        "screens: a press returns at once by default",
        f"{CONSOLE}/plan_panel.js",
        "const HOLDS = [600, 0,",
        "const HOLDS = [0, 600,",
        "tests/browser/test_confirm.py::test_for_ten_minutes_a_press_can_be_undone_from_any_page_and_nothing_was_returned",
    ),
    defect(
        "screens: what is past looks like what is to come",
        f"{CONSOLE}/week.js",
        'element.classList.toggle("past", Date.parse(session.ends_at) <= now());',
        "",
        "tests/browser/test_grid.py::test_on_a_phone_today_is_the_first_day_in_sight_and_what_is_over_is_dimmed",
    ),
    defect(
        "screens: what has begun is told by the device's clock",
        f"{CONSOLE}/clock.js",
        "Date.now() + ahead",
        "Date.now()",
        CLOCK,
    ),
    defect(
        "screens: an amount that came back elsewhere is sent in major units",
        "app/console/resolve.js",
        "Math.round(amount.value * 10 ** decimals(first.currency))",
        "Math.round(amount.value)",
        "tests/browser/test_trouble.py::test_refunds_that_fail_are_resolved_by_hand_or_tried_again",
    ),
    defect(
        "line breaks of a reason are refused",
        "app/domain/fields.py",
        "pattern=_NO_CONTROLS_BUT_BREAKS",
        "pattern=NO_CONTROLS",
        REASON,
    ),
    defect(
        "line breaks of a reason are kept",
        "app/domain/fields.py",
        '" ".join(value.split()) if _BREAK.search(value) else value',
        "value",
        REASON,
    ),
    defect(
        "a refused field takes the plan away",
        f"{CONSOLE}/plan_panel.js",
        "    if (this.refuses(error)) return; // with the figures that are there\n",
        "",
        REFUSED,
    ),
    defect(
        "an edit makes no new plan",
        f"{CONSOLE}/plan_panel.js",
        "this.#isAtFault && this.renew()",
        "false",
        REFUSED,
    ),
    defect(
        "a refused field is said twice",
        f"{CONSOLE}/bulk_cancel.js",
        "        fill(trouble); // said beside its fields\n        return;\n",
        "",
        REFUSED,
    ),
    defect(
        "a refused field is not named",
        f"{CONSOLE}/press.js",
        'return field ? say("press.field", { field: say(field), detail }) : detail;',
        "return detail;",
        REFUSED,
        NAMED,
    ),
    defect(
        "a week without sessions is a blank page",
        f"{CONSOLE}/bulk_cancel.js",
        "if (list.stands && !list.isBehind() && JSON",
        "if (JSON",
        EMPTY,
    ),
    defect(
        "a date passes the other",
        f"{CONSOLE}/choosing.js",
        "if (range.date_from > range.date_to)",
        "if (false)",
        DATES,
    ),
    defect(
        "what is typed on the way to a date moves the other one for good",
        f"{CONSOLE}/choosing.js",
        "range = { ...settled, [member]: made.value };",
        "range = { ...range, [member]: made.value };",
        DATES,
    ),
    defect(
        "the list of other days stays under changed dates",
        f"{CONSOLE}/bulk_cancel.js",
        "    list.outdate();\n",
        "",
        DATES,
    ),
    defect(
        "all is selected of a list that is not there yet",
        f"{CONSOLE}/session_list.js",
        "{ onclick: press, disabled: true }",
        "{ onclick: press }",
        READY,
    ),
    defect(
        "all is selected of a list that is there no more",
        f"{CONSOLE}/session_list.js",
        "    for (const button of this.buttons) button.disabled = !well;\n",
        "    for (const button of this.buttons) if (well) button.disabled = false;\n",
        READY,
    ),
    defect(
        "a status has no words",
        f"{CONSOLE}/states.js",
        "  queued: open,\n",
        "",
        WORDS,
    ),
    defect(
        "what is on hold is being processed",
        f"{CONSOLE}/states.js",
        ', accepted: "held"',
        "",
        HELD,
    ),
    defect(
        "what was undone is cancelled",
        f"{CONSOLE}/states.js",
        'became: "scheduled_again", ',
        "",
        HELD,
    ),
    defect(
        "what was undone is still to be returned",
        f"{CONSOLE}/states.js",
        'became: "scheduled_again", owed: "would_have_returned", refunds: {',
        'became: "scheduled_again", refunds: {',
        HELD,
    ),
    defect(
        "what was undone had nothing to return",
        f"{CONSOLE}/states.js",
        ', refunds: { skipped: "not_returned" }',
        "",
        HELD,
    ),
    defect(
        "the client's page does not say that no money moves",
        f"{CONSOLE}/client_page.js",
        "\n  showTestMode();\n",
        "\n",
        TEST_MODE,
    ),
    defect(
        "the sign-in does not say that no money moves",
        f"{CONSOLE}/console.js",
        "\nshowTestMode();\n",
        "\n",
        TEST_MODE,
    ),
    defect(
        "each tab on a job holds a stream",
        f"{CONSOLE}/job.js",
        "  const look = async",
        '  const { call } = await import("./api.js");\n'
        '  call("GET", `${path}/events`, { headers: { Accept: "text/event-stream" }, signal, patience: 0 });\n'
        "  const look = async",
        SEVENTH,
    ),
    defect(
        "other tabs are not told",
        f"{CONSOLE}/live.js",
        "  channel.onmessage = hurry;\n",
        "",
        AT_ONCE,
    ),
    defect(
        "a hidden tab goes on asking",
        f"{CONSOLE}/live.js",
        "    if (document.hidden) continue;\n",
        "",
        HIDDEN,
    ),
    defect(
        "a hidden tab keeps what it asked",
        f"{CONSOLE}/live.js",
        "(document.hidden ? hiding.abort() : hurry())",
        "hurry()",
        HIDDEN,
    ),
    defect(
        "the week's days are the browser's",
        f"{CONSOLE}/week.js",
        "(session) => session.business_date",
        '(session) => new Date(session.starts_at).toLocaleDateString("sv")',
        DAYS,
    ),
    defect(
        "the days to choose from are the browser's",
        f"{CONSOLE}/session_list.js",
        "(entry) => entry.session.business_date",
        '(entry) => new Date(entry.session.starts_at).toLocaleDateString("sv")',
        DAYS,
    ),
    defect(
        "hours are the browser's",
        f"{CONSOLE}/words.js",
        "const asClock = (local) => new Date(`${local}Z`);",
        "const asClock = (local) => new Date(local);",
        DAYS,
    ),
    defect(
        "only the days of the week are drawn",
        f"{CONSOLE}/week.js",
        "new Set([...days(week.date_from, week.date_to), ...byDay.keys()])",
        "new Set(days(week.date_from, week.date_to))",
        OUTSIDE,
    ),
    defect(
        "a class elsewhere has no hour of its own",
        f"{CONSOLE}/said.js",
        "if (session.starts_local === session.business_starts_local) return null;",
        "if (session) return null;",
        ELSEWHERE,
    ),
    defect(
        "a range beyond midnight names days",
        f"{CONSOLE}/words.js",
        "return isPlain ?",
        "return true ?",
        MIDNIGHT,
    ),
    defect(
        "a card that can't be drawn takes the week with it",
        f"{CONSOLE}/week.js",
        "drawn(() => card(session, week), () => broken(session))",
        "card(session, week)",
        BROKEN,
    ),
    defect(
        "a row that can't be drawn takes the list with it",
        f"{CONSOLE}/session_list.js",
        "drawn(() => described(session, at), () => [",
        "described(session, at) ?? (() => [",
        BROKEN,
    ),
    defect(
        "a booking that can't be drawn takes the client's with it",
        f"{CONSOLE}/client_bookings.js",
        "drawn(() => bookingCard(one), () => broken(one))",
        "bookingCard(one)",
        BROKEN,
    ),
    defect(
        "an outcome that can't be drawn takes the job's with it",
        f"{CONSOLE}/outcomes.js",
        "drawn(() => outcomeRow(session, last), () => brokenRow(session))",
        "outcomeRow(session, last)",
        BROKEN,
    ),
    defect(
        "a zone that the browser lacks blanks a page",
        f"{CONSOLE}/words.js",
        "  const timeZone = known(zone);\n",
        "  const timeZone = zone;\n",
        UNKNOWN,
    ),
    defect(
        "a csv that lacks lines is saved",
        f"{CONSOLE}/audit.js",
        "count !== null && lines !== Number(count)",
        "lines < 0",
        WHOLE,
        PRESS_CUT,
    ),
    defect(
        "a workbook without its end is saved",
        f"{CONSOLE}/audit.js",
        "if (END_OF_ZIP.some(",
        "if (false && END_OF_ZIP.some(",
        WHOLE,
    ),
    defect(
        "the csv of a press has no mark",
        f"{CONSOLE}/audit.js",
        "hasMark ? [bytes] : [MARK, bytes]",
        "[bytes]",
        MARKED,
    ),
    defect(
        "a key that may not read the audit asks for it",
        f"{CONSOLE}/audit.js",
        'business.key.scopes.includes("audit:read")',
        "Boolean(business)",
        NO_AUDIT,
    ),
    defect(
        "the pages do not name what is kept",
        f"{CONSOLE}/said.js",
        "returned({ amounts, credits });",
        "returned({ amounts: [], credits: amounts && 0 * credits });",
        KEPT,
    ),
    defect(
        "what has moved since the plan is not named",
        f"{CONSOLE}/press.js",
        "!isOfTerms(error.problem) && changesOf(error.problem)",
        "false",
        MOVED,
    ),
    defect(
        "other terms since the plan are said to be other bookings",
        f"{CONSOLE}/press.js",
        r"/\bother terms\b/.test(detail)",
        "!detail",
        TERMS,
    ),
    defect(
        "a rule that keeps something has no words",
        f"{CONSOLE}/states.js",
        '"override", ',
        "",
        KEPT,
    ),
)
