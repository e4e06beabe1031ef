"""A client's link: nobody can make one, it acts for one client of one job, and no log has it."""

import asyncio
import base64
import json
import uuid

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from worlds.problems import problem
from worlds.studio import calling

from app.auth.keys import Scope
from app.cancellation.choices import links
from app.db import tables as t
from app.encryption import SecretBox
from app.main import create_app


def tampered(token):
    whose, code = token.split(".")
    decoded = base64.urlsafe_b64decode(whose + "==")
    other = base64.urlsafe_b64encode(decoded[:16] + b"lee").rstrip(b"=").decode()
    return {
        "another client": f"{other}.{code}",
        "no code": f"{whose}.",
        "no code at all": whose,
        "half a code": f"{whose}.{code[:22]}",
        "another end of the code": f"{whose}.{code[:-1]}{'A' if code[-1] != 'A' else 'B'}",
        "capitals": token.swapcase(),
        "longer": f"{token}A",
        "padded": f"{token}=",
        "nothing": ".",
        "not ours": f"{whose}.{base64.urlsafe_b64encode(bytes(32)).rstrip(b'=').decode()}",
        "no ASCII": f"{whose}.ä{code[1:]}",
        "huge": "x" * 5000,
    }


async def test_a_token_that_was_not_given_leads_nowhere_and_says_nothing(asked):
    await asked.cancel()
    token = await asked.token()
    assert (await asked.read(token=token)).status_code == 200
    for how, wrong in tampered(token).items():
        for answer in (
            await asked.read(token=wrong),
            await asked.choose("store_credit", token=wrong),
        ):
            problem(answer, 404, "not-found")
            assert len(wrong) == 1 or wrong not in answer.text, how
    assert await asked.forms() == {"card": ("original", 0), "split": ("original", 0)}


async def test_a_token_is_of_one_job_one_client_and_this_services_key(asked):
    await asked.cancel()
    first, box = asked.job_id, asked.studio.runtime.settings.secret_box()
    wrong = {
        "of a job that there is not": links.token_of(box, str(uuid.uuid4()), "kim"),
        "of a client who has nothing to choose": links.token_of(box, first, "ana"),
        "of another service's key": links.token_of(
            SecretBox([Fernet.generate_key().decode()]), first, "kim"
        ),
    }
    await asked.studio.load(
        asked.studio.record("session", "s"), asked.studio.record("booking", "b", "s", ("CAD", 100))
    )
    plain = await asked.studio.accepted(["s"])
    await asked.studio.work(plain["id"])
    wrong["of a job that asks nobody"] = links.token_of(box, plain["id"], "kim")
    for how, token in wrong.items():
        assert (await asked.read(token=token)).status_code == 404, how
        assert (await asked.choose("original", token=token)).status_code == 404, how


def test_a_key_that_is_changed_leaves_links_in_force_for_as_long_as_it_is_given():
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    token = links.token_of(SecretBox([old]), str(uuid.UUID(int=7)), "kim")
    whose = links.WhoseChoice(str(uuid.UUID(int=7)), "kim")
    assert links.read(SecretBox([new, old]), token) == whose
    assert links.read(SecretBox([new]), token) is None
    assert links.token_of(SecretBox([new, old]), *whose) != token


async def test_what_a_client_sees_names_nobody_and_is_kept_nowhere(asked):
    await asked.cancel("yoga", "spin")
    answer = await asked.read()
    shown = answer.json()
    assert (shown["business"], shown["status"], shown["default"]) == ("Studio", "open", "original")
    assert [one["name"] for one in shown["sessions"]] == ["Yoga", "Spin"]
    assert {one["timezone"] for one in shown["sessions"]} == {"America/Toronto"}
    paid = [{"currency": "CAD", "amount_minor": 3510}, {"currency": "JPY", "amount_minor": 25}]
    bonus = [{"currency": "CAD", "amount_minor": 350}, {"currency": "JPY", "amount_minor": 2}]
    assert shown["offer"] == [
        {"form": "original", "amounts": paid, "bonus": []},
        {"form": "store_credit", "amounts": paid, "bonus": bonus},
    ]
    assert (shown["form"], shown["chosen_at"]) == (None, None)
    for personal in ("kim", "Kim", "example.org", "payment", "card"):
        assert personal not in answer.text
    token = await asked.token()
    async with calling(asked.studio.app) as anybody:
        for one in (
            answer,
            await anybody.head(f"/v1/choices/{token}"),
            await anybody.get("/v1/choices/wrong"),
            await anybody.post(f"/v1/choices/{token}", json={"form": "original"}),
        ):
            assert one.headers["Cache-Control"] == "no-store"
            assert one.headers["Referrer-Policy"] == "no-referrer"


