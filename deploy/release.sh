#!/usr/bin/env bash
# Runs once per deploy, before the new processes start: refuse a wrong configuration, then migrate.
# Migrations only add, so the old version goes on working while this runs and if it fails.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "release: checking the configuration"
syncbridge config check
echo "release: migrating the database"
syncbridge db upgrade
echo "release: done"
