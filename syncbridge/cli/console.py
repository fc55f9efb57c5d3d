"""`syncbridge console`: entries for CONSOLE_USERS, which say who may sign in to the console."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from syncbridge.cli.failing import wrong_use
from syncbridge.cli.output import note, say
from syncbridge.domain.console_users import Role, is_user_name

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 400

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Who may sign in to the console.")


@app.callback()
def _noun() -> None:
    """Keep `user` a command of its own, also while it is the only one."""


@app.command()
def user(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What they sign in with; the audit names them so.")],
    role: Annotated[
        Role, typer.Option("--role", help="A viewer sees everything and changes nothing; an operator acts.")
    ] = Role.VIEWER,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking twice.")
    ] = False,
) -> None:
    """Print the entry of a user for CONSOLE_USERS. Nothing is stored; only a hash of the password is in it.

    CONSOLE_USERS holds all entries, separated by blanks. Changing it signs everybody out.

    \b
    syncbridge console user zoe --role operator
    pass show console/zoe | syncbridge console user zoe --role operator --password-stdin
    """
    if not is_user_name(name):
        wrong_use("A name has up to 40 letters, digits, dots, dashes, underscores or at signs, and begins with a letter or digit.")
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt="The same again", err=True)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        wrong_use(f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} signs.")
    from werkzeug.security import generate_password_hash

    say(f"{name}:{role.value}:{generate_password_hash(password, method='scrypt')}")
    note("Add it to CONSOLE_USERS of the web process. It holds dollar signs: in a shell put single quotes around the value.")
