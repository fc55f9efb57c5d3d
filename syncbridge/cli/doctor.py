"""`syncbridge doctor`: everything that can be wrong with an installation, with the way out."""

from __future__ import annotations

import sys
from collections import Counter

import typer

from syncbridge.cli.failing import TROUBLE
from syncbridge.cli.finding import Finding, Verdict
from syncbridge.cli.options import Json
from syncbridge.cli.output import as_json, clean, paragraph, plural, say


def doctor(json: Json = False) -> None:
    """Check configuration, database, Redis, vendors, clocks, scheduler and workers; exit 1 if something is wrong.

    Asks every vendor one or two harmless questions. Each line says ok, warning or trouble, and what to do.

    \b
    syncbridge doctor
    syncbridge doctor --json
    """
    from syncbridge.cli.examination import examine

    found: list[Finding] = []
    for finding in examine():
        found.append(finding)
        if not json:
            _print(finding)
    verdicts = Counter(finding.verdict for finding in found)
    troubles, warnings = verdicts[Verdict.TROUBLE], verdicts[Verdict.WARNING]
    if json:
        as_json({"ok": not troubles, "trouble": troubles, "warnings": warnings, "findings": found})
    else:
        say()
        if troubles or warnings:
            say(f"{plural(troubles, 'trouble')}, {plural(warnings, 'warning')}, {verdicts[Verdict.OK]} ok")
        else:
            say(f"All {verdicts[Verdict.OK]} checks are ok.")
    if troubles:
        raise typer.Exit(TROUBLE)


def _print(finding: Finding) -> None:
    paragraph(f"{finding.verdict.value:<8} {finding.check}: {clean(finding.text)}", 0, 9)
    if finding.way_out:
        paragraph(f"-> {finding.way_out}", 9, 3)
    # Vendors may take seconds: what is known is shown at once.
    sys.stdout.flush()
