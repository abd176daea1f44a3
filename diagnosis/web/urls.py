"""The pages. A route's name is its key in permissions.ROUTES."""

from django.urls import path

from diagnosis.web import audit, films, health, phrases, session, sign, study, submit, worklist

urlpatterns = [
    path("", session.home, name="home"),
    path("login/", session.login, name="login"),
    path("logout/", session.logout, name="logout"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("worklist/", worklist.worklist, name="worklist"),
    path("worklist/rows/", worklist.rows, name="worklist-rows"),
    path("submit/", submit.submit, name="submit"),
    path("studies/<uuid:uid>/", study.study, name="study"),
    path("studies/<uuid:uid>/films/", study.films, name="study-films"),
    path("studies/<uuid:uid>/claim/", study.claim, name="study-claim"),
    path("studies/<uuid:uid>/release/", study.release, name="study-release"),
    path("studies/<uuid:uid>/heartbeat/", study.heartbeat, name="study-heartbeat"),
    path("studies/<uuid:uid>/sign/", sign.sign, name="study-sign"),
    path("studies/<uuid:uid>/amend/", sign.amend, name="study-amend"),
    path("studies/<uuid:uid>/report.pdf", study.report_pdf, name="report-pdf"),
    path("phrases/", phrases.phrases, name="phrases"),
    path("films/<uuid:uid>.png", films.film, name="film"),
    path("films/<uuid:uid>/heat-map.png", films.heat_map, name="heat-map"),
    path("audit/", audit.audit, name="audit"),
]
