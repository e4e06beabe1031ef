"""The defects that `make mutants` seeds in the languages of the pages."""

from mutants.defects import Defect, defect

STAFF = "tests/browser/test_staff_languages.py"
PHRASES = (
    "tests/console/test_console_modules.py"
    "::test_what_the_console_says_is_right_wherever_its_device_is[languages.test.mjs]"
)
ANOTHER = (
    f"{STAFF}::test_the_pages_speak_another_language_once_it_is_set"
    "_and_english_where_its_words_can_t_be_had"
)

DEFECTS: tuple[Defect, ...] = (
    defect(
        "languages: staff's pages speak English whatever the business's language",
        "app/console/console.js",
        "    await speak(business.language, business.hour_cycle);\n",
        "",
        ANOTHER,
    ),
    defect(
        "languages: a page is in two languages where some words can't be had",
        "app/console/language.js",
        "    return null;\n  }\n}\n\nconst read",
        "    return inEnglish();\n  }\n}\n\nconst read",
        ANOTHER,
    ),
    defect(
        "languages: a phrase is asked for that is not there",
        "app/console/bulk_cancel.js",
        'say("pick.review")',
        'say("pick.revise")',
        PHRASES,
    ),
    defect(
        "languages: a phrase is English in another language",
        "app/console/languages/ja/plan.js",
        'review: "確認へ"',
        'review: "Review"',
        PHRASES,
    ),
    defect(
        "languages: what an element says runs into the words around it",
        "app/console/language.js",
        'return typeof value === "object" ? value : isolated(value);',
        "return value;",
        PHRASES,
    ),
    defect(
        "languages: the sign-in does not speak as its reader",
        "app/console/console.js",
        "  await spoken;\n",
        "",
        f"{STAFF}::test_who_is_not_signed_in_is_spoken_to_as_their_browser_reads",
    ),
    defect(
        "languages: a key does not learn its business's language",
        "app/api/business.py",
        "**spoken(None, sender)",
        "**spoken(None, type(sender)())",
        "tests/integration/messages/test_tries.py"
        "::test_any_key_learns_in_which_language_its_business_s_pages_speak",
    ),
)
