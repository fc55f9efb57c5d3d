"""Alembic's folder. Migrations only add, so that the running version goes on working while they run."""
