"""Measurements: `python -m syncbridge.sandbox.bench NAME`, each bounded in time and load, on loopback only.

`throughput`, `quota`, `footprint` and `stock` run our real processes (web, workers, beat, Redis, ledger) between the two
stand-ins with production settings and no faults, and take their figures from the vendors' own records; `sandbox` measures the
stand-ins themselves, so that a reader can tell whose limit a figure is.
"""
