"""A business's own words: what they may say, what they may not do, and that they end soon."""

import time
from dataclasses import replace

import pytest

from app.domain.messages.facts import LANGUAGES
from app.messages.compose.message import compose
from app.messages.compose.templates.fill import MAX_OUTPUT, Template
from app.messages.compose.templates.rules import IN_BODIES, MAX_BYTES
from app.messages.compose.templates.samples import CARD, SAMPLES, booked, told
from app.messages.compose.templates.validate import validate
from app.messages.compose.templates.values import PLACEHOLDERS

OWN = """Hello {{ client_name or "there" }},

{{ text }}
{% if is_update %}
Something is otherwise.
{% endif %}
{% for session in sessions %}
- {{ session.name }}, {{ session.date }} {{ session.time }}
{% if session.location %}
    {{ session.location ~ ", " ~ session.instructor }}
{% endif %}
{% for sum in session.sums %}
    {{ loop.index }}. {{ sum }}
{% endfor %}
{% endfor %}

{% if returned %}Back: {{ returned }}.{% endif %}
{% if under_way %}Not confirmed yet: {{ under_way }}.{% endif %}
{% if with_a_person %}We look after {{ with_a_person }}.{% endif %}
{% if elsewhere %}Back in another way: {{ elsewhere }}.{% endif %}
{% if kept %}Kept: {{ kept }}.{% endif %}
{% if choice_url %}Choose until {{ choice_until }}: {{ choice_url|upper }}{% endif %}
{% if page_url %}See {{ page_url }}{% endif %}
"""


WITHOUT_SUMS = OWN.replace("{{ loop.index }}. {{ sum }}", "")


def composed(name, template, **more):
    sample = SAMPLES[name]
    return compose(
        sample.facts,
        sample.to,
        told_before=sample.told_before,
        text=sample.text,
        choice_url=sample.choice_url,
        page_url=sample.page_url,
        template=template,
        **more,
    )


def faults(body=None, subject=None, language="en"):
    return [
        (one.pointer, one.code, one.detail) for one in validate(Template(subject, body), language)
    ]