async def test_no_log_has_a_token(asked, capfd):
    await asked.cancel()
    token = await asked.token()
    async with calling(asked.studio.app) as anybody:
        await anybody.get(f"/v1/choices/{token}")
        await anybody.post(f"/v1/choices/{token}", json={"form": "nothing"})
        await anybody.post(f"/v1/choices/{token}", json={"form": "original"})
        await anybody.get(f"/choose/{token}")
        await anybody.delete(f"/v1/choices/{token}/x")
    said = "".join(capfd.readouterr())
    paths = [json.loads(line)["path"] for line in said.splitlines() if '"request.answered"' in line]
    assert paths[-5:] == ["/v1/choices/{token}"] * 3 + ["/choose/{token}", "/v1/choices/{token}/x"]
    for part in token.split("."):
        assert part not in said
    assert '"choice.made"' in said
    assert "kim" not in said


async def test_only_who_may_read_the_audit_is_given_links(asked, caller_with, stranger):
    await asked.cancel()
    reader = await caller_with(Scope.CANCELLATIONS_READ)
    rows = (await reader.get(asked.path))["data"]
    assert [(one["client_id"], one["status"], one["link"]) for one in rows] == [
        ("kim", "open", None),
        ("lee", "open", None),
    ]
    assert {one["form"] for one in rows} == {None}
    auditor = await caller_with(Scope.AUDIT_READ)
    assert (await auditor.http.get(f"/v1{asked.path}")).status_code == 403
    assert (await stranger.http.get(f"/v1{asked.path}")).status_code == 404
    both = await caller_with(Scope.CANCELLATIONS_READ, Scope.AUDIT_READ)
    links_ = [one["link"] for one in (await both.get(asked.path))["data"]]
    assert links_ == [f"/choose/{asked.token_for(name)}" for name in ("kim", "lee")]


async def test_the_list_says_page_by_page_who_has_chosen_what(asked):
    await asked.cancel()
    await asked.choose("store_credit")
    await asked.move_deadline()
    rows = await asked.list(limit=1)
    assert [(one["client_id"], one["status"], one["form"]) for one in rows] == [
        ("kim", "chosen", "store_credit"),
        ("lee", "over", "original"),
    ]
    assert rows[0]["chosen_at"] is not None
    assert rows[1]["chosen_at"] is None
    plain = await asked.studio.accepted(["spin"])
    assert await asked.studio.pages(f"/bulk-cancellations/{plain['id']}/choices") == []
    query = {"cursor": "nonsense"}
    answer = await asked.studio.http.get(f"/v1{asked.path}", params=query)
    problem(answer, 422, "validation")


async def test_links_begin_with_the_public_address_where_there_is_one(asked):
    await asked.cancel()
    settings = asked.studio.runtime.settings
    named = settings.model_copy(
        update={"public_url": "https://studio.example/app/", "allowed_hosts": "*"}
    )
    app = create_app(named, database=asked.db, queue=asked.studio.queue)
    headers = {"Authorization": f"Bearer {asked.studio.key}"}
    async with calling(app, **headers) as desk:
        [first, _] = (await desk.get(f"/v1{asked.path}")).json()["data"]
        assert first["link"] == f"https://studio.example/app/choose/{asked.token_for('kim')}"
    keyless = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1"})
    app = create_app(keyless, database=asked.db, queue=asked.studio.queue)
    async with calling(app, **headers) as desk:
        rows = (await desk.get(f"/v1{asked.path}")).json()["data"]
        assert {one["link"] for one in rows} == {None}
        answer = await desk.get(f"/v1/choices/{asked.token_for('kim')}")
        problem(answer, 404, "not-found")


async def test_whoever_tries_links_or_asks_too_often_has_to_wait(asked):
    await asked.cancel()
    settings = asked.studio.runtime.settings.model_copy(update={"wrong_keys_per_minute": 3})
    app = create_app(settings, database=asked.db, queue=asked.studio.queue)
    token = await asked.token()
    async with calling(app) as anybody:
        wrong = [(await anybody.get(f"/v1/choices/{n}")).status_code for n in range(40)]
        assert wrong[:3] == [404] * 3
        assert set(wrong) == {404, 429}
        # Side by side, for one more is given each second.
        good = await asyncio.gather(*(anybody.get(f"/v1/choices/{token}") for _ in range(300)))
        taken = [one for one in good if one.status_code == 200]
        assert 60 <= len(taken) < len(good)
        [*_, last] = [one for one in good if one.status_code != 200]
        problem(last, 429, "too-many-requests")
        assert last.headers["RateLimit-Policy"] == '"link";q=60;w=60'
        other = await anybody.get(f"/v1/choices/{asked.token_for('lee')}")
        assert other.status_code == 200


@pytest.mark.parametrize("name", ["a", "x" * 128, "a.b:c~d-e_f"])
def test_every_client_id_has_a_token_that_stands_in_a_path(name):
    box = SecretBox([Fernet.generate_key().decode()])
    token = links.token_of(box, str(uuid.UUID(int=1)), name)
    assert links.read(box, token) == (str(uuid.UUID(int=1)), name)
    assert len(token) < 250
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


async def test_choices_that_disagree_with_refunds_are_found_by_the_check(asked):
    await asked.cancel()
    await asked.choose("original")
    assert await asked.broken() == []
    async with asked.db.write() as conn:
        await conn.execute(sa.update(t.choices).values(form="store_credit"))
    assert set(await asked.broken()) == {"choice"}
