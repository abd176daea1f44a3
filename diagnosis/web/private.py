"""Pages with patient data are kept by no cache, the browser's own included."""

from __future__ import annotations

from django.views.decorators.cache import cache_control

private = cache_control(private=True, no_store=True)
