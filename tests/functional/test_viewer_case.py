"""The viewer with a whole case: heat map, several films, an earlier study, and what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from diagnosis.models import AuditEvent, Job
from diagnosis.permissions import Actor
from diagnosis.services import films as store
from diagnosis.services import jobs, model_versions, results
from ml.contracts import Prediction
from ml.contracts.fake import FAKE_DIGEST, FakeClassifier
from tests import films
from tests.functional.lightbox import (
    FILM,
    SIZE,
    A,
    C,
    Lightbox,
    as_sent,
    length_of,
    middle_of,
    opened,
)
from tests.functional.waiting import until

if TYPE_CHECKING:
    from diagnosis.models import Study

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def scored(evidence: Any) -> None:
    """Every film of the queue gets this evidence."""
    for job in jobs.claim(worker="w", model_digest=FAKE_DIGEST, limit=9):
        score = Prediction(0.7, np.array(evidence, dtype=np.float32))
        ending = results.scored(job.id, job.attempt, score)
        results.record(endings=[ending], model=FakeClassifier().info, actor=Actor.system("w"))


@pytest.fixture
def case(submit: Any) -> tuple[Study, Study]:
    """(study, earlier study of the patient): two films and one, with heat on the left half."""
    xray = films.as_dicom(
        FILM,
        bits=12,
        extra={"ImagerPixelSpacing": [0.2, 0.1], "Manufacturer": "Example Imaging"},
    )
    earlier = submit([films.as_png16(FILM[::-1].copy())], mrn="A")
    other = films.as_png8(FILM[:, ::-1].copy())
    study = submit([xray, other], mrn="A", confirm_mismatch=True)
    scored([[6.0, -6.0]])
    return study, earlier


def test_heat_map_thumbnails_tags_and_millimetres(
    staff: Any, radiologist: Any, case: tuple[Study, Study]
) -> None:
    reader = staff(radiologist)
    box = opened(reader, case[0], SIZE)
    left, right = box.place(middle_of(1, 4)), box.place(middle_of(10, 4))
    plain = box.gray(left), box.gray(right)
    with box.page.expect_response(lambda answer: "heat-map" in answer.url):
        box.press("h")
    colours = [wait_for_colour(box, left)]
    assert box.gray(right) == plain[1]
    for scale in ("viridis", "cividis"):
        box.press("c")
        assert box.page.get_by_label("Colours of the heat map").input_value() == scale
        colours.append(box.pixel(left))
    assert len(set(colours)) == 3
    box.page.get_by_label("Opacity").fill("10")
    assert (
        np.abs(np.array(box.pixel(left)) - plain[0]).max()
        < np.abs(np.array(colours[-1]) - plain[0]).max()
    )
    box.press("h")
    assert (box.gray(left), box.gray(right)) == plain

    box.deepen()
    box.press("m")
    box.drag(box.place((100, 100)), box.place((300, 100)))
    assert length_of(box) == (pytest.approx(20, abs=0.3), "mm at the detector")
    box.press("t")
    panel = box.page.locator("[data-tags]")
    for told in ("Example Imaging", "0.2 x 0.1 mm", "MONOCHROME2", "12 bit"):
        assert told in panel.inner_text()
    for hidden in ("Fictional", "TEST-0001"):
        assert hidden not in panel.inner_text()
    box.press("t")

    box.page.get_by_role("button", name="Film 2").click()
    box.page.get_by_text("Film 2 · PNG").first.wait_for()
    box.wait()
    mirrored = middle_of(11, 0)
    until(box.page, "document.querySelector('[data-pane]').dataset.depth === 'first'")
    assert abs(box.gray(box.place(mirrored)) - as_sent(A)) <= 1
    box.press(",")
    assert box.page.locator("[data-show]").first.get_attribute("aria-pressed") == "true"
    looks = AuditEvent.objects.filter(actor_name=radiologist.username)
    assert looks.filter(action="HEAT_MAP_VIEWED").count() == 1
    assert looks.filter(action="FILM_VIEWED").count() == 4  # two thumbnails, two films
    assert reader.complaints == []


def wait_for_colour(box: Lightbox, place: tuple[float, float]) -> tuple[int, int, int]:
    until(
        box.page,
        """([canvas, x, y]) => {
          const at = [x, y].map((value) => Math.floor(value * canvas.width / canvas.clientWidth));
          const [red, green] = canvas.getContext("2d").getImageData(...at, 1, 1).data;
          return red !== green;
        }""",
        arg=[box.canvas.element_handle(), *place],
    )
    return box.pixel(place)


def test_side_by_side_with_an_earlier_study(
    staff: Any, radiologist: Any, case: tuple[Study, Study]
) -> None:
    study, earlier = case
    reader = staff(radiologist)
    box = opened(reader, study, SIZE)
    beside = Lightbox(box.page, SIZE, pane=1)
    assert not beside.pane.is_visible()
    box.press("s")
    beside.wait()
    assert abs(beside.gray(beside.place(middle_of(0, 9))) - as_sent(A)) <= 1
    event = AuditEvent.objects.filter(action="FILM_VIEWED", study=str(earlier.uid))
    assert event.filter(actor_name=radiologist.username).count() == 1

    box.deepen()
    box.move(box.place(C))
    for _ in range(3):
        box.page.mouse.wheel(0, -200)
    assert box.zoom == pytest.approx(beside.zoom, abs=1)
    assert box.zoom > 1.5 * box.fit * 100
    beside.move(box.place(C))
    beside.wait("full")
    x, y, value = beside.under
    assert (x, y) == pytest.approx(C, abs=1)
    assert value == int(FILM[::-1][y, x])

    box.page.get_by_role("button", name="Linked").click()
    together = box.zoom
    beside.move(box.place(C))
    box.page.mouse.wheel(0, -200)
    assert beside.zoom > together + 10
    assert box.zoom == together
    box.page.get_by_role("button", name="Linked").click()
    assert box.zoom == pytest.approx(beside.zoom, abs=1)
    box.press("s")
    beside.pane.wait_for(state="hidden")
    assert reader.complaints == []


AWAY = {"Location": "/login/"}


def test_a_lost_connection_is_told_and_tried_again(
    staff: Any, radiologist: Any, submit: Any
) -> None:
    reader = staff(radiologist)
    page = reader.page
    statuses = iter([302, 503])
    page.route("**/pixels", lambda route: route.fulfill(status=next(statuses), headers=AWAY))
    box = opened(reader, submit([films.as_png16(FILM)]), SIZE)
    box.canvas.hover()
    box.pane.get_by_text("You are logged out.").wait_for()
    again = box.pane.get_by_role("button", name="Try again")
    again.click()
    trouble = box.pane.get_by_text("The film could not be fetched.")
    trouble.wait_for()
    assert box.gray(box.place(C)) == as_sent(C)
    page.unroute("**/pixels")
    again.click()
    box.wait("full")
    assert not trouble.is_visible()


def test_a_film_that_cannot_be_read_says_so(staff: Any, radiologist: Any, submit: Any) -> None:
    study = submit([films.as_png16(FILM), films.as_png8(FILM)])
    for path in store.stored():
        path.write_bytes(b"something else")
    reader = staff(radiologist)
    reader.go("study", study.uid)
    reader.page.get_by_text("This film cannot be shown.").first.wait_for()
    assert reader.page.get_by_role("button", name="Invert").is_disabled()


def test_a_missing_heat_map_says_so(
    staff: Any, radiologist: Any, case: tuple[Study, Study]
) -> None:
    box = opened(staff(radiologist), case[0], SIZE)
    # Analysed again since the page was opened: the server has no map of it now.
    for job in Job.objects.filter(image__study=case[0]):
        model_versions.resubmit(job=job, actor=Actor.system("w"), reason="Again.")
    with box.page.expect_response(lambda answer: "heat-map" in answer.url) as asked:
        box.press("h")
    assert asked.value.status == 404
    box.page.get_by_text("The heat map cannot be shown.").first.wait_for()
    assert box.gray(box.place(C)) == pytest.approx(as_sent(C), abs=1)


def test_a_film_whose_result_is_hidden_has_no_heat_map(
    staff: Any, radiologist: Any, submit: Any
) -> None:
    box = opened(staff(radiologist), submit([films.as_png16(FILM)]), SIZE)
    assert box.page.get_by_role("button", name="Heat map").is_disabled()
    box.press("h")
    assert box.gray(box.place(C)) == as_sent(C)
    assert not AuditEvent.objects.filter(action="HEAT_MAP_VIEWED").exists()
