"""`python -m syncbridge.sandbox.scend`: serve the stand-in Scend until told to stop."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import syncbridge.sandbox.scend as package
from syncbridge.sandbox.scend.app import Launch, build_app
from syncbridge.sandbox.scend.reference_data import DEFAULT_ACCOUNT, DEFAULT_SEED, DEFAULT_TOKEN
from syncbridge.sandbox.serving import run


def parser() -> argparse.ArgumentParser:
    """Describe the command line; the control plane is in the epilogue."""
    made = argparse.ArgumentParser(
        prog="python -m syncbridge.sandbox.scend",
        description="A stand-in for the Scend WMS, in memory, on this machine only.",
        epilog=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    made.add_argument("--port", type=int, default=8102, help="port; 0 takes a free one")
    made.add_argument("--token", action="append", help=f"API token, repeatable (default {DEFAULT_TOKEN})")
    made.add_argument("--account", default=DEFAULT_ACCOUNT, help="account code of the default seed")
    made.add_argument("--base-path", default="/v1", help="path before every endpoint")
    made.add_argument("--control-token", help="X-Sandbox-Token that the control plane asks for")
    made.add_argument("--seed", type=int, default=1, help="seed of the fault dice")
    made.add_argument(
        "--seed-file", type=Path, help="JSON body as for POST /_sandbox/seed, instead of the default"
    )
    made.add_argument("--rate-capacity", type=int, default=120, help="tokens in the bucket")
    made.add_argument("--rate-per-second", type=float, default=2.0, help="tokens refilled per second")
    made.add_argument(
        "--settings", default="{}", help="further settings as JSON, as for PUT /_sandbox/settings"
    )
    return made


def main(arguments: list[str] | None = None) -> None:
    """Serve."""
    given = parser().parse_args(arguments)
    catalogue = json.loads(given.seed_file.read_text()) if given.seed_file else dict(DEFAULT_SEED)
    if not given.seed_file:
        catalogue["accounts"] = [{**DEFAULT_SEED["accounts"][0], "accountCode": given.account}]
    switches = {"rateCapacity": given.rate_capacity, "ratePerSecond": given.rate_per_second}
    launch = Launch(
        tokens=tuple(given.token or [DEFAULT_TOKEN]),
        base_path=given.base_path.rstrip("/"),
        control_token=given.control_token,
        random_seed=given.seed,
        catalogue=catalogue,
        settings={**switches, **json.loads(given.settings)},
    )
    run(build_app(launch), given.host, given.port)


if __name__ == "__main__":
    main()
