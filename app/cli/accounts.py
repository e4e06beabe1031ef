"""At whose account a business's money and credits are.

What it gives as a secret is read, encrypted and never shown.
"""

import getpass
import re
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Final

import typer

from app.cli.businesses import BusinessId
from app.cli.terminal import CommandError, configured, known_business, opened, result, run, say
from app.config.settings import Settings
from app.db.access import administration, encrypted, stripe_accounts, upstream_tokens
from app.db.access.stripe_accounts import StripeAccount
from app.db.access.upstream_tokens import EncryptedTokens
from app.db.jobs import jobs
from app.domain.nouns.administration import COMMAND, Action, Deed
from app.domain.statuses import Method
from app.encryption import SecretBox, SecretPlace, Undecryptable
from app.gateways.stripe.account import CONNECTED_ACCOUNT, SECRET_KEY

_TOKEN: Final = re.compile(r"[!-~]{1,4096}")


class UpstreamName(StrEnum):
    """The upstreams of our own contracts, as their settings name them."""

    PAYMENTS = "payments"
    CREDITS = "credits"


_OWN, _PLATFORMS = "its own secret", "the platform's"  # as it is written down
_METHOD: Final = {UpstreamName.PAYMENTS: Method.PAYMENT, UpstreamName.CREDITS: Method.CREDIT}
_PLACE: Final[dict[UpstreamName, Callable[[str], SecretPlace]]] = {
    UpstreamName.PAYMENTS: encrypted.payments_token,
    UpstreamName.CREDITS: encrypted.credits_token,
}


def _account(value: str | None) -> str | None:
    if value is not None and not CONNECTED_ACCOUNT.fullmatch(value):
        raise typer.BadParameter(
            "the id of a connected account is acct_ and then letters and digits"
        )
    return value


def stripe(
    business: BusinessId,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="acct_…", help="An account connected to the platform's.", callback=_account
        ),
    ] = None,
    key_stdin: Annotated[
        bool,
        typer.Option(
            "--key-stdin", help="An account with a secret key of its own, read from standard input."
        ),
    ] = False,
    none: Annotated[
        bool, typer.Option("--none", help="The platform's own account, as at first.")
    ] = False,
    reverse_transfer: Annotated[
        bool,
        typer.Option(
            "--reverse-transfer",
            help="With --none: a refund takes back what a destination charge transferred.",
        ),
    ] = False,
    refund_application_fee: Annotated[
        bool,
        typer.Option(
            "--refund-application-fee",
            help="With --none: a refund of a destination charge gives back the platform's fee.",
        ),
    ] = False,
) -> None:
    """Say at which Stripe account a business's payments are.

    Its refunds are asked for there from now on.
    """
    if [account is not None, key_stdin, none].count(True) != 1:
        raise typer.BadParameter("give one of --account, --key-stdin and --none")
    if (reverse_transfer or refund_application_fee) and not none:
        raise typer.BadParameter(
            "--reverse-transfer and --refund-application-fee are of the platform's own account:"
            " give --none with them"
        )
    config = configured()
    key = None
    if key_stdin:
        secret_box = _secret_box(config)
        text = _read(
            "Secret key",
            SECRET_KEY,
            "no secret key of Stripe's: sk_live_…, rk_live_…, sk_test_… or rk_test_…, and alone",
        )
        key = secret_box.encrypt(text, encrypted.stripe_key(business))
    kept = StripeAccount(account, key, reverse_transfer, refund_application_fee)
    under_way = run(_put(config, business, kept))
    where = account or (
        "an account of its own, by the key that was read" if key else "the platform's own account"
    )
    say(f"The payments of {business} are at {where}.")
    back = ["the transfer"] * reverse_transfer + ["the platform's fee"] * refund_application_fee
    if back:
        say(f"With a refund of a destination charge {' and '.join(back)} come back.")
    if under_way:
        say(
            "Bulk cancellations of it that are under way go on there: it must be where those "
            "payments were made."
        )
    else:
        say(
            "What is retried of earlier ones is asked for there, too: it must be where those "
            "payments were made."
        )


async def _put(config: Settings, business_id: str, account: StripeAccount) -> bool:
    async with opened(config) as db:
        await known_business(db, business_id)
        async with db.write() as conn:
            await stripe_accounts.put(conn, business_id, account)
            whose = account.connected or (_OWN if account.encrypted_key else _PLATFORMS)
            after = {
                "stripe": whose,
                "reverse_transfer": account.reverse_transfer,
                "refund_application_fee": account.refund_application_fee,
            }
            deed = Deed(Action.ACCOUNT_CHANGED, business_id, business_id, after=after)
            await administration.record(conn, COMMAND, deed)
            return await jobs.is_any_under_way(conn, business_id)


