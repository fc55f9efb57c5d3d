"""Scend, the warehouse. Its contract is assumed and unconfirmed: nothing outside this package knows its names."""
