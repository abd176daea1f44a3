"""The Celery application: messages carry no state, they only ring the bell."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pneumo_site.settings")

app = Celery("pneumo")
app.config_from_object("pneumo_site.queue_settings")
app.autodiscover_tasks(["worker"])
