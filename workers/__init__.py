"""Celery and nothing else: `celery -A workers worker`, `celery -A workers beat`."""

from workers.app import celery

__all__ = ["celery"]
