"""What people do on the pages, and how a page is kept from looking again by itself."""

import csv
import io
import re

from playwright.sync_api import BrowserContext, Page

PRESS = "Cancel Selected & download CSV"
ACCEPTED = re.compile(
    r"^Your job ((is being|has been) processed|is on hold: nothing is returned before that ends"
    r"|awaits somebody else's approval: nothing is cancelled before that)\."
    r".*leave this page"
)


def take_keys(context: BrowserContext) -> None:
    """Let its tabs have the key of an address before a page looks, as if it had been typed there.

    Whoever is signed in stays so.
    """
    context.add_init_script(
        """{
          const given = /^#key=(.+)$/.exec(location.hash)?.[1];
          if (given) history.replaceState(null, "", location.pathname + location.search);
          if (given && !sessionStorage.getItem("bulk-cancel-key"))
            sessionStorage.setItem("bulk-cancel-key", given);
        }"""
    )


def sign_in(page: Page, studio, path: str = "/") -> None:
    page.goto(studio.signed_in(path))


def at_once(page: Page) -> None:
    """Have money and credits go back at once, not after the ten minutes that are the page's own."""
    page.get_by_label("Return money and credits").select_option("At once")


def rows(text: str) -> list[dict[str, str]]:
    """The lines of an audit CSV, with or without its mark."""
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def never_poll(page: Page) -> None:
    """Keep the page's timers of a second and more from going off.

    It looks again only when it is told to.
    """
    page.add_init_script(
        "const soon = setTimeout;"
        " window.setTimeout = (run, ms, ...more) => (ms < 1000 ? soon(run, ms, ...more) : 0)"
    )
