"""`python -m syncbridge.sandbox.orderwise`: serve the stand-in OrderWise until told to stop."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import syncbridge.sandbox.orderwise as package
from syncbridge.sandbox.orderwise.app import Launch, build_app
from syncbridge.sandbox.orderwise.decimal_json import read_json
from syncbridge.sandbox.orderwise.reference_data import (
    APPLICATIONS,
    DEFAULT_PASSWORD,
    DEFAULT_SEED,
    DEFAULT_USER,
)
from syncbridge.sandbox.serving import run


def parser() -> argparse.ArgumentParser:
    """Describe the command line; the control plane is in the epilogue."""
    made = argparse.ArgumentParser(
        prog="python -m syncbridge.sandbox.orderwise",
        description="A stand-in for OrderWise, in memory, on this machine only.",
        epilog=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    made.add_argument("--port", type=int, default=8103, help="port; 0 takes a free one")
    made.add_argument("--username", default=DEFAULT_USER, help=f"API user (default {DEFAULT_USER})")
    made.add_argument(
        "--password", default=DEFAULT_PASSWORD, help=f"its password (default {DEFAULT_PASSWORD})"
    )
    made.add_argument(
        "--application",
        action="append",
        metavar="NAME=DATASET",
        help="application name and the data set behind it, repeatable (default owapi=live, owapitest=test, owapisb=test)",
    )
    made.add_argument("--zone", default="Europe/London", help="time zone of the server's wall clock")
    made.add_argument("--control-token", help="X-Sandbox-Token that the control plane asks for")
    made.add_argument("--seed", type=int, default=1, help="seed of the fault dice")
    made.add_argument(
        "--seed-file", type=Path, help="JSON body as for POST /_sandbox/seed, instead of the default"
    )
    made.add_argument(
        "--lenient-auth",
        action="store_true",
        help="take any Basic header, also on data calls (foreign clients)",
    )
    made.add_argument(
        "--settings", default="{}", help="further settings as JSON, as for PUT /_sandbox/settings"
    )
    return made


def launch_of(arguments: list[str] | None) -> tuple[Launch, str, int]:
    """Read the command line."""
    given = parser().parse_args(arguments)
    catalogue: dict[str, Any] = dict(DEFAULT_SEED)
    if given.seed_file:
        catalogue = read_json(given.seed_file.read_bytes())
    else:
        catalogue["users"] = [{"username": given.username, "password": given.password}]
    names = dict(one.split("=", 1) for one in given.application) if given.application else APPLICATIONS
    launch = Launch(
        applications=names,
        zone=given.zone,
        control_token=given.control_token,
        random_seed=given.seed,
        catalogue=catalogue,
        settings={"lenientAuth": given.lenient_auth, **json.loads(given.settings)},
    )
    return launch, given.host, given.port


def main(arguments: list[str] | None = None) -> None:
    """Serve."""
    launch, host, port = launch_of(arguments)
    run(build_app(launch), host, port)


if __name__ == "__main__":
    main()
