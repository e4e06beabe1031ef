"""The command `business stripe`: at whose account a business's payments are; a key is read, sealed and never shown."""

import getpass
import re
import sys
from typing import Annotated, Final

import typer

from app.cli.records import BusinessId
from app.cli.terminal import Trouble, configured, known_business, opened, run, say
from app.config import Settings
from app.db import stripe_accounts
from app.db.stripe_accounts import StripeAccount

_ACCOUNT: Final = re.compile(r"acct_[A-Za-z0-9]{1,250}")
_KEY: Final = re.compile(r"(sk|rk)_(live|test)_[A-Za-z0-9]{1,240}")


def _account(value: str | None) -> str | None:
    if value is not None and not _ACCOUNT.fullmatch(value):
        raise typer.BadParameter("the id of a connected account is acct_ and then letters and digits")
    return value


def stripe(
    business: BusinessId,
    account: Annotated[
        str | None, typer.Option(metavar="acct_…", help="An account connected to the platform's.", callback=_account)
    ] = None,
    key_stdin: Annotated[
        bool, typer.Option("--key-stdin", help="An account with a secret key of its own, read from standard input.")
    ] = False,
    none: Annotated[bool, typer.Option("--none", help="The platform's own account, as at first.")] = False,
) -> None:
    """Say at which Stripe account a business's payments are: its refunds are asked for there from now on."""
    if [account is not None, key_stdin, none].count(True) != 1:
        raise typer.BadParameter("give one of --account, --key-stdin and --none")
    config = configured()
    sealed = _sealed(config) if key_stdin else None
    under_way = run(_put(config, business, StripeAccount(account, sealed)))
    where = account or ("an account of its own, by the key that was read" if sealed else "the platform's own account")
    say(f"The payments of {business} are at {where}.")
    if under_way:
        say("Bulk cancellations of it that are under way go on there: it must be where those payments were made.")
    else:
        say("What is retried of earlier ones is asked for there, too: it must be where those payments were made.")


def _sealed(config: Settings) -> str:
    try:
        seals = config.seals()
    except ValueError as error:
        raise Trouble(f"{config.secrets_file} holds no key to seal with.") from error
    if seals is None:
        raise Trouble("BULK_CANCEL_SECRETS_KEY is not set; without it no secret can be kept in the database.")
    prompt = "Secret key (it is not shown): "
    key = (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not _KEY.fullmatch(key):
        raise Trouble("That is no secret key of Stripe's: sk_live_…, rk_live_…, sk_test_… or rk_test_…, and alone.")
    return seals.seal(key)


async def _put(config: Settings, business_id: str, account: StripeAccount) -> bool:
    async with opened(config) as db:
        await known_business(db, business_id)
        async with db.write() as conn:
            return await stripe_accounts.put(conn, business_id, account)
