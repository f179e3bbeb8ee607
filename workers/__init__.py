"""Celery and nothing else: `celery -A workers worker`, `celery -A workers beat`."""
