"""The ledger: SQL is the truth about every order, every outward write and every exception."""
