"""What a client reads: one message for all bookings, the truth of each sum, changes first."""

from dataclasses import replace

import pytest

from app.domain.messages.facts import Correspondents, ToldState
from app.domain.statuses import BookingStatus, RefundForm
from app.messages.compose.message import compose
from app.messages.compose.templates.samples import (
    BARRE,
    CARD,
    CREDIT,
    SAMPLES,
    YOGA,
    booked,
    told,
)

TO = Correspondents("sunny", "Sunny Yoga", "Ana Lima", "en", reply_to="desk@sunny.test")
FAILED = replace(CARD, state=ToldState.WITH_A_PERSON)
UNDER_WAY = replace(CARD, state=ToldState.UNDER_WAY)
GOODWILL = replace(CREDIT, form=RefundForm.GOODWILL, credits=2)


def text_of(facts, language="en", **more):
    return compose(facts, replace(TO, language=language), **more).text


def said(facts, language="en", **more):
    """The paragraphs between the opening and the list of sessions."""
    paragraphs = text_of(facts, language, **more).split("\n\n")
    starts = next(at for at, one in enumerate(paragraphs) if "Sunny Yoga" in one)
    ends = next(at for at, one in enumerate(paragraphs) if one.startswith("* ")) - 1
    return paragraphs[starts + 1 : ends]


def test_one_message_tells_of_all_bookings_with_each_ones_sums_below_it():
    facts = told(
        booked(replace(CARD, kept_amount_minor=500)),
        booked(CREDIT, session=BARRE),
    )
    assert text_of(facts) == (
        "Dear Ana Lima,\n\n"
        "We are sorry to let you know that 2 of your classes at Sunny Yoga have been cancelled.\n"
        "Reason: Burst pipe\n\n"
        "We have refunded €20.00 to your original payment method. Depending on your bank, it"
        " usually takes 5–10 business days to appear on your statement.\n\n"
        "We have returned 1 credit to your account.\n\n"
        "In line with our cancellation terms, we keep €5.00.\n\n"
        "Cancelled classes\n\n"
        "* Yoga Flow\n"
        "  Mon, Nov 30, 2026, 6:00\u2009–\u20097:00\u202fPM\n"
        "  Room 2\n"
        "  with Kofi Mensah\n"
        "  Refunded: €20.00\n"
        "  Not returned: €5.00\n\n"
        "* Barre\n"
        "  Tue, Dec 1, 2026, 9:30\u2009–\u200910:15\u202fAM\n"
        "  Returned: 1 credit\n\n"
        "If you have any questions, simply reply to this message.\n\n"
        "Kind regards,\n"
        "Sunny Yoga\n"
    )


@pytest.mark.parametrize(
    ("language", "returned", "failed"),
    [
        (
            "en",
            (
                "We have refunded €20.00 to your original payment method. Depending on your bank,"
                " it usually takes 5–10 business days to appear on your statement."
            ),
            (
                "We were not able to return €20.00 automatically."
                " A member of our team is looking into it."
            ),
        ),
        (
            "fr",
            (
                "Nous vous avons remboursé 20,00\xa0€ sur votre moyen de paiement d’origine. Selon"
                " votre banque, l’opération apparaît généralement sur votre relevé sous 5 à 10"
                " jours ouvrés."
            ),
            (
                "La restitution de 20,00\xa0€ n’a pas pu se faire automatiquement."
                " Notre équipe s’en occupe."
            ),
        ),
        (
            "de",
            (
                "Wir haben Ihnen 20,00\xa0€ auf dem ursprünglichen Zahlungsweg erstattet. Je nach"
                " Bank dauert es in der Regel 5–10 Werktage, bis der Betrag auf Ihrem Konto"
                " erscheint."
            ),
            (
                "Die Rückgabe von 20,00\xa0€ war automatisch nicht möglich."
                " Unser Team kümmert sich darum."
            ),
        ),
        (
            "es",
            (
                "Le hemos reembolsado 20,00\xa0€ en su método de pago original. Según su banco,"
                " suele tardar entre 5 y 10 días hábiles en aparecer en su extracto."
            ),
            (
                "No ha sido posible devolver 20,00\xa0€ automáticamente."
                " Nuestro equipo se está ocupando de ello."
            ),
        ),
        (
            "pt",
            (
                "Reembolsamos €\xa020,00 na sua forma de pagamento original. Dependendo do seu"
                " banco, o valor costuma aparecer no extrato em 5 a 10 dias úteis."
            ),
            (
                "Não foi possível devolver €\xa020,00 automaticamente."
                " Nossa equipe está cuidando disso."
            ),
        ),
        (
            "ja",
            (
                "€20.00を、お支払いいただいた方法へご返金いたしました。金融機関により異なりますが、"
                "通常5～10営業日ほどで明細に反映されます。"
            ),
            "€20.00は、自動でお返しすることができませんでした。担当者が確認しております。",
        ),
    ],
)
def test_what_came_back_and_what_failed_in_each_language(language, returned, failed):
    assert said(told(booked(CARD)), language) == [returned]
    assert said(told(booked(FAILED)), language) == [failed]


