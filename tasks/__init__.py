"""Celery: the app, the schedule, and ten-line tasks with explicit names."""
