"""Submission through the page: what is accepted, and how each refusal is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from diagnosis.models import AuditEvent, Image, Patient, Study
from tests import films

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("model_version")]
HTMX = {"HX-Request": "true"}


def upload(data: bytes, name: str = "film.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def film(seed: int = 1) -> bytes:
    return films.as_png8(films.chest(seed, size=(300, 260)))


@pytest.fixture
def form(site: Any) -> dict[str, Any]:
    return {
        "site": site.pk,
        "mrn": "M-1",
        "name": "Ada Sample",
        "birth_date": "2023-05-01",
        "sex": "F",
        "priority": "URGENT",
        "indication": "Fever",
        "accession_number": "",
        "idempotency_key": "k" * 32,
        "films": [upload(film())],
    }


def post(browser: Any, form: dict[str, Any], **headers: str) -> Any:
    return browser.post(reverse("submit"), form, headers=headers)


@pytest.mark.parametrize("role", ["submitter", "radiologist"])
def test_clinical_roles_submit_and_land_on_the_study(
    as_user: Any, form: dict[str, Any], request: Any, role: str
) -> None:
    user = request.getfixturevalue(role)
    answer = post(as_user(user), {**form, "films": [upload(film(1)), upload(film(2))]})
    study = Study.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == reverse("study", args=[study.uid])
    assert (study.patient.name, study.priority, study.indication) == (
        "Ada Sample",
        "URGENT",
        "Fever",
    )
    assert study.submitted_by == user
    assert study.images.count() == 2
    event = AuditEvent.objects.get(action="STUDY_SUBMITTED")
    assert (event.actor_name, event.address) == (user.username, "127.0.0.1")


@pytest.mark.parametrize("role", ["administrator", "auditor"])
def test_other_roles_may_not(as_user: Any, form: dict[str, Any], request: Any, role: str) -> None:
    browser = as_user(request.getfixturevalue(role))
    assert browser.get(reverse("submit")).status_code == 403
    assert post(browser, form).status_code == 403
    assert not Study.objects.exists()


def test_htmx_is_sent_on_by_header(as_user: Any, form: dict[str, Any], submitter: Any) -> None:
    answer = post(as_user(submitter), form, **HTMX)
    assert answer.status_code == 200
    assert answer["HX-Redirect"] == reverse("study", args=[Study.objects.get().uid])


def test_each_rendering_has_its_own_key(as_user: Any, submitter: Any) -> None:
    browser = as_user(submitter)
    keys = {browser.get(reverse("submit")).context["form"]["idempotency_key"].value() for _ in "ab"}
    assert len(keys) == 2
    assert all(len(key) == 32 for key in keys)


def test_sending_twice_stores_once(as_user: Any, form: dict[str, Any], submitter: Any) -> None:
    browser = as_user(submitter)
    first = post(browser, form)
    form["films"][0].seek(0)
    second = post(browser, form)
    assert first["Location"] == second["Location"]
    assert Study.objects.count() == 1


def test_the_same_key_with_other_content_is_refused(
    as_user: Any, form: dict[str, Any], submitter: Any
) -> None:
    browser = as_user(submitter)
    post(browser, form)
    answer = post(browser, {**form, "films": [upload(film(2))]})
    assert answer.status_code == 409
    assert "IDEMPOTENCY_CONFLICT" in answer.content.decode()
    assert Study.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mrn", ""),
        ("mrn", "   "),
        ("name", ""),
        ("name", "x" * 201),
        ("birth_date", "yesterday"),
        ("birth_date", "2999-01-01"),
        ("sex", "Q"),
        ("priority", "NOW"),
        ("indication", "x" * 2001),
        ("films", []),
    ],
)
def test_a_wrong_field_is_marked_and_nothing_is_stored(
    as_user: Any, form: dict[str, Any], submitter: Any, field: str, value: Any
) -> None:
    answer = post(as_user(submitter), {**form, field: value}, **HTMX)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    text = answer.content.decode()
    message = answer.context["form"].errors[field][0]
    assert f'<p class="error" id="{field}-error" hx-swap-oob="true">{message}</p>' in text
    assert not Study.objects.exists()
    assert not Patient.objects.exists()


def test_a_foreign_site_cannot_be_chosen(
    as_user: Any, form: dict[str, Any], submitter: Any, other_site: Any
) -> None:
    answer = post(as_user(submitter), {**form, "site": other_site.pk})
    assert answer.status_code == 422
    assert "site" in answer.context["form"].errors
    assert not Study.objects.exists()


BAD_FILMS = {
    "UNSUPPORTED_TYPE": films.text_named_jpg,
    "CORRUPT": films.truncated_jpeg,
    "EMPTY": films.empty,
    "TOO_MANY_PIXELS": films.huge_header_png,
    "NOT_A_CHEST_MODALITY": films.ct_dicom,
    "NO_PIXELS": films.dicom_without_pixels,
}


@pytest.mark.parametrize("code", BAD_FILMS)
def test_a_bad_film_is_refused_by_its_code(
    as_user: Any, form: dict[str, Any], submitter: Any, code: str
) -> None:
    answer = post(as_user(submitter), {**form, "films": [upload(BAD_FILMS[code](), "film.jpg")]})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "NO_USABLE_FILM" in text
    assert f"<code>{code}</code>" in text
    assert not Study.objects.exists()
    assert not Image.objects.exists()


def test_a_film_over_the_limit_is_too_large(
    as_user: Any, form: dict[str, Any], submitter: Any, settings: Any
) -> None:
    settings.MAX_FILM_BYTES = 1024 * 1024
    answer = post(as_user(submitter), {**form, "films": [upload(film() + bytes(1024 * 1024))]})
    assert answer.status_code == 413
    assert "A film may have at most 1 MB." in answer.content.decode()
    assert not Study.objects.exists()


def test_without_a_place_for_the_upload_the_form_says_so(
    as_user: Any, form: dict[str, Any], submitter: Any, settings: Any
) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 0
    settings.FILE_UPLOAD_TEMP_DIR = settings.DATA_DIR / "full"
    answer = post(as_user(submitter), {**form, "films": [upload(film())]})
    assert answer.status_code == 503
    assert "STORAGE_UNAVAILABLE" in answer.content.decode()
    assert not Study.objects.exists()


def test_one_good_film_is_enough_and_the_bad_one_is_told(
    as_user: Any, form: dict[str, Any], submitter: Any
) -> None:
    browser = as_user(submitter)
    several = [upload(b"not a film", "x.jpg"), upload(film())]
    answer = browser.post(reverse("submit"), {**form, "films": several}, follow=True)
    text = answer.content.decode()
    assert Image.objects.count() == 1
    assert "Not every submitted film was accepted." in text
    assert "Film 1: <code>UNSUPPORTED_TYPE</code>" in text


def test_another_patients_film_needs_a_confirmation_which_is_audited(
    as_user: Any, form: dict[str, Any], submitter: Any
) -> None:
    browser = as_user(submitter)
    dicom = films.as_dicom(
        films.chest(1), patient_id="M-1", patient_name="Doe^John", birth_date="", accession=""
    )
    answer = post(browser, {**form, "films": [upload(dicom)]}, **HTMX)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "PATIENT_MISMATCH" in text
    assert "Film 1 differs in: patient name" in text
    assert "Doe" not in text
    assert 'name="confirm_mismatch"' in text
    assert not Study.objects.exists()
    confirmed = {**form, "films": [upload(dicom)], "confirm_mismatch": "true"}
    assert post(browser, confirmed).status_code == 302
    assert AuditEvent.objects.filter(action="PATIENT_MISMATCH_CONFIRMED").count() == 1


def test_a_refused_page_without_script_keeps_what_was_typed(
    as_user: Any, form: dict[str, Any], submitter: Any
) -> None:
    text = post(as_user(submitter), {**form, "birth_date": ""}).content.decode()
    assert 'value="Ada Sample"' in text
    assert "Choose the films again" in text
    assert f'value="{form["idempotency_key"]}"' in text
