# Everything a newcomer or CI needs. Python 3.11 (or newer), make and a package index are all that must be there:
# no root, no Docker, no running Redis or PostgreSQL.
#
#   make VENV=/somewhere/else ...    keep the virtual environment elsewhere
#   make PYTHON=/path/to/python ...  use this interpreter
#   make demo DEMO="--keep"          pass options on to `syncbridge demo`
#   make chaos CHAOS="--seed 2"      pass options on; "--database postgresql" brings a server of its own
#   make test TESTS=tests/unit       run only some tests
#   make bench BENCH="throughput"    run one measurement at full length; options may follow its name

SHELL := /bin/sh
VENV ?= .venv
DEMO ?=
BENCH ?=
CHAOS ?=
TESTS ?=
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

# pip must neither ask, nor look for a newer self, nor lecture root inside a virtual environment.
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 $(VENV)/bin/python -m pip install --quiet

MEASURE = $(VENV)/bin/python -m syncbridge.sandbox.bench
SALE = $(VENV)/bin/python -m syncbridge.sandbox.flash_sale

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev demo chaos test bench lint types lock wheel clean

help: ## Show what there is
	@echo "syncbridge: keeps a SCAYLE shop and its warehouse in step"
	@echo
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

setup: $(VENV)/.installed ## Make the virtual environment with what runs in production, as locked

setup-dev: $(VENV)/.installed-dev ## The same and what the tests need

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; none of python3.11, python3 is one." >&2; exit 1; }
	@echo "==> making the virtual environment $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo "make: $(PYTHON) cannot make virtual environments (on Debian: apt install python3-venv)." >&2; exit 1; }

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "==> installing the locked dependencies (requirements.txt)"
	@$(PIP) --require-hashes -r requirements.txt
	@echo "==> installing syncbridge itself from this folder"
	@$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "==> installing the locked dependencies for tests (requirements-dev.txt)"
	@$(PIP) --require-hashes -r requirements-dev.txt
	@echo "==> installing syncbridge itself from this folder"
	@$(PIP) --no-deps --editable .
	@touch $@ $(VENV)/.installed

demo: setup ## A real trading day through everything, with faults, then the proof (under 3 minutes)
	@echo "==> syncbridge demo $(DEMO)"
	@$(VENV)/bin/syncbridge demo $(DEMO)

chaos: setup-dev ## Kills, a lost Redis and faults of every kind while orders flow, then the proof (about five minutes)
	@echo "==> chaos $(CHAOS)"
	@$(if $(findstring postgresql,$(CHAOS)),$(VENV)/bin/python tests/support/with_postgres.py) $(VENV)/bin/python -m syncbridge.sandbox.chaos $(CHAOS)

test: setup-dev ## All tests, on SQLite, a real PostgreSQL and a real Redis that they bring themselves
ifeq ($(strip $(TESTS)),)
	@echo "==> all tests, as two halves side by side"
	@$(VENV)/bin/python tests/support/side_by_side.py
else
	@echo "==> pytest $(TESTS)"
	@$(VENV)/bin/python -m pytest $(TESTS)
endif

bench: setup-dev ## Measurements: a short set (about seven minutes), or one by name: BENCH="throughput --workers 2"
ifeq ($(strip $(BENCH)),)
	@echo "==> the stand-ins themselves, requests a second (20 s)"
	@$(MEASURE) sandbox --seconds 1 --repeats 2
	@echo "==> throughput, ledger on SQLite: 50 delegations a second for 15 s, 30 orders a second for 30 s"
	@$(MEASURE) throughput --seconds 15 --sustained-seconds 30
	@echo "==> the same, ledger on a throw-away PostgreSQL"
	@$(VENV)/bin/python tests/support/with_postgres.py $(MEASURE) throughput --database postgresql --seconds 15 --sustained-seconds 30
	@echo "==> Scend's real limit of 2 calls a second: 30 s of one order a second, then 30 orders at once"
	@$(MEASURE) quota --seconds 30 --backlog 30
	@echo "==> memory of every process over 300 whole order lives"
	@$(MEASURE) footprint --orders 300
	@echo "==> a flash sale: oversold units and lost sales, syncbridge and the two usual designs, one seed (90 s)"
	@$(SALE) --seeds 1
	@echo "==> full lengths: make bench BENCH=throughput, BENCH=quota, BENCH=\"footprint --orders 10000\", BENCH=\"sandbox\","
	@echo "    BENCH=stock, BENCH=\"flash_sale --seeds 10 --floor both\", BENCH=\"cancel_race --trials 1000\""
else
	@echo "==> bench $(BENCH)"
ifeq ($(firstword $(BENCH)),flash_sale)
	@$(SALE) $(wordlist 2,$(words $(BENCH)),$(BENCH))
else
	@$(if $(findstring postgresql,$(BENCH)),$(VENV)/bin/python tests/support/with_postgres.py) $(MEASURE) $(BENCH)
endif
endif

lint: setup-dev ## Style, likely bugs, and the import contracts
	@echo "==> ruff"
	@$(VENV)/bin/ruff check .
	@echo "==> import contracts"
	@$(VENV)/bin/lint-imports

types: setup-dev ## mypy, strict
	@echo "==> mypy"
	@$(VENV)/bin/mypy

lock: setup-dev ## Write the lock files anew after a change of pyproject.toml (needs uv)
	@echo "==> deploy/lock.sh"
	@deploy/lock.sh

wheel: setup-dev ## Build the wheel into dist/
	@echo "==> building dist/*.whl"
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(VENV)/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## Remove what the above left behind, the virtual environment included
	@echo "==> removing $(VENV), caches and dist"
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find syncbridge tasks connectors tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
