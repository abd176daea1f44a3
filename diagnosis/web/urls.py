"""The pages. A route's name is its key in permissions.ROUTES."""

from django.urls import path

from diagnosis.web import (
    audit,
    critical,
    films,
    health,
    session,
    sign,
    study,
    submissions,
    submit,
    worklist,
)

urlpatterns = [
    path("", session.home, name="home"),
    path("login/", session.login, name="login"),
    path("logout/", session.logout, name="logout"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("worklist/", worklist.worklist, name="worklist"),
    path("worklist/rows/", worklist.rows, name="worklist-rows"),
    path("submit/", submit.submit, name="submit"),
    path("my-studies/", submissions.my_studies, name="my-studies"),
    path("studies/<uuid:uid>/", study.study, name="study"),
    path("studies/<uuid:uid>/films/", study.films, name="study-films"),
    path("studies/<uuid:uid>/add-films/", submissions.add_films, name="study-add-films"),
    path("studies/<uuid:uid>/claim/", study.claim, name="study-claim"),
    path("studies/<uuid:uid>/release/", study.release, name="study-release"),
    path("studies/<uuid:uid>/heartbeat/", study.heartbeat, name="study-heartbeat"),
    path("studies/<uuid:uid>/sign/", sign.sign, name="study-sign"),
    path("studies/<uuid:uid>/amend/", sign.amend, name="study-amend"),
    path("studies/<uuid:uid>/critical/", critical.mark, name="study-critical"),
    path("critical/<uuid:uid>/tell/", critical.tell, name="critical-tell"),
    path("critical/<uuid:uid>/read-back/", critical.read_back, name="critical-read-back"),
    path("critical/<uuid:uid>/acknowledge/", critical.acknowledge, name="critical-acknowledge"),
    path("critical/<uuid:uid>/withdraw/", critical.withdraw, name="critical-withdraw"),
    path("films/<uuid:uid>.png", films.film, name="film"),
    path("films/<uuid:uid>/heat-map.png", films.heat_map, name="heat-map"),
    path("audit/", audit.audit, name="audit"),
]
