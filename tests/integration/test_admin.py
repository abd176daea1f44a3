"""The admin pages: who gets in, what can be written, and that each write is a service's."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from diagnosis.admin import site as admin_site
from diagnosis.models import AuditEvent, Job, ModelVersion, Site
from diagnosis.permissions import Actor, visible_to
from diagnosis.services import model_versions
from diagnosis.services.policies import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from diagnosis.models import Study

pytestmark = pytest.mark.django_db
PASSWORD = "correct-horse-battery"  # noqa: S105
WRITERS = {User, Site}


def of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin(administrator: Any) -> Client:
    return of(administrator)


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:{name}", args=args)


def user_form(**changes: Any) -> dict[str, Any]:
    return {"username": "newcomer", "is_active": "on", **changes}


class TestDoor:
    def test_the_role_opens_it_and_staff_alone_does_not(
        self, admin: Client, radiologist: Any
    ) -> None:
        assert admin.get(page("index")).status_code == 200
        radiologist.is_staff = True
        radiologist.save()
        assert of(radiologist).get(page("index")).status_code == 403

    def test_strangers_are_sent_to_the_one_login(self, db: None) -> None:
        for address in (page("index"), page("login")):
            answer = Client().get(address)
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("login"))

    def test_every_registered_page_opens(self, admin: Client, submit: Any) -> None:
        submit()
        for model in admin_site._registry:
            name = f"{model._meta.app_label}_{model._meta.model_name}_changelist"
            assert admin.get(page(name)).status_code == 200, name

    def test_only_accounts_and_sites_are_writable(self, rf: Any, administrator: Any) -> None:
        request = rf.get("/")
        request.user = administrator
        writable = {
            model
            for model, page in admin_site._registry.items()
            if page.has_add_permission(request) or page.has_change_permission(request)
        }
        assert writable == WRITERS
        for page_ in admin_site._registry.values():
            assert not page_.has_delete_permission(request)
            assert "delete_selected" not in page_.get_actions(request)


class TestAccounts:
    def test_a_user_is_made_through_the_service(
        self, admin: Client, administrator: Any, site: Site
    ) -> None:
        answer = admin.post(
            page("auth_user_add"),
            user_form(
                roles=["Radiologist"], sites=[site.pk], password1=PASSWORD, password2=PASSWORD
            ),
        )
        assert answer.status_code == 302
        made = User.objects.get(username="newcomer")
        assert made.check_password(PASSWORD)
        assert (made.is_staff, made.is_superuser) == (False, False)
        assert [member.site for member in made.memberships.all()] == [site]
        events = AuditEvent.objects.filter(actor_id=str(administrator.pk), object_id=str(made.pk))
        assert list(events.values_list("action", flat=True)) == [
            "USER_CREATED",
            "USER_ROLES_SET",
            "USER_SITES_SET",
        ]

    def test_a_weak_password_is_told(self, admin: Client) -> None:
        form = user_form(password1="short", password2="short")
        answer = admin.post(page("auth_user_add"), form)
        assert "too short" in answer.content.decode()
        assert not User.objects.filter(username="newcomer").exists()

    def test_roles_sites_and_access_change_with_an_event_each(
        self, admin: Client, submitter: Any, other_site: Site
    ) -> None:
        change = user_form(username=submitter.username, roles=["Auditor"], sites=[other_site.pk])
        del change["is_active"]
        admin.post(page("auth_user_change", submitter.pk), change)
        submitter.refresh_from_db()
        assert not submitter.is_active
        events = AuditEvent.objects.filter(object_id=str(submitter.pk), object_type="user")
        assert [(e.action, e.before, e.after) for e in events] == [
            ("USER_ROLES_SET", {"groups": ["Submitter"]}, {"groups": ["Auditor"]}),
            ("USER_SITES_SET", {"sites": ["north"]}, {"sites": ["south"]}),
            ("USER_DEACTIVATED", {"is_active": True}, {"is_active": False}),
        ]

    def test_nobody_raises_themselves(self, admin: Client, administrator: Any) -> None:
        answer = admin.post(
            page("auth_user_change", administrator.pk),
            user_form(username=administrator.username, roles=["Radiologist"], is_superuser="on"),
        )
        assert answer.status_code == 403
        administrator.refresh_from_db()
        assert not administrator.is_superuser
        assert [group.name for group in administrator.groups.all()] == ["Administrator"]

    def test_nobody_is_made_superuser(self, admin: Client, submitter: Any) -> None:
        form = user_form(
            username=submitter.username, roles=["Administrator"], is_superuser="on", is_staff="on"
        )
        admin.post(page("auth_user_change", submitter.pk), form)
        submitter.refresh_from_db()
        assert (submitter.is_superuser, submitter.is_staff) == (False, True)

    def test_a_superuser_is_out_of_reach(self, admin: Client, db: None) -> None:
        root = User.objects.create_superuser("root", "", PASSWORD)
        assert admin.post(page("auth_user_change", root.pk), user_form()).status_code == 403
        passwords = {"password1": PASSWORD + "2", "password2": PASSWORD + "2"}
        address = page("auth_user_password_change", root.pk)
        assert admin.post(address, passwords).status_code == 403
        assert User.objects.get(pk=root.pk).check_password(PASSWORD)

    def test_a_password_is_reset_and_audited(
        self, admin: Client, administrator: Any, submitter: Any
    ) -> None:
        from rest_framework.authtoken.models import Token

        Token.objects.create(user=submitter)
        address = page("auth_user_password_change", submitter.pk)
        assert admin.get(address).status_code == 200
        answer = admin.post(address, {"password1": PASSWORD, "password2": PASSWORD})
        assert answer.status_code == 302
        submitter.refresh_from_db()
        assert submitter.check_password(PASSWORD)
        event = AuditEvent.objects.get(action="USER_PASSWORD_SET")
        assert (event.actor_name, event.object_id) == (administrator.username, str(submitter.pk))
        assert not Token.objects.filter(user=submitter).exists()

    def test_the_own_password_is_changed_and_audited(
        self, admin: Client, administrator: Any
    ) -> None:
        form = {"old_password": "a-long-test-password", "new_password1": PASSWORD}
        answer = admin.post(page("password_change"), {**form, "new_password2": PASSWORD})
        assert answer.status_code == 302
        administrator.refresh_from_db()
        assert administrator.check_password(PASSWORD)
        assert AuditEvent.objects.filter(action="USER_PASSWORD_SET").count() == 1

    def test_a_site_is_made_and_renamed_but_keeps_its_code(self, admin: Client) -> None:
        policies = {name: getattr(Site(), name) for name in FIELDS if name[0] != "s"}
        policies |= {"second_read_policy": "ALL", "second_read_percent": 0}
        admin.post(page("diagnosis_site_add"), {"code": "east", "name": "East", **policies})
        east = Site.objects.get(code="east")
        assert east.second_read_policy == "ALL"
        form = {"code": "other", "name": "Eastern Hospital", **policies}
        admin.post(page("diagnosis_site_change", east.pk), form)
        east.refresh_from_db()
        assert (east.code, east.name) == ("east", "Eastern Hospital")
        events = AuditEvent.objects.filter(object_type="site").values_list("action", "site")
        assert list(events) == [
            (action, "east") for action in ("SITE_CREATED", "SITE_POLICY_SET", "SITE_RENAMED")
        ]


class TestCases:
    def test_a_look_at_a_patient_is_audited(
        self, admin: Client, administrator: Any, submit: Callable[..., Study]
    ) -> None:
        study = submit()
        admin.get(page("diagnosis_study_change", study.pk))
        admin.get(page("diagnosis_patient_change", study.patient_id))
        events = AuditEvent.objects.filter(action="ADMIN_VIEWED", site="north")
        assert list(events.values_list("object_type", "study")) == [
            ("study", str(study.uid)),
            ("patient", ""),
        ]

    def test_patients_of_other_sites_are_not_there(
        self, make_user: Any, other_site: Site, submit: Callable[..., Study]
    ) -> None:
        study = submit(name="Secret Person")
        foreign = of(make_user("Administrator", other_site))
        listed = foreign.get(page("diagnosis_patient_changelist")).content.decode()
        assert not any(word in listed for word in ("Secret Person", "North Hospital"))
        seen = foreign.get(page("diagnosis_patient_change", study.patient_id))
        unknown = foreign.get(page("diagnosis_patient_change", 999_999))
        assert (seen.status_code, seen["Location"]) == (302, unknown["Location"])

    @pytest.mark.parametrize("model", ["study", "image", "job", "patient", "auditevent"])
    def test_nothing_of_a_case_is_deleted_or_changed(
        self, admin: Client, submit: Callable[..., Study], model: str
    ) -> None:
        submit()
        key = next(m for m in admin_site._registry if m._meta.model_name == model).objects.first()
        for name in ("delete", "change"):
            answer = admin.post(page(f"diagnosis_{model}_{name}", key.pk), {"post": "yes"})
            assert answer.status_code == 403
        form = {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"}
        admin.post(page(f"diagnosis_{model}_changelist"), form)
        key.refresh_from_db()

    def test_events_of_no_site_are_for_administrators_and_auditors_of_any(
        self, administrator: Any, auditor: Any, model_version: Any
    ) -> None:
        for user in (administrator, auditor):
            assert visible_to(user, AuditEvent).filter(action="MODEL_ACTIVE").count() == 1


class TestActions:
    def act(self, client: Client, model: str, name: str, *keys: int, **form: Any) -> Any:
        address = page(f"diagnosis_{model}_changelist")
        return client.post(address, {"action": name, "_selected_action": keys, **form})

    def test_a_job_is_canceled_with_a_reason(
        self, admin: Client, administrator: Any, submit: Callable[..., Study]
    ) -> None:
        submit()
        job = Job.objects.get()
        asked = self.act(admin, "job", "cancel", job.pk)
        assert b"why?" in asked.content
        job.refresh_from_db()
        assert job.status == "QUEUED"
        empty = self.act(admin, "job", "cancel", job.pk, confirmed="yes", reason=" ")
        assert b"This field is required" in empty.content
        self.act(admin, "job", "cancel", job.pk, confirmed="yes", reason="Wrong film")
        job.refresh_from_db()
        assert job.status == "CANCELED"
        event = AuditEvent.objects.get(action="JOB_CANCEL")
        assert (event.reason, event.actor_name) == ("Wrong film", administrator.username)

    def test_a_job_is_resubmitted_and_what_cannot_be_is_told(
        self, admin: Client, submit: Callable[..., Study]
    ) -> None:
        submit()
        job = Job.objects.get()
        sure = {"confirmed": "yes", "reason": "Try again"}
        refused = self.act(admin, "job", "resubmit", job.pk, **sure)
        assert refused.status_code == 302
        assert Job.objects.count() == 1
        self.act(admin, "job", "cancel", job.pk, **sure)
        self.act(admin, "job", "resubmit", job.pk, **sure)
        assert Job.objects.latest("id").supersedes_id == job.pk

    def test_a_job_of_another_site_cannot_be_acted_on(
        self, make_user: Any, other_site: Site, submit: Callable[..., Study]
    ) -> None:
        submit()
        foreign = of(make_user("Administrator", other_site))
        self.act(foreign, "job", "cancel", Job.objects.get().pk, confirmed="yes", reason="x")
        assert Job.objects.get().status == "QUEUED"

    def test_a_model_version_is_activated_with_a_reason(
        self, admin: Client, submit: Callable[..., Study], model_version: ModelVersion
    ) -> None:
        submit()
        second, _ = model_versions.register(
            actor=Actor.system("test"),
            manifest={"name": "fake", "version": "2"},
            digest=uuid.uuid4().hex * 2,
            folder="two",
        )
        sure = {"confirmed": "yes", "reason": "Better"}
        both = self.act(admin, "modelversion", "activate", second.pk, model_version.pk, **sure)
        assert both.status_code == 422
        self.act(admin, "modelversion", "activate", second.pk, **sure)
        assert model_versions.active() == second
        assert AuditEvent.objects.filter(action="MODEL_ACTIVE", reason="Better").count() == 1
        assert Job.objects.filter(status="QUEUED").get().model_version == second
