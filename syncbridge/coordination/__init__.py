"""What the processes share over Redis: quotas, circuit breakers, locks and the doorbell.

Redis may be emptied or gone at any moment. Nothing here proves anything; the ledger does. No key and no message holds more than
names and ids.
"""
