"""`python -m syncbridge.cli`."""

from __future__ import annotations

from syncbridge.cli import main

if __name__ == "__main__":
    main()
