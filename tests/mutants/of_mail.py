"""The defects that `make mutants` seeds in how mail leaves, and in how bounces are read."""

from mutants.defects import Defect, defect

EMAIL = "app/gateways/email"
FAULTS = "tests/integration/email/test_relay_faults.py"
POOL = "tests/integration/email/test_relay.py"
OUTBOX = "tests/integration/email/test_outbox.py"
BOUNCES = "tests/unit/test_bounces.py"
LATER = "tests/integration/messages/test_later_words.py"
EARLY = "tests/integration/messages/test_early_words.py"
WORDS = "app/db/messages/later_words.py"
COMMAND = "tests/integration/messages/test_bounce_command.py"
PAGES = "tests/integration/test_outbox_pages.py"
ADDRESSES = "tests/unit/test_mail_address.py"
ANSWERS = f"{FAULTS}::test_an_answer_at_a_stage_means_what_it_can_mean_and_the_next_mail_is_sent"
BREAKS = f"{FAULTS}::test_a_broken_or_silent_connection_is_unknown_from_data_on_and_never_before"
AT_ITS_END = f"{FAULTS}::test_a_connection_that_is_at_its_end_is_replaced_at_once"
NEVER_AGAIN = f"{FAULTS}::test_what_may_have_been_taken_is_never_sent_again_by_itself"
BROKEN_OFF = f"{FAULTS}::test_a_mail_that_is_broken_off_takes_its_connection_with_it"
SENSELESS = f"{FAULTS}::test_a_senseless_answer_is_no_word_that_the_mail_was_taken"
DEAD = f"{FAULTS}::test_a_dead_address_is_told_by_its_code_and_no_detail_has_an_address"
ALIVE = f"{FAULTS}::test_a_refusal_that_is_not_of_the_address_leaves_it_alive"
SENDERS = f"{FAULTS}::test_a_sender_that_is_refused_with_the_recipient_is_no_fault_of_the_mail"
ONES = f"{FAULTS}::test_what_is_one_recipients_is_told_from_what_all_would_hear"
GREYLISTED = f"{FAULTS}::test_greylisting_is_later_each_recipient_once_and_says_when"
FIFTY = f"{POOL}::test_at_most_so_many_connections_each_for_at_most_fifty_mails"
LIMIT = f"{POOL}::test_a_relay_s_own_limit_costs_no_mail_an_attempt"
REFUSED_COUNT = f"{POOL}::test_refused_mails_count_for_a_connection_too"
KILLED = (
    "tests/crash/test_messages_by_opensmtpd.py"
    "::test_each_client_hears_the_truth_while_relay_and_who_sends_are_killed"
)
IDLE = f"{POOL}::test_a_connection_that_is_not_used_is_closed"
CLEAR_TEXT = f"{POOL}::test_nothing_is_sent_in_clear_text_where_tls_is_asked_for"
NO_ENVELOPE = f"{POOL}::test_an_address_that_no_envelope_holds_never_reaches_the_relay"
ASCII = f"{POOL}::test_a_domain_goes_in_ascii_letters_and_a_name_only_where_the_relay_takes_it"
HERE = f"{ADDRESSES}::test_clear_text_is_the_default_to_this_machine_alone"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "mail: what broke after DATA is surely not taken",
        f"{EMAIL}/relay.py",
        "return MailUnknown(",
        "return MailLater(None, ",
        BREAKS,
    ),
    defect(
        "mail: what broke before DATA may have been taken",
        f"{EMAIL}/relay.py",
        'return MailLater(None, f"{what} at {stage.name}")',
        "return MailUnknown(what)",
        BREAKS,
    ),
    defect(
        "mail: what may have been taken is sent again at once",
        f"{EMAIL}/relay.py",
        "if is_used and self.stage < Stage.DATA:",
        "if is_used:",
        NEVER_AGAIN,
    ),
    defect(
        "mail: a connection that broke is no reason for another",
        f"{EMAIL}/relay.py",
        "if is_used and self.stage < Stage.DATA:",
        "if False:",
        AT_ITS_END,
    ),
    defect(
        "mail: a relay's limit of a connection is the mail's fault",
        f"{EMAIL}/answers.py",
        "code == _TOO_MUCH and stage is Stage.MAIL",
        "False",
        LIMIT,
        AT_ITS_END,
    ),
    defect(
        "mail: what a broken-off mail leaves is used again",
        f"{EMAIL}/connections.py",
        "_close(held)\n                raise",
        "self._keep(held)\n                raise",
        BROKEN_OFF,
    ),
    defect(
        "mail: MAIL still stands after a refusal",
        f"{EMAIL}/relay.py",
        "connection.needs_reset = self.stage >= Stage.RCPT",
        "connection.needs_reset = self.stage is Stage.RCPT",
        ANSWERS,
    ),
    defect(
        "mail: a senseless answer leaves the connection in use",
        f"{EMAIL}/answers.py",
        "if stage is Stage.DATA:\n        return MailUnknown(detail)",
        "",
        SENSELESS,
    ),
    defect(
        "mail: our sender that is refused is the mail's fault",
        f"{EMAIL}/answers.py",
        "return stage is Stage.MAIL and code != _TOO_LARGE",
        "return False",
        ANSWERS,
    ),
    defect(
        "mail: a mail that is too large stops all others",
        f"{EMAIL}/answers.py",
        "return stage is Stage.MAIL and code != _TOO_LARGE",
        "return stage is Stage.MAIL",
        ANSWERS,
    ),
    defect(
        "mail: a login that is refused is the mail's fault",
        f"{EMAIL}/answers.py",
        "code in _LOGIN_CODES or ",
        "",
        ANSWERS,
    ),
    defect(
        "mail: a sender refused at RCPT is the mail's fault",
        f"{EMAIL}/answers.py",
        " or status in _BAD_SENDER",
        "",
        SENDERS,
    ),
    defect(
        "mail: an address is dead by any refusal of it",
        f"{EMAIL}/answers.py",
        "is_dead = stage is Stage.RCPT and is_dead_address(status)",
        "is_dead = stage is Stage.RCPT",
        ALIVE,
    ),
    defect(
        "mail: what a relay asks to wait is not heard",
        f"{EMAIL}/answers.py",
        "                _wait_seconds(said),\n",
        "",
        GREYLISTED,
    ),
    defect(
        "mail: whatever is put off at RCPT is one recipient's",
        f"{EMAIL}/answers.py",
        "stage is Stage.RCPT and _is_of_recipient(code, status)",
        "stage is Stage.RCPT",
        ONES,
    ),
    defect(
        "mail: one greylisted mail has the others go one at a time",
        "app/messages/sending.py",
        "went_well = None if is_of_recipient else False",
        "went_well = False",
        "tests/integration/messages/test_sending.py"
        "::test_one_that_is_greylisted_does_not_slow_the_others_down",
    ),
    defect(
        "mail: what a killed relay did not say is taken for a yes",
        "app/messages/sending.py",
        """        case MailUnknown(detail):
            return Came(_again(came, message, detail, None, jitter), went_well=False)
""",
        """        case MailUnknown(detail):
            return Came(came(MessageStatus.SENT, detail=detail), went_well=False)
""",
        KILLED,
    ),
    defect(
        "mail: details have addresses in them",
        f"{EMAIL}/mail.py",
        '"(address)" if "@" in word or "<" in word or _names(word, name) else word',
        "word",
        DEAD,
    ),
    defect(
        "mail: details have names in them",
        f"{EMAIL}/mail.py",
        " or _names(word, name)",
        "",
        DEAD,
    ),
    defect(
        "mail: a connection is used for ever",
        f"{EMAIL}/connections.py",
        " or connection.mails >= MAX_MAILS",
        "",
        FIFTY,
    ),
    defect(
        "mail: refused mails do not count",
        f"{EMAIL}/relay.py",
        "connection.mails += 1",
        "connection.mails += self.stage is Stage.DATA",
        REFUSED_COUNT,
    ),
    defect(
        "mail: idle connections stay",
        f"{EMAIL}/connections.py",
        "self._idle.append(connection)\n            self._set_timer()",
        "self._idle.append(connection)",
        IDLE,
    ),
    defect(
        "mail: STARTTLS is left out where it is not offered",
        f"{EMAIL}/connections.py",
        "start_tls=relay.tls is SmtpTls.STARTTLS",
        "start_tls=None",
        CLEAR_TEXT,
    ),
    defect(
        "mail: clear text is the default to every machine",
        "app/config/mail_values.py",
        "SmtpTls.NONE if is_here(host) else SmtpTls.STARTTLS",
        "SmtpTls.NONE",
        HERE,
    ),
    defect(
        "mail: an address's local part may be anything",
        "app/domain/mail_address.py",
        "not at or not _LOCAL_PART.fullmatch(local_part)",
        "not at or not local_part",
        NO_ENVELOPE,
    ),
    defect(
        "mail: an address's domain may be anything",
        "app/domain/mail_address.py",
        "len(encoded) > _MAX_DOMAIN or not _DOMAIN.fullmatch(encoded)",
        "len(encoded) > _MAX_DOMAIN",
        NO_ENVELOPE,
    ),
    defect(
        "mail: a relay without SMTPUTF8 is sent names in other letters",
        f"{EMAIL}/relay.py",
        'if not client.supports_extension("smtputf8"):',
        "if False:",
        ASCII,
    ),
    defect(
        "mail: the outbox grows for ever",
        f"{EMAIL}/outbox.py",
        "old.unlink(missing_ok=True)",
        "pass",
        f"{OUTBOX}::test_the_last_are_kept_the_newest_first",
    ),
    defect(
        "mail: the outbox takes an id for a path",
        f"{EMAIL}/outbox.py",
        "if _FILE_NAME.fullmatch(message_id):",
        "if message_id:",
        f"{OUTBOX}::test_an_id_that_is_no_name_of_a_file_stays_in_the_folder",
    ),
    defect(
        "bounces: a full mailbox is a dead address",
        f"{EMAIL}/mail.py",
        r"|2\.1)",
        r"|2\.[12])",
        f"{BOUNCES}::test_only_an_address_that_nobody_reads_is_dead",
    ),
    defect(
        "bounces: a delay kills an address",
        f"{EMAIL}/bounces.py",
        "return self.has_failed and self.status is not None",
        "return self.status is not None",
        f"{BOUNCES}::test_only_an_address_that_nobody_reads_is_dead",
    ),
    defect(
        "bounces: the first block counts though another failed",
        f"{EMAIL}/bounces.py",
        "next((one for one in reports if one[0] == _FAILED), reports[0])",
        "reports[0]",
        f"{BOUNCES}::test_of_several_blocks_a_failure_counts",
    ),
    defect(
        "bounces: any feedback is a complaint",
        f"{EMAIL}/bounces.py",
        "if found and found[1].lower() in _COMPLAINTS:",
        "if found:",
        f"{BOUNCES}::test_feedback_that_is_no_reader_s_wish_is_nothing",
    ),
    defect(
        "bounces: a complaint is a bounce",
        f"{EMAIL}/bounces.py",
        '_COMPLAINED: Final = "complained"',
        '_COMPLAINED: Final = "failed"',
        f"{BOUNCES}::test_a_complaint_is_read_and_is_no_bounce",
    ),
    defect(
        "bounces: depth is followed",
        f"{EMAIL}/bounces.py",
        "> _MAX_PARTS",
        "> 10**9",
        f"{BOUNCES}::test_what_is_long_is_cut_and_what_is_deep_is_not_followed",
    ),
    defect(
        "bounces: the parser is left with what is message/…",
        f"{EMAIL}/bounces.py",
        r'_TYPES.sub(rb"\1text/", raw)',
        "raw",
        f"{BOUNCES}::test_reports_of_each_type_are_read_in_each_coding",
    ),
    defect(
        "bounces: an address that ends like ours is ours",
        f"{EMAIL}/bounces.py",
        r"(?<![^\s<,;:])",
        "",
        f"{BOUNCES}::test_an_address_that_only_looks_like_ours_names_nothing",
    ),
    defect(
        "bounced: what is said of a message counts each time that it is sent",
        "app/messages/bounced.py",
        "not await record_once(conn, _SOURCE, event_id)",
        "False",
        f"{LATER}::test_an_event_counts_once",
    ),
    defect(
        "bounced: anybody may say that a message came back",
        "app/api/messages/hook_routes.py",
        "    inbound.verify_event(secrets.get_secret_value().split(), request.headers, body)\n",
        "",
        f"{LATER}::test_what_is_not_signed_changes_nothing",
    ),
    defect(
        "bounced: a full mailbox is never written to again",
        f"{EMAIL}/later_words.py",
        "self.said is Said.BOUNCED and self.status is not None and is_dead_address(self.status)",
        "self.said is Said.BOUNCED",
        f"{LATER}::test_a_full_mailbox_or_one_that_was_not_reached_is_written_to_again",
    ),
    defect(
        "bounced: who complains is written to again",
        WORDS,
        "if row.recipient and (said.is_complaint or said.for_good):",
        "if row.recipient and said.for_good:",
        f"{LATER}::test_who_complains_was_told_and_is_told_no_more",
    ),
    defect(
        "bounced: a mail that is late has come back",
        f"{EMAIL}/later_words.py",
        "if bounce.has_failed:",
        "if True:",
        f"{LATER}::test_a_report_that_something_is_late_or_there_bounces_nothing",
    ),
    defect(
        "bounced: one that comes too early is thrown away",
        "app/messages/bounced.py",
        "if await later_words.keep(conn, word.message_id, said):",
        "if False:",
        f"{EARLY}::test_a_word_that_comes_before_the_relay_s_own_or_after_it_is_one_result",
        f"{COMMAND}::test_one_that_comes_before_the_relay_s_word_is_recorded_is_kept",
    ),
    defect(
        "bounced: what was kept never counts",
        "app/db/messages/attempts.py",
        "[row.id for row in rows if row.status is MessageStatus.SENT]",
        "[]",
        f"{EARLY}::test_a_word_that_comes_before_the_relay_s_own_or_after_it_is_one_result",
    ),
    defect(
        "bounced: what came back before its sender died is sent again",
        "app/messages/sending.py",
        "if message.was_taken:",
        "if False:",
        f"{EARLY}::test_what_a_relay_took_and_nobody_heard_is_not_sent_again_once_it_came_back",
    ),
    defect(
        "bounced: one that is sent again counts as taken by what was said of it before",
        "app/db/messages/claims.py",
        ' and row["sent_at"] is None',
        "",
        f"{EARLY}::test_one_that_is_sent_again_goes_out_whatever_was_said_of_it_before",
    ),
    defect(
        "bounced: without a database the MTA throws the mail away",
        "app/cli/messages.py",
        "told = str(error) if isinstance(error, CommandError) else explain(error)",
        "raise",
        f"{COMMAND}::test_without_a_database_the_mail_is_to_be_kept",
    ),
    defect(
        "outbox: a name of elsewhere reads the demo's mails",
        "app/api/layers/addresses.py",
        'return is_here(caller) and is_here(connection.url.hostname or "")',
        "return is_here(caller)",
        f"{PAGES}::test_a_name_of_elsewhere_that_leads_here_is_shown_nothing",
    ),
    defect(
        "outbox: anybody reads the mails of a service that is no demo",
        "app/main.py",
        "if demo_key is not None and settings.embedded and settings.smtp_url is None:",
        "if settings.embedded and settings.smtp_url is None:",
        f"{PAGES}::test_only_a_demo_without_a_relay_has_an_outbox_to_look_at",
    ),
    defect(
        "outbox: a mail's words are markup of the page",
        "app/api/pages/outbox_pages.py",
        'return escape(str(mail.get(header, "")))',
        'return str(mail.get(header, ""))',
        f"{PAGES}::test_nothing_that_a_mail_holds_becomes_markup_of_ours_or_runs_in_its_frame",
    ),
    defect(
        "outbox: what a mail brings runs when its frame is opened by itself",
        "app/api/pages/outbox_pages.py",
        '"sandbox; default-src',
        '"default-src',
        f"{PAGES}::test_nothing_that_a_mail_holds_becomes_markup_of_ours_or_runs_in_its_frame",
    ),
)
