"""What a newcomer sees of the demo: the mail that a client would get, which runs nothing."""

import json
import re

import httpx
from acceptance.terminal import PATIENCE_SECONDS, Terminal, serving, wait_until
from playwright.sync_api import expect


def test_a_newcomer_cancels_a_class_and_reads_the_mail_that_its_client_would_get(
    zygote, tmp_path, page
):
    with serving(Terminal(zygote, tmp_path), "demo", "--port=0") as (process, address):
        wait_until(lambda: "Ctrl-C" in process.log.read_text())
        told = process.log.read_text()
        assert f"{address}/outbox\n" in told
        page.goto(f"{address}/outbox")
        expect(page.get_by_text("Nothing has been sent yet")).to_be_visible()
        cancel_one_class(address, told)
        wait_until(lambda: "/outbox/" in httpx.get(f"{address}/outbox").text)
        page.reload()
        page.get_by_role("list").get_by_role("link").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
        framed = page.frame_locator("iframe.mail")
        expect(framed.get_by_role("heading", level=1)).to_contain_text("cancelled")
        sheet = framed.locator(".sheet")
        assert sheet.evaluate("(one) => getComputedStyle(one).borderRadius") == "8px"
        text = page.locator(".mail-text")
        expect(text).to_contain_text("Demo Studio")
        expect(text.get_by_role("link").first).to_have_attribute(
            "href", re.compile(re.escape(address))
        )


def cancel_one_class(address, told):
    """As the lines that the demo prints do, one class of the week."""
    key = re.search(r"bck_\w+", told)[0]
    week = json.loads(re.search(r"/plan -d '(.*)'", told)[1])
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "snow-day"}
    with httpx.Client(
        base_url=f"{address}/v1", headers=headers, timeout=PATIENCE_SECONDS
    ) as client:
        days = {name: week[name] for name in ("date_from", "date_to")}
        first = client.get("/sessions", params=days).json()["data"][0]["id"]
        accepted = client.post("/bulk-cancellations", json=week | {"session_ids": [first]})
        assert accepted.status_code == 202, accepted.text