def codes(body):
    return [code for _, code, _ in faults(body)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_template_may_say_all_of_it_in_its_own_words_or_in_ours(language):
    assert faults(OWN, "{{ business_name }}: {{ count }} cancelled", language) == []
    assert faults("Hi {{ client_name }}!\n\n{{ details }}\n\nBye", None, language) == []


def test_every_placeholder_is_documented_and_is_there():
    assert {*PLACEHOLDERS} == IN_BODIES
    every = "{{ details }}" + "".join(f"{{{{ {name} }}}}" for name in PLACEHOLDERS)
    assert faults(every) == []


def test_its_own_words_stand_around_ours():
    template = Template("Snow: {{ returned }}", "Hi {{ client_name }}!\n\n{{ details }}\n\nBye")
    made = composed("refund", template)
    assert made.subject == "Snow: €20.00"
    assert made.text.startswith("Hi Ana Lima!\n\nWe are sorry")
    assert made.text.endswith("with Kofi Mensah\n\nBye\n")
    assert composed("refund", template, subject="Flood").subject == "Flood"


def test_an_address_is_ours_whatever_the_template_does_to_it():
    made = composed("choice", Template(None, OWN))
    assert "Choose until Sun, Nov 29, 2026, 6:00 PM (Berlin time): https://" in made.text
    assert "https://studio.test/choose/sample" in made.text
    assert made.html.count("<a ") == 1
    assert 'href="https://studio.test/choose/sample"' in made.html


def test_a_template_has_no_address_of_a_choice_that_there_is_not():
    sample = SAMPLES["refund"]
    template = Template(None, "{{ details }}{% if choice_url %}Choose!{% endif %}")
    made = compose(sample.facts, sample.to, choice_url="https://x.test/c", template=template)
    assert "Choose!" not in made.text
    assert "https://x.test/c" not in made.html


def test_what_a_template_says_is_text_on_the_page():
    body = "<script>x</script> <a href='https://evil.test'>x</a> {{ reason }}\ue001 {{ details }}"
    made = composed("hostile names", Template(None, body))
    assert "<script" not in made.html
    assert "<a " not in made.html
    assert "&lt;script&gt;x&lt;/script&gt;" in made.html
    assert "\ue001" not in made.html + made.text


def test_names_that_look_like_templates_are_not_run():
    made = composed("hostile names", Template("{{ business_name }}", OWN))
    assert "<b>{{ reason }}</b>" in made.text
    assert "\n" not in made.subject


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{{ nope }}", "template-unknown-name"),
        ("{% if false %}{{ nope }}{% endif %}", "template-unknown-name"),
        ("{{ client_email }}", "template-unknown-name"),
        ("{{ details", "template-syntax"),
        ("{% macro x() %}{% endmacro %}", "template-not-allowed"),
        ("{% import 'x' as y %}", "template-not-allowed"),
        ("{% include 'x' %}", "template-not-allowed"),
        ("{% extends 'x' %}", "template-not-allowed"),
        ("{% block x %}{% endblock %}", "template-not-allowed"),
        ("{% set x = 1 %}", "template-not-allowed"),
        ("{% with x = 1 %}{{ x }}{% endwith %}", "template-not-allowed"),
        ("{% filter upper %}x{% endfilter %}", "template-not-allowed"),
        ("{% autoescape false %}x{% endautoescape %}", "template-not-allowed"),
        ("{{ range(10) }}", "template-not-allowed"),
        ("{{ sessions.append(1) }}", "template-not-allowed"),
        ("{{ client_name.upper() }}", "template-not-allowed"),
        ("{{ client_name.__class__ }}", "template-not-allowed"),
        ("{{ client_name['__class__'] }}", "template-not-allowed"),
        ("{{ 'x' * 1000000000 }}", "template-not-allowed"),
        ("{{ '%1000000000d' % 1 }}", "template-not-allowed"),
        ("{{ 9 ** 9 ** 9 }}", "template-not-allowed"),
        ("{{ 1 / 0 }}", "template-not-allowed"),
        ("{{ details|safe }}", "template-not-allowed"),
        ("{{ reason|center(1000000000) }}", "template-not-allowed"),
        ("{{ reason|replace('', 'xx') }}", "template-not-allowed"),
        ("{{ sessions is sameas sessions }}", "template-not-allowed"),
        ("{% for x in [1, 2] %}{% endfor %}", "template-not-allowed"),
        ("{% for x in client_name %}{% endfor %}", "template-not-allowed"),
        (
            "{% for x in sessions %}{% for y in sessions %}{% endfor %}{% endfor %}",
            "template-not-allowed",
        ),
        ("{% for x in sessions recursive %}{% endfor %}", "template-not-allowed"),
        ("{% for text in sessions %}{% endfor %}", "template-not-allowed"),
        ("x" * (MAX_BYTES + 1), "template-too-long"),
        ("é" * (MAX_BYTES // 2 + 1), "template-too-long"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "template-too-deep"),
        ("{{ " + "not " * 4000 + "1 }}", "template-too-deep"),
        ("{% if 1 %}" * 900 + "{% endif %}" * 900, "template-too-deep"),
        ("{{ details }}{{ 'a' > 1 }}", "template-failed"),
        ("{{ details }}{{ sessions.name }}", "template-failed"),
        ("{{ details }}{% if choice_url %}{{ loop }}{% endif %}", "template-unknown-name"),
        ("{{ details }}" + "{% for x in sessions %}" + "x" * 19000 + "{% endfor %}", None),
        ("Sorry!", "template-leaves-out"),
        (WITHOUT_SUMS.replace("{{ with_a_person }}", "it"), "template-leaves-out"),
        (WITHOUT_SUMS.replace("{{ kept }}", "some"), "template-leaves-out"),
        (WITHOUT_SUMS, None),
        (OWN.replace("{{ text }}", ""), "template-leaves-out"),
        (OWN.replace("{{ choice_url|upper }}", ""), "template-leaves-out"),
        (OWN.replace("{{ session.name }}", ""), "template-leaves-out"),
    ],
)
def test_what_is_not_taken_is_told_with_a_code(body, code):
    assert codes(body) == ([] if code is None else [code])


def test_a_branch_that_only_one_kind_of_message_enters_is_tried():
    [(pointer, code, detail)] = faults("{{ details }}{% if choice_until %}{{ 'a' < 1 }}{% endif %}")
    assert (pointer, code) == ("/body", "template-failed")
    assert detail == "Fails for some messages. (Sample: choice.)"


def test_a_name_cannot_stand_for_what_is_ours():
    sample = SAMPLES["choice"]
    made = compose(
        replace(sample.facts, reason="\ue000\ue001"),
        replace(sample.to, client_name="\ue000\ue001\ue002"),
        text="\ue000\ue001",
        choice_url=sample.choice_url,
        template=Template("{{ client_name }}", "{{ client_name }}{{ text }}{{ reason }}."),
    )
    assert made.text == ".\n"
    assert "<a " not in made.html


def test_a_subject_may_not_name_what_is_of_bodies_alone():
    assert [one[:2] for one in faults(None, "{{ details }}")] == [
        ("/subject", "template-unknown-name")
    ]


def test_no_template_takes_long_or_makes_much():
    loops = "{% for s in sessions %}{% for x in s.sums %}{{ text ~ text ~ x }}{% endfor %}"
    facts = told(
        *(replace(booked(CARD), session_id=f"s{number}") for number in range(2000)),
    )
    body = loops + "{% if reason %}{% endif %}" * 700 + "{% endfor %}"
    before = time.process_time()
    made = compose(facts, SAMPLES["refund"].to, text="x" * 1000, template=Template(None, body))
    assert time.process_time() - before < 30
    assert made.text.startswith("Dear Ana Lima,")  # ours, since the template's is cut off
    assert len(body) < MAX_BYTES
    assert MAX_OUTPUT < 2000 * 2000


def test_a_client_hears_of_it_although_a_template_fails():
    broken = Template("{{ 'a' < 1 }}", "{{ details }}{{ 'a' < 1 }}")
    assert composed("refund", broken) == composed("refund", None)


def test_a_template_that_says_nothing_is_left_out():
    assert composed("refund", Template(" ", " \n\n ")) == composed("refund", None)
