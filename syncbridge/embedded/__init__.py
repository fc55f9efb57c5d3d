"""Servers that run inside a deployment of one machine, for a computer with nothing installed."""
