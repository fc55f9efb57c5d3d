"""The machine's own Chromium, driven by Playwright. Without one the tests that need it are skipped, unless they are required.

`SYNCBRIDGE_TEST_BROWSER=required` makes its absence a failure; CI sets it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Read when the tests are collected: while they run, no variable of ours is set.
_REQUIRED = os.environ.get("SYNCBRIDGE_TEST_BROWSER", "").strip() == "required"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    # Root has no sandbox, and a test's pages are our own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    # Nothing but the page that is tested.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE_SECONDS = 180
"""For a page of a machine that does everything else at once."""


@contextmanager
def real_browser(width: int = 1280, height: int = 860) -> Iterator[Page]:
    """Open a page in a browser that runs no script, as the console must do without."""
    program = _program()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS), timeout=PATIENCE_SECONDS * 1000)
        try:
            context = chromium.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
            context.set_default_timeout(PATIENCE_SECONDS * 1000)
            yield context.new_page()
        finally:
            chromium.close()


def _program() -> str:
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    missing = (
        "Playwright is not installed (make setup-dev)"
        if importlib.util.find_spec("playwright") is None
        else "no Chromium is installed (on Debian: apt-get install chromium)"
        if found is None
        else ""
    )
    if missing and _REQUIRED:
        pytest.fail(f"SYNCBRIDGE_TEST_BROWSER is required, but {missing}")
    if missing:
        pytest.skip(missing)
    assert found is not None
    return found
