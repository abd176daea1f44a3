"""Pages at the top, the API under /api/v1/."""

from django.urls import include, path

urlpatterns = [
    path("", include("diagnosis.web.urls")),
    path("api/v1/", include("diagnosis.api.urls")),
]