def test_money_of_one_state_is_one_sentence_by_currency():
    yen = replace(CARD, amount_minor=1000, currency="JPY")
    facts = told(booked(CARD, yen), booked(CARD, session=BARRE))
    assert said(facts)[0].startswith("We have refunded €40.00 and ¥1,000 to")


def test_store_credit_says_its_bonus_and_until_when_it_can_be_used():
    line = replace(
        CARD,
        form=RefundForm.STORE_CREDIT,
        bonus_minor=200,
        expires_after="2027-12-31T23:00:00Z",  # midnight in Berlin
    )
    assert said(told(booked(line))) == [
        (
            "We have added €22.00 to your store credit. This includes a bonus of €2.00."
            " You can use this until December 31, 2027."
        )
    ]
    later = replace(line, expires_after=None)
    facts = told(booked(line), booked(later, session=BARRE))
    assert said(facts)[0].endswith("The first of these can be used until December 31, 2027.")
    assert "store credit: €22.00 (valid until December 31, 2027)\n" in text_of(facts)


def test_a_hold_that_is_let_go_is_no_refund_and_takes_no_days():
    void = replace(CARD, form=RefundForm.VOID)
    assert said(told(booked(void))) == [
        "Your payment of €20.00 was never collected, and we have released the hold on it."
    ]


def test_goodwill_is_told_of_where_it_was_given_and_not_where_a_person_gave_it_up():
    assert "goodwill, we have added 2 credits" in said(told(booked(GOODWILL)))[0]
    failed = replace(GOODWILL, state=ToldState.WITH_A_PERSON)
    assert said(told(booked(failed)))[0].startswith("We were not able to add 2 credits")
    given_up = replace(GOODWILL, state=ToldState.KEPT)
    assert said(told(booked(CARD, given_up))) == said(told(booked(CARD)))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (BookingStatus.BOOKED, "In line with our cancellation terms, we keep €20.00."),
        (BookingStatus.LATE_CANCELLED, "we keep €20.00 for a booking that you had cancelled late."),
        (BookingStatus.NO_SHOW, "we keep €20.00 for a booking that was recorded as missed."),
        (BookingStatus.CHECKED_IN, "We keep €20.00, as our records show that you attended."),
    ],
)
def test_what_is_kept_says_why_in_plain_words(status, words):
    kept = replace(CARD, state=ToldState.KEPT, amount_minor=0, kept_amount_minor=2000)
    [sentence] = said(told(replace(booked(kept), booking_status=status)))
    assert sentence.endswith(words)


def test_what_a_person_gave_up_names_no_rule():
    assert said(told(booked(replace(CARD, state=ToldState.KEPT)))) == [
        "€20.00 is not being returned."
    ]


def test_the_waiting_list_hears_that_it_waited_and_a_free_booking_that_nothing_was_paid():
    waiting = replace(YOGA, booking_status=BookingStatus.WAITLISTED)
    assert "You were on the waiting list for it." in text_of(told(waiting))
    assert said(told(waiting)) == []
    assert said(told(YOGA)) == [
        "Nothing was paid separately for this booking, so there is nothing to return."
    ]
    mixed = text_of(told(booked(CARD), replace(waiting, session_id="other"), BARRE))
    assert mixed.count("\n  You were on the waiting list.\n") == 1
    assert mixed.count("\n  Nothing was paid separately\n") == 1


def test_two_places_in_one_session_are_one_class():
    text = text_of(told(booked(CARD), replace(booked(CARD), booking_id="guest")))
    assert "your class at Sunny Yoga has been cancelled" in text
    assert text.count("* Yoga Flow") == 1
    assert "We have refunded €40.00" in text


