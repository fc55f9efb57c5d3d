"""The workers of one gunicorn add their counters up in a folder that they share.

This module does not import prometheus_client, which looks for the folder when it is itself imported.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share_counters(state_dir: Path) -> None:
    """Name a folder for the workers whose parent is the same gunicorn.

    A folder left by an earlier gunicorn with the same process id only makes the counters start higher. Where no folder can be made,
    each worker shows its own counters.
    """
    if os.environ.get(FOLDER_VARIABLE):
        return
    folder = state_dir / "metrics" / str(os.getppid())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        log.warning("counters_not_shared", error=type(error).__name__)
        return
    os.environ[FOLDER_VARIABLE] = str(folder)
