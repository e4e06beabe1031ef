"""The pages as pictures of a studio at work: none is empty.

`make screens` keeps them for the README.
"""

import base64
import datetime as dt
import os
import re
import struct
import zlib
from array import array
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from browser.steps import at_once
from crash.processes import until
from playwright.sync_api import expect

from app.schedule.sample import ZONE, sample_lines

WIDTH, HEIGHT = 1280, 800
MAX_BYTES = 150_000
COLOURS = 256  # of a picture that is kept: those that it has most of
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The browser reads the picture, as whoever looks at the README has it read: its pixels, as 32 bits
# each.
PIXELS = (
    """async (encoded) => {
  const read = await createImageBitmap(new Blob(["""
    """Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))]));
  const canvas = new OffscreenCanvas(read.width, read.height).getContext("2d");
  canvas.drawImage(read, 0, 0);
  const { data } = canvas.getImageData(0, 0, read.width, read.height);
  let text = "";
  for (let at = 0; at < data.length; at += 32768)"""
    """ text += String.fromCharCode(...data.subarray(at, at + 32768));
  return btoa(text);
}"""
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the pictures go: the folder that TEST_SCREENS names, or one of the test's own."""
    folder = Path(os.environ.get("TEST_SCREENS") or tmp_path / "screens")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_pages_are_pictures_of_a_studio_at_work(open_studio, contexts, folder):
    studio = open_studio(
        sample_lines(dt.datetime.now(ZoneInfo(ZONE)).date() + dt.timedelta(days=7))
    )
    # As a studio in Toronto has them, with dollars that need no "CA" before them.
    context = contexts(
        viewport={"width": WIDTH, "height": HEIGHT}, locale="en-CA", reduced_motion="reduce"
    )
    page, reader = context.new_page(), contexts().new_page()

    def take(name: str) -> None:
        png = page.screenshot()
        assert png.startswith(SIGNATURE)
        assert struct.unpack(">II", png[16:24]) == (WIDTH, HEIGHT)
        pixels = array(
            "I", base64.b64decode(reader.evaluate(PIXELS, base64.b64encode(png).decode()))
        )
        assert len(set(pixels)) > 50, f"{name} is of one colour, or nearly"
        kept = with_a_palette(pixels)
        assert len(kept) < MAX_BYTES
        (folder / f"{name}.png").write_bytes(kept)

    cancel_earlier(studio)
    studio.town.faults(latency_seconds=0.5)
    page.goto(studio.signed_in(f"/bulk-cancel?{studio.week}"))
    for day in ("Monday", "Tuesday"):
        page.get_by_role("button", name=re.compile(f"Select all of {day}")).click()
    page.get_by_label("Reason").fill("Snow day")
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(WIDTH - 1, HEIGHT - 1)
    button = page.get_by_role("button", name="Cancel Selected & download CSV")
    expect(button).to_be_enabled()
    expect(button).to_be_in_viewport(ratio=1)
    take("bulk-cancel")

    at_once(page)
    button.click()
    with page.expect_download():
        page.get_by_role("dialog").get_by_role("button", name="Cancel 10 sessions").click()
    page.wait_for_function("() => document.querySelector('progress')?.position > 0.5")
    expect(page.locator("tbody tr")).to_have_count(10)
    take("job")

    page.get_by_role("link", name="Bulk cancellations").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    take("jobs")

    page.goto(f"{studio.url}/?from={studio.monday}")
    expect(page.locator(".card.cancelled")).to_have_count(24)
    take("schedule")

    until(
        lambda: studio.ask("GET", "/bulk-cancellations").json()["data"][0]["status"] == "completed"
    )
    with_a_look(studio)
    page.goto(f"{studio.url}/c/studio?from={studio.monday}")
    expect(page.get_by_text("You get back what you paid").first).to_be_visible()
    expect(page.locator(".bar .logo")).to_have_js_property("naturalWidth", 96)
    take("client")
    take_terms(studio, page, take)


def cancel_earlier(studio) -> None:
    """One cancellation that is over and needs somebody, and one on hold."""
    week = {"date_from": str(studio.monday), "date_to": str(studio.monday + dt.timedelta(days=6))}
    studio.town.faults_of(payments={"refuse": {"refund_window_expired": 0.2}})
    for name, reason, hold_seconds in (
        ("Boxing", "Ana has the flu", 0),
        ("Reformer", "No heating", 900),
    ):
        sessions = studio.ask("GET", "/sessions", params=week | {"q": name}).json()["data"]
        ids = [one["id"] for one in sessions]
        body = week | {"session_ids": ids, "reason": reason, "hold_seconds": hold_seconds}
        accepted = studio.ask(
            "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": name}
        )
        assert accepted.status_code == 202, accepted.text
    path = "/bulk-cancellations?status=completed_with_failures"
    until(lambda: studio.ask("GET", path).json()["data"])


