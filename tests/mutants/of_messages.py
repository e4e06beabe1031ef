"""The defects that `make mutants` seeds in what clients are told."""

from mutants.defects import Defect, defect

WORDS = "tests/unit/messages/test_words.py"
TRUTH = "tests/unit/messages/test_truth.py"
LANGUAGES = "tests/unit/messages/test_languages.py"
PHRASES = "tests/unit/messages/test_phrases.py"
BYTES = "tests/unit/messages/test_mime.py"
TEMPLATES = "tests/unit/messages/test_templates.py"
COMPOSE = "app/messages/compose"
TOTALS = f"{COMPOSE}/totals.py"
SENTENCES = f"{COMPOSE}/sentences.py"
LETTER = f"{COMPOSE}/letter.py"
FORMATS = f"{COMPOSE}/formats.py"
MIME = f"{COMPOSE}/mime.py"
RULES = f"{COMPOSE}/templates/rules.py"
FILL = f"{COMPOSE}/templates/fill.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a message says that what failed came back",
        TOTALS,
        "    yield Topic(line.state, _kind(line)), of\n",
        "    if line.state is ToldState.WITH_A_PERSON:\n        line = ToldLine(ToldState.RETURNED, line.method, line.form)\n    yield Topic(line.state, _kind(line)), of\n",
        TRUTH,
    ),
    defect(
        "a message says that what is under way came back",
        SENTENCES,
        "            return words.phrases.under_way\n",
        "            return {**words.phrases.returned, 'owed': words.phrases.returned['payment']}\n",
        TRUTH,
    ),
    defect(
        "a message promises what failed",
        f"{COMPOSE}/phrases/en.toml",
        "We were not able to return {sum} automatically.",
        "We were not able to return {sum} automatically and will refund it soon.",
        PHRASES,
    ),
    defect(
        "a message says when a bank shows what never left",
        SENTENCES,
        "if topic == (ToldState.RETURNED, Kind.PAYMENT):",
        "if topic.state is not ToldState.KEPT:",
        TRUTH,
    ),
    defect(
        "a message adds its bonus to what failed",
        TOTALS,
        "_WITH_BONUS: Final = (ToldState.RETURNED, ToldState.UNDER_WAY)",
        "_WITH_BONUS: Final = (ToldState.RETURNED, ToldState.UNDER_WAY, ToldState.WITH_A_PERSON)",
        TRUTH,
    ),
    defect(
        "a message leaves out what a rule keeps beside what came back",
        TOTALS,
        "kept.money[line.currency] = line.kept_amount_minor",
        "kept.money[line.currency] = 0",
        TRUTH,
    ),
    defect(
        "a message does not say what has changed since the last",
        LETTER,
        "    changed = changes(told_before, facts)\n    sessions",
        "    changed = None\n    sessions",
        WORDS,
    ),
    defect(
        "a message does not take back what the last one said",
        LETTER,
        "    yield from undone(words, changed.undone)\n",
        "",
        TRUTH,
    ),
    defect(
        "a message tells all of a sum as new where a part of it is",
        TOTALS,
        "        total.money - than.money,",
        "        total.money,",
        WORDS,
    ),
    defect(
        "a message that is as it was says that something has changed",
        TOTALS,
        "    if before is None or _told(before) == _told(now):",
        "    if before is None:",
        WORDS,
    ),
    defect(
        "a message writes money with the decimals that CLDR prints",
        FORMATS,
        "currency=currency, currency_digits=False",
        "currency=currency, currency_digits=True",
        LANGUAGES,
    ),
    defect(
        "a message reckons every currency in hundredths",
        FORMATS,
        "    places = decimals(currency)\n",
        "    places = 2\n",
        LANGUAGES,
    ),
    defect(
        "a message takes a word of a pattern for the hour's form",
        f"{COMPOSE}/languages.py",
        """re.sub(r"'[^']*'", "", locale.time_formats["short"].pattern)""",
        """locale.time_formats["short"].pattern""",
        LANGUAGES,
    ),
    defect(
        "a message names a day on which credits have ended",
        FORMATS,
        "dt.datetime.fromisoformat(expires_after) - _LAST_MOMENT",
        "dt.datetime.fromisoformat(expires_after)",
        LANGUAGES,
    ),
    defect(
        "a message tells who waited that it was their class",
        LETTER,
        "    forms = words.phrases.opening_waiting if is_waiting_list(facts) else words.phrases.opening\n",
        "    forms = words.phrases.opening\n",
        WORDS,
    ),
    defect(
        "a message counts two places in one session as two classes",
        LETTER,
        "found.setdefault(session.session_id, [])",
        "found.setdefault(session.booking_id, [])",
        WORDS,
    ),
    defect(
        "a message links to a choice that is over",
        LETTER,
        "if facts.choice is None or links.choice is None",
        "if links.choice is None",
        TEMPLATES,
    ),
    defect(
        "a message's page runs what a name says",
        f"{COMPOSE}/rendering.py",
        "autoescape=True",
        "autoescape=False",
        WORDS,
    ),
    defect(
        "a message's subject is not cleaned before it is a header",
        MIME,
        'message["Subject"] = shown(composed.subject)',
        'message["Subject"] = composed.subject',
        BYTES,
    ),
    defect(
        "a message's names are not cleaned before they are headers",
        MIME,
        "Address(shown(mailbox.name), local, ascii_domain)",
        'Address(mailbox.name or "", local, ascii_domain)',
        BYTES,
    ),
    defect(
        "a message folds the address of its unsubscription",
        MIME,
        "SMTP.clone(max_line_length=998,",
        "SMTP.clone(max_line_length=78,",
        BYTES,
    ),
    defect(
        "a message needs a relay of 8 bits",
        MIME,
        'cte_type="7bit"',
        'cte_type="8bit"',
        BYTES,
    ),
    defect(
        "a message's calendar takes out a class that its client waited for",
        f"{COMPOSE}/cancellation_calendar.py",
        "if any(one.booking_status in _IN_CALENDAR for one in bookings):",
        "if bookings:",
        BYTES,
    ),
    defect(
        "a message's template goes through anything",
        RULES,
        'is_known = isinstance(goes_through, nodes.Name) and goes_through.name == "sessions"',
        "is_known = True",
        TEMPLATES,
    ),
    defect(
        "a message's template holds any kind of node",
        RULES,
        "case _ if not isinstance(node, _ALLOWED):",
        "case _ if isinstance(node, nodes.Macro):",
        TEMPLATES,
    ),
    defect(
        "a message's template makes as much as it likes",
        FILL,
        "if length > MAX_OUTPUT:",
        "if length < 0:",
        TEMPLATES,
    ),
    defect(
        "a message's template leaves out what failed",
        f"{COMPOSE}/templates/validate.py",
        "        if value not in text:\n",
        "        if value not in text and name == 'text':\n",
        TEMPLATES,
    ),
    defect(
        "a message's names stand for what is ours in a template",
        f"{COMPOSE}/said.py",
        "    return text.translate(PRIVATE)\n",
        "    return text\n",
        TEMPLATES,
    ),
    defect(
        "a message is not written where its template fails",
        f"{COMPOSE}/message.py",
        "        with suppress(TemplateFault):\n            own_body = body_by(template, values)\n",
        "        own_body = body_by(template, values)\n",
        TEMPLATES,
    ),
)
