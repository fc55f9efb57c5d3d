#!/usr/bin/env bash
# Writes requirements.txt (production) and requirements-dev.txt (everything) from pyproject.toml.
#
#   deploy/lock.sh              keep what is locked, add what is missing
#   deploy/lock.sh --upgrade    take the newest versions that pyproject.toml allows
#
# Needs uv (`.venv/bin/pip install uv`, or any other way). The locks are universal (one file for Linux and macOS, Python
# 3.11 and newer), carry hashes, and name no package index: that is the business of whoever installs.
set -euo pipefail
cd "$(dirname "$0")/.."

uv=$(command -v uv || true)
[ -n "$uv" ] || uv=.venv/bin/uv
[ -x "$uv" ] || { echo "lock.sh: uv is needed: .venv/bin/pip install uv" >&2; exit 2; }

options=(--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet)

compile() { # FILE TITLE [uv options]
    local file=$1 title=$2
    shift 2
    "$uv" pip compile pyproject.toml "${options[@]}" "$@" -o "$file" >/dev/null
    local body
    body=$(grep -v '^# \(Locked\|Refresh\)' "$file")
    printf '# Locked: %s\n# Refresh with deploy/lock.sh (see there); do not edit by hand.\n%s\n' "$title" "$body" >"$file"
    echo "lock.sh: $file: $(grep -c '^[a-z].*==' "$file") packages"
}

compile requirements.txt "what runs in production." "$@"
compile requirements-dev.txt "production and what the tests need." --extra dev -c requirements.txt "$@"
