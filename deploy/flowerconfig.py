"""Flower's configuration: closed to strangers, and for looking only.

Flower as it comes listens on every interface with its pages and its metrics open, and lets whoever may log in run tasks.
The credentials come from FLOWER_BASIC_AUTH (`user:password`, several separated by commas): not from the command line,
which every user of the machine can read.
"""

from __future__ import annotations

import os
import sys

import tornado.web
from flower.views.monitor import Metrics

_credentials = [pair for pair in os.environ.get("FLOWER_BASIC_AUTH", "").split(",") if pair.strip()]
if not _credentials or any(not all(part.strip() for part in pair.partition(":")[::2]) for pair in _credentials):
    sys.exit("flower: refused: set FLOWER_BASIC_AUTH to user:password; without it anyone could read the queues")
if os.environ.get("FLOWER_UNAUTHENTICATED_API"):
    sys.exit("flower: refused: FLOWER_UNAUTHENTICATED_API would let anyone run tasks; unset it")

# What Flower reads from this module.
basic_auth = _credentials
read_only = True
# The ledger is the record; Flower's memory is for looking at the last hours.
persistent = False
max_tasks = 10_000
purge_offline_workers = 600

# /metrics names tasks and workers, and is open whatever the other settings say.
Metrics.get = tornado.web.authenticated(Metrics.get)
