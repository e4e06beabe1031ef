"""The command line `bulk-cancel`: what an operator runs.

No decision about a booking or a refund is made here.

`terminal` is how commands speak, `records` brings the schema up to date and checks the books,
`businesses` looks after businesses, `clients` after what is held of a client, `keys` says who may
call, `databases` has businesses kept apart, `accounts` whose accounts are asked, `messages` hears
what comes back, `secrets` changes the key that secrets are kept with, `evidence` checks audits,
`configuration` says what is set, `servers` runs the processes, and `demo` runs all at once.
"""

from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from app.cli import (
    accounts,
    businesses,
    clients,
    configuration,
    databases,
    demo,
    evidence,
    imports,
    messages,
    records,
    secrets,
    servers,
)
from app.cli import keys as key_commands
from app.cli.terminal import CommandError, explain, fail, result
from app.domain.zones import RULES
from app.errors import Problem

cli = typer.Typer(
    name="bulk-cancel",
    help=(
        "Cancel many class sessions in one action, and give every booked client their money or "
        "credits back."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
business = typer.Typer(help="Businesses (tenants).", no_args_is_help=True)
of_database = typer.Typer(help="The database itself.", no_args_is_help=True)
of_clients = typer.Typer(help="What is held of a client.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
mail = typer.Typer(help="Messages to clients and staff.", no_args_is_help=True)


def _tell_versions(wanted: bool) -> None:
    if wanted:
        result(
            f"bulk-cancel {installed_version('bulk-cancel')}, tzdata {RULES.release} "
            f"({RULES.source})"
        )
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option(
        "--version", is_eager=True, callback=_tell_versions, help="This build, and its zone rules."
    ),
]


@cli.callback()
def options(version: _Version = False) -> None:
    """Take the options that go before a command."""


cli.command("demo")(demo.demo)
cli.command("api")(servers.api)
cli.command("worker")(servers.worker)
cli.command("sandbox")(servers.sandbox)
cli.command("check-config")(configuration.check_config)
cli.command("migrate")(records.migrate)
cli.command("import")(imports.import_)
cli.command("verify")(records.verify)
cli.command("check-audit")(evidence.check_audit)
cli.command("reencrypt")(secrets.reencrypt)
cli.command("reseal", hidden=True)(secrets.reencrypt)  # its first name, in people's scripts
cli.add_typer(business, name="business")
cli.add_typer(of_database, name="database")
cli.add_typer(of_clients, name="clients")
cli.add_typer(keys, name="keys")
cli.add_typer(mail, name="messages")
business.command("create")(businesses.create_business)
business.command("list")(businesses.list_businesses)
business.command("show")(businesses.show_business)
business.command("set")(businesses.set_business)
business.command("limits")(businesses.limits)
business.command("stripe")(accounts.stripe)
business.command("upstream")(accounts.upstream)
of_database.command("isolate")(databases.isolate_database)
of_database.command("show")(databases.show_database)
of_clients.command("export")(clients.export_client)
of_clients.command("erase")(clients.erase_client)
keys.command("create")(key_commands.create_key)
keys.command("list")(key_commands.list_keys)
keys.command("rotate")(key_commands.rotate_key)
keys.command("revoke")(key_commands.revoke_key)
mail.command("bounce")(messages.bounce)


def main() -> None:
    """Runs a command and ends with its exit code.

    That is 0, 1 for what the operator is told in one line, or 2 for a wrong usage.
    """
    try:
        cli()
    except CommandError as trouble:
        fail(str(trouble))
    except Problem as problem:
        fail(problem.detail)
    except Exception as error:
        message = explain(error)
        if message is None:
            raise
        fail(message)