def test_a_choice_says_until_when_and_where_and_only_while_there_is_one():
    sample = SAMPLES["choice"]
    text = text_of(sample.facts, choice_url="https://x.test/c")
    assert (
        "You can choose how you would like to receive your refund until"
        " Sun, Nov 29, 2026, 6:00 PM (Berlin time):"
        " refund to your original payment method or store credit."
        " Store credit comes with a bonus of 10%."
        " If you make no choice, this applies: refund to your original payment method.\n"
        "Make your choice\nhttps://x.test/c\n"
    ) in text
    assert "You do not need to do anything" not in text
    assert "https://x.test/c" not in text_of(told(booked(CARD)), choice_url="https://x.test/c")


@pytest.mark.parametrize(
    ("before", "now", "news"),
    [
        (
            booked(CARD),
            booked(FAILED),
            [
                (
                    "- Our last message said that €20.00 had been refunded to your original payment"
                    " method. Unfortunately, that is no longer the case, and we apologise."
                ),
                (
                    "- We were not able to return €20.00 automatically."
                    " A member of our team is looking into it."
                ),
            ],
        ),
        (
            booked(UNDER_WAY, CREDIT),
            booked(CARD, CREDIT),
            [
                (
                    "- We have refunded €20.00 to your original payment method. Depending on your"
                    " bank, it usually takes 5–10 business days to appear on your statement."
                )
            ],
        ),
        (
            booked(CARD, UNDER_WAY),
            booked(CARD, replace(CARD, amount_minor=500)),
            [
                (
                    "- We have refunded €5.00 to your original payment method. Depending on your"
                    " bank, it usually takes 5–10 business days to appear on your statement."
                )
            ],
        ),
        (
            booked(FAILED),
            booked(replace(FAILED, state=ToldState.ELSEWHERE)),
            ["- According to our records, €20.00 has already come back to you in another way."],
        ),
        (
            booked(replace(GOODWILL, state=ToldState.WITH_A_PERSON)),
            booked(replace(GOODWILL, state=ToldState.KEPT)),
            ["- The 2 credits on top are not being added."],
        ),
    ],
)
def test_a_late_change_says_first_what_has_changed_since_the_last_message(before, now, news):
    text = text_of(told(now), told_before=told(before), text="The studio is flooded.")
    head, rest = text.split("\n\nThis is how everything stands now.\n\n")
    assert head.split("\n") == [
        "Dear Ana Lima,",
        "",
        "Something has changed since our last message:",
        *news,
    ]
    assert rest.startswith("The studio is flooded.\n\nWe are sorry")
    subject = compose(told(now), TO, told_before=told(before)).subject
    assert subject == "Update on your cancelled class at Sunny Yoga"


def test_what_is_as_it_was_told_is_no_change_and_details_are_named_as_such():
    facts = told(booked(CARD))
    assert text_of(facts, told_before=replace(facts, is_final=False)) == text_of(facts)
    moved = text_of(facts, told_before=replace(facts, reason="Snow"))
    assert "Some details have changed since our last message.\n\nThis is how" in moved


def test_the_business_s_own_words_stand_first_and_are_taken_literally():
    own = "Dear all,\r\n\r\n<b>{{ client_name }}</b>\x00 {reason}\n\n\n"
    composed = compose(told(booked(CARD)), TO, text=own, subject="Snow\r\nBcc: all@x.test")
    assert composed.subject == "Snow Bcc: all@x.test"
    assert composed.text.startswith(
        "Dear Ana Lima,\n\nDear all,\n\n<b>{{ client_name }}</b> {reason}\n\nWe are sorry"
    )
    assert "<p" in composed.html
    assert "&lt;b&gt;{{ client_name }}&lt;/b&gt; {reason}" in composed.html


def test_sessions_of_several_zones_say_by_whose_clocks_they_are():
    there = replace(BARRE, timezone="America/Toronto")
    text = text_of(told(YOGA, there))
    assert "PM (Berlin time)\n" in text
    assert "AM (Toronto time)\n" in text


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("language", ["en", "fr-CA", "de", "es-419", "pt", "ja"])
def test_text_and_page_say_the_same_and_the_page_loads_nothing(language, name):
    sample = SAMPLES[name]
    composed = compose(
        sample.facts,
        replace(sample.to, language=language),
        told_before=sample.told_before,
        text=sample.text,
        choice_url=sample.choice_url,
        page_url=sample.page_url,
    )
    assert f'<html lang="{language}" dir="ltr">' in composed.html
    for forbidden in ("<img", "<link", "<script", "@import", "url(", "src=", "<style>\n.", "<b>"):
        assert forbidden not in composed.html
    links = composed.html.count("<a ")
    assert links == bool(sample.choice_url) + bool(sample.page_url)
    assert all(len(line) < 998 for line in composed.text.splitlines())
