"""Read-only questions over the ledger, answered with values that a command or a page can show. Nothing here writes."""
