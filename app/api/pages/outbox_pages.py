"""The demo's mails, as clients would get them: a list, and each as text and as a page.

Only a demo has these pages, and shows them to this machine alone: mails name people, and nobody is
asked for a key. What a mail brings is drawn in a frame of its own, in which nothing runs.
"""

import asyncio
import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from html import escape
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from app.api.layers.addresses import is_this_machine
from app.api.layers.mount import address
from app.api.pages.pages import OURS_ONLY
from app.errors import NotFound
from app.gateways.email.outbox import kept_mails

_SHOWN: Final = 50
_HEAD_BYTES: Final = 16 * 1024
_MAX_BYTES: Final = 1024 * 1024
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"{OURS_ONLY}; frame-src 'self'",
}
# Of the mail's own page: it has its styles in it. Nothing runs, is loaded, is sent or navigates.
_FRAMED: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
_LINK: Final = re.compile(r"https?://[^\s<>\"']+")
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<title>{title} · Outbox of the demo</title>
<link rel="icon" href="{root}/console/icon.svg" type="image/svg+xml" />
<link rel="stylesheet" href="{root}/console/style.css" />
</head>
<body>
<header class="bar"><a class="brand" href="{root}/outbox">Outbox of the demo</a>\
<nav aria-label="Pages"><a href="{root}/">Schedule</a></nav></header>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""


def install(app: FastAPI, folder: Path) -> None:
    """Serve the mails that are kept in the folder; no page of it is in the OpenAPI document."""

    async def outbox(request: Request) -> HTMLResponse:
        _for_this_machine_alone(request)
        return HTMLResponse(await asyncio.to_thread(_list, folder), headers=_HEADERS)

    async def outbox_mail(name: str, request: Request) -> HTMLResponse:
        _for_this_machine_alone(request)
        mail = await asyncio.to_thread(_mail, folder, name)
        return HTMLResponse(_shown(name, mail), headers=_HEADERS)

    async def outbox_frame(name: str, request: Request) -> HTMLResponse:
        _for_this_machine_alone(request)
        mail = await asyncio.to_thread(_mail, folder, name)
        return HTMLResponse(_words(mail, "html"), headers=_FRAMED)

    for path, page in (
        ("/outbox", outbox),
        ("/outbox/{name}", outbox_mail),
        ("/outbox/{name}/page", outbox_frame),
    ):
        app.add_api_route(path, page, methods=["GET"], include_in_schema=False)


def _for_this_machine_alone(request: Request) -> None:
    """Refuse who is elsewhere, and a name of elsewhere that was made to lead here.

    Raises:
        NotFound: as if there were no such page.
    """
    if not is_this_machine(request):
        raise NotFound("page")


def _list(folder: Path) -> str:
    rows = []
    for path in kept_mails(folder)[:_SHOWN]:
        # Another mail may have taken its place meanwhile.
        try:
            with path.open("rb") as file:
                head = BytesHeaderParser(policy=policy.default).parsebytes(file.read(_HEAD_BYTES))
        except FileNotFoundError:
            continue
        rows.append(
            f'<li class="card"><p class="name"><a href="{address(f"/outbox/{escape(path.stem)}")}">'
            f"{_of(head, 'Subject') or 'No subject'}</a></p>"
            f'<p class="soft">{_of(head, "To")} · {_of(head, "Date")}</p></li>'
        )
    note = (
        '<p class="note">Nothing has been sent yet. Cancel sessions whose clients are told, and '
        "load this page again.</p>"
    )
    listed = "\n".join(rows)
    newest = (
        f'<p class="note">The newest {_SHOWN} mails; they reach nobody.</p>\n<ul>\n{listed}\n</ul>'
    )
    return _page("What clients would get", newest if rows else note)


def _mail(folder: Path, name: str) -> EmailMessage:
    """A mail by its file's name without its ending, which no path is made of.

    Raises:
        NotFound: none is kept under this name.
    """
    path = next((one for one in kept_mails(folder) if one.stem == name), None)
    if path is None:
        raise NotFound("mail")
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES)
    except FileNotFoundError:
        raise NotFound("mail") from None
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)


def _shown(name: str, mail: EmailMessage) -> str:
    heads = "".join(
        f"<dt>{header}</dt><dd>{_of(mail, header)}</dd>\n"
        for header in ("From", "Reply-To", "To", "Date")
        if mail[header]
    )
    body = (
        f"<dl>\n{heads}</dl>\n"
        f'<h2>As a page</h2>\n<iframe class="mail" sandbox="" '
        f'src="{address(f"/outbox/{escape(name)}/page")}" title="The mail as a page"></iframe>\n'
        f'<h2>As text</h2>\n<div class="mail-text" lang="{_of(mail, "Content-Language")}" '
        f'dir="auto">{_linked(_words(mail, "plain"))}</div>'
    )
    return _page(_of(mail, "Subject") or "No subject", body)


def _page(title: str, body: str) -> str:
    return _PAGE.format(root=address(""), title=title, body=body)


def _of(mail: EmailMessage, header: str) -> str:
    return escape(str(mail.get(header, "")))


def _words(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content())


def _linked(text: str) -> str:
    """Text as markup, with its links to be followed: in the frame none can be."""
    done, at = "", 0
    for found in _LINK.finditer(text):
        url = escape(found[0])
        done += f'{escape(text[at : found.start()])}<a href="{url}">{url}</a>'
        at = found.end()
    return done + escape(text[at:])
