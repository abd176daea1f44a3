"""Routes of version 1; their names are those of permissions.ROUTES."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from diagnosis.api import critical, drafts, notices, submissions, views
from diagnosis.api.rules import RouteRule

_guarded = {"permission_classes": [RouteRule]}  # spectacular's own default lets everybody in

urlpatterns = [
    path("studies/", views.StudiesView.as_view(), name="api-studies"),
    path("studies/<uuid:uid>/", views.StudyView.as_view(), name="api-study"),
    path("studies/<uuid:uid>/films/", submissions.StudyFilmsView.as_view(), name="api-study-films"),
    path("studies/<uuid:uid>/readings/", views.ReadingsView.as_view(), name="api-study-readings"),
    path("studies/<uuid:uid>/opinion/", views.OpinionView.as_view(), name="api-study-opinion"),
    path("notices/", notices.NoticesView.as_view(), name="api-notices"),
    path("critical/", critical.CriticalView.as_view(), name="api-critical"),
    path(
        "critical/<uuid:uid>/acknowledge/",
        critical.AcknowledgeView.as_view(),
        name="api-critical-acknowledge",
    ),
    path("studies/<uuid:uid>/draft/", drafts.DraftView.as_view(), name="api-study-draft"),
    path("studies/<uuid:uid>/report.pdf", views.ReportView.as_view(), name="api-report-pdf"),
    path("next-case/", views.NextCaseView.as_view(), name="api-next-case"),
    path("queue/", views.QueueView.as_view(), name="api-queue"),
    path("films/<uuid:uid>/image.png", views.FilmView.as_view(), name="api-film"),
    path("films/<uuid:uid>/heat-map.png", views.HeatMapView.as_view(), name="api-heat-map"),
    path("schema/", SpectacularAPIView.as_view(**_guarded), name="api-schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api-schema", **_guarded),
        name="api-docs",
    ),
]
