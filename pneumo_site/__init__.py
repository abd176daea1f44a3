"""The composition root: settings, URLs, Celery, and the commands that run the whole product."""

from pneumo_site.celery import app as celery_app

__all__ = ["celery_app"]
