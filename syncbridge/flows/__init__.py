"""One module per flow. Every flow is idempotent, isolates failures per item, and runs alike from schedule, doorbell or CLI."""
