"""Every address of the product."""

from django.urls import include, path

from diagnosis.admin import site as admin_site

urlpatterns = [
    path("admin/", admin_site.urls),
    path("", include("diagnosis.urls")),
]