def take_terms(studio, page, take) -> None:
    """Terms, exceptions from them, and what a client may choose."""
    with_terms(studio)
    page.goto(f"{studio.url}/terms")
    expect(page.get_by_role("button", name="Save the terms")).to_be_enabled()
    expect(page.locator("tbody tr")).to_have_count(1)
    take("terms")

    page.goto(f"{studio.url}/bulk-cancel?{studio.week}")
    page.get_by_role("button", name=re.compile("Select all of Friday")).click()
    page.get_by_role("button", name="Exceptions…").click()
    dialog = page.get_by_role("dialog", name="Exceptions for people")
    dialog.locator("[data-roster]").first.click()
    somebody = dialog.get_by_label(re.compile("What comes back to"))
    somebody.first.select_option("Nothing comes back")
    somebody.last.select_option("All of it, as store credit")
    dialog.get_by_label("Why, for the audit").fill("Asked at the desk")
    dialog.evaluate("one => one.scrollTo(0, 0)")
    take("exceptions")

    page.goto(studio.url + link_of_somebody(studio))
    expect(page.get_by_role("button", name="as store credit")).to_be_visible()
    take("choose")


def with_terms(studio) -> None:
    """A fee, and clients who choose."""
    terms = {
        "payments": {"keep": {"percent": 10}, "fallback": ["store_credit", "person"]},
        "choice": {"within_hours": 72, "bonus_percent": 10},
    }
    assert studio.ask("PUT", "/terms", json=terms).status_code == 200


def link_of_somebody(studio) -> str:
    """The link of a client whose Thursday was cancelled."""
    thursday = str(studio.monday + dt.timedelta(days=3))
    body = {"date_from": thursday, "date_to": thursday, "session_ids": "all"}
    accepted = studio.ask(
        "POST", "/bulk-cancellations", json=body, headers={"Idempotency-Key": "Thursday"}
    )
    assert accepted.status_code == 202, accepted.text
    path = f"/bulk-cancellations/{accepted.json()['id']}/choices"
    return until(lambda: studio.ask("GET", path).json()["data"])[0]["link"]


def with_a_look(studio) -> None:
    """A colour and a logo of its own."""
    look = {"colour": "#7a2e54", "logo": base64.b64encode(a_logo()).decode()}
    assert studio.ask("PATCH", "/public-page", json=look).status_code == 200


def a_logo(side: int = 96) -> bytes:
    """A PNG: a light ring on nothing."""
    middle, rows = (side - 1) / 2, bytearray()
    for down in range(side):
        rows.append(0)
        for across in range(side):
            far = ((across - middle) ** 2 + (down - middle) ** 2) ** 0.5 / middle
            rows += bytes((255, 226, 160, 255 if 0.6 < far < 0.95 else 0))
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return (
        SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


def with_a_palette(pixels: array) -> bytes:
    """A PNG of the pixels in 256 colours at most: a third in size.

    A pixel is red, green, blue, alpha: a byte each.
    """
    counted = Counter(pixels).most_common()
    palette = [struct.pack("=I", pixel)[:3] for pixel, _ in counted[:COLOURS]]
    nearest = {pixel: _nearest(struct.pack("=I", pixel)[:3], palette) for pixel, _ in counted}
    places = bytes(nearest[pixel] for pixel in pixels)
    rows = b"".join(b"\0" + places[start : start + WIDTH] for start in range(0, len(places), WIDTH))
    # 8 bits a pixel, each a place in the palette.
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"PLTE", b"".join(palette)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    return min(
        range(len(palette)),
        key=lambda place: sum((a - b) ** 2 for a, b in zip(palette[place], colour, strict=True)),
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
