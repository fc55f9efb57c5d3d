"""Serve the SCAYLE stand-in: `python -m syncbridge.sandbox.scayle --port 8101`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from syncbridge.sandbox.scayle import LaunchSettings, build_app
from syncbridge.sandbox.scayle.control import CONTROL_CALLS
from syncbridge.sandbox.scayle.settings import EVERYTHING
from syncbridge.sandbox.serving import run


def read_token(text: str) -> tuple[str, frozenset[str]]:
    """Read `TOKEN` (may do everything) or `TOKEN=scope,scope` (write includes read)."""
    token, equals, scopes = text.partition("=")
    return token, frozenset(scopes.split(",")) if equals else EVERYTHING


def parser() -> argparse.ArgumentParser:
    """Make the command line."""
    made = argparse.ArgumentParser(
        prog="python -m syncbridge.sandbox.scayle",
        description="A SCAYLE stand-in on this computer: real HTTP, everything in memory.",
        epilog=CONTROL_CALLS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    made.add_argument("--port", type=int, default=8101, help="0 takes a free one")
    made.add_argument(
        "--token", action="append", metavar="TOKEN[=SCOPES]", help="access token; may be repeated"
    )
    made.add_argument("--tenant", default="acme", help="tenant key shown in webhooks")
    made.add_argument("--base-path", default="/api/admin/v1")
    made.add_argument("--control-token", help="asked for on /_sandbox/ as X-Sandbox-Token")
    made.add_argument("--seed", type=int, default=1, help="seed of everything that is drawn by chance")
    made.add_argument("--seed-file", type=Path, help="JSON as for POST /_sandbox/seed")
    made.add_argument(
        "--rate-limit", type=int, help="calls a minute for every scope, instead of the documented ones"
    )
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=JSON", help="a switch; may be repeated"
    )
    return made


def main() -> None:
    """Serve until told to stop."""
    made = parser()
    options = made.parse_args()
    behaviour = {}
    for pair in options.set:
        name, _, value = pair.partition("=")
        try:
            behaviour[name] = json.loads(value)
        except ValueError:
            behaviour[name] = value
    if options.rate_limit is not None:
        behaviour["rateLimits"] = {"*": options.rate_limit}
    document = json.loads(options.seed_file.read_text(encoding="utf-8")) if options.seed_file else {}
    try:
        settings = LaunchSettings(
            tokens=dict(read_token(text) for text in options.token or ["sandbox-token"]),
            base_path=options.base_path,
            tenant_key=options.tenant,
            control_token=options.control_token,
            seed=options.seed,
            behaviour=behaviour,
            seed_document=document,
        )
        app = build_app(settings)
    except ValueError as error:
        made.error(str(error))
    run(app, options.host, options.port)


if __name__ == "__main__":
    main()