def upstream(
    business: BusinessId,
    which: Annotated[
        UpstreamName | None, typer.Argument(metavar="[payments|credits]", help="The upstream.")
    ] = None,
    token_stdin: Annotated[
        bool,
        typer.Option(
            "--token-stdin", help="A bearer token of the business's own, read from standard input."
        ),
    ] = False,
    none: Annotated[
        bool, typer.Option("--none", help="The platform's token, as at first.")
    ] = False,
) -> None:
    """Say with which token an upstream is called for a business.

    With no option, print what is set, but no token.
    """
    if token_stdin and none:
        raise typer.BadParameter(
            "give one of --token-stdin and --none, or neither to see what is set"
        )
    if which is None and (token_stdin or none):
        raise typer.BadParameter("say whose token it is: payments or credits")
    config = configured()
    if which is None or not (token_stdin or none):
        _show(config, business, list(UpstreamName) if which is None else [which])
        return
    token = None
    if token_stdin:
        _refuse_beside_stripe(config, business, which)
        secret_box = _secret_box(config)
        token = secret_box.encrypt(
            _read("Token", _TOKEN, "no bearer token: printable ASCII, and alone"),
            _PLACE[which](business),
        )
    under_way = run(_put_token(config, business, which, token))
    whose = "the platform's token" if token is None else "its own token"
    say(
        f"The {which} upstream is called for {business} with {whose}, from a worker's next slice "
        "on."
    )
    if under_way:
        say(
            "Bulk cancellations of it are under way, and go on with that token: it must speak for "
            "what they have begun."
        )


def _refuse_beside_stripe(config: Settings, business: str, which: UpstreamName) -> None:
    if which is UpstreamName.PAYMENTS and config.payments_provider == "stripe":
        raise CommandError(
            "Payments are at Stripe here (BULK_CANCEL_PAYMENTS_PROVIDER): use bulk-cancel business "
            f"stripe {business}."
        )


async def _put_token(
    config: Settings, business_id: str, which: UpstreamName, token: str | None
) -> bool:
    async with opened(config) as db:
        await known_business(db, business_id)
        async with db.write() as conn:
            await upstream_tokens.put(conn, business_id, _METHOD[which], token)
            after = {which.value: _PLATFORMS if token is None else _OWN}
            deed = Deed(Action.ACCOUNT_CHANGED, business_id, business_id, after=after)
            await administration.record(conn, COMMAND, deed)
            return await jobs.is_any_under_way(conn, business_id)


def _show(config: Settings, business: str, which: list[UpstreamName]) -> None:
    """A line for each upstream, tab-separated: its name, and whose token is used."""
    tokens = run(_tokens(config, business))
    kept = {UpstreamName.PAYMENTS: tokens.payments, UpstreamName.CREDITS: tokens.credits}
    for one in which:
        result(f"{one}\t{_whose(config, kept[one], _PLACE[one](business))}")


def _whose(config: Settings, token: str | None, place: SecretPlace) -> str:
    if token is None:
        return "the platform's token"
    try:
        _secret_box(config).decrypt(token, place)
    except (Undecryptable, CommandError):
        return "its own token, which can't be opened here: no call is made"
    return "its own token"


async def _tokens(config: Settings, business_id: str) -> EncryptedTokens:
    async with opened(config) as db:
        await known_business(db, business_id)
        async with db.read() as conn:
            return await upstream_tokens.tokens_of_business(conn, business_id)


def _secret_box(config: Settings) -> SecretBox:
    try:
        secret_box = config.secret_box()
    except ValueError as error:
        raise CommandError(f"{config.secrets_file} holds no key to encrypt with.") from error
    if secret_box is None:
        raise CommandError(
            "BULK_CANCEL_SECRETS_KEY is not set; without it no secret can be kept in the database."
        )
    return secret_box


def _read(what: str, form: re.Pattern[str], is_not: str) -> str:
    """A secret from the terminal, where it is not shown, or from standard input."""
    prompt = f"{what} (it is not shown): "
    secret = (getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.read()).strip()
    if not form.fullmatch(secret):
        raise CommandError(f"That is {is_not}.")
    return secret
