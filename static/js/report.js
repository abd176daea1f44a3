// Holding the case while the page is open, and signing it on purpose.

const HEARTBEAT_MS = 30_000;
const form = document.querySelector("[data-report]");

function holdTheCase() {
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const lost = document.querySelector("[data-lost]");
  const beat = async () => {
    const answer = await fetch(form.dataset.heartbeat, {
      method: "POST",
      headers: { "X-CSRFToken": token },
      redirect: "manual",
    }).catch(() => null); // no answer is no verdict: the next beat asks again
    if (answer === null || answer.ok || answer.status >= 500) return;
    lost.hidden = false;
    clearInterval(timer);
  };
  const timer = setInterval(beat, HEARTBEAT_MS);
  document.addEventListener("visibilitychange", () => document.hidden || beat());
}

function askBeforeSigning() {
  const dialog = form.querySelector("[data-confirm]");
  const opinion = form.querySelector("[data-confirm-opinion]");
  const confirmed = dialog.querySelector("[value=confirmed]");
  form.addEventListener("submit", (event) => {
    if (event.submitter === confirmed) return;
    const chosen = form.querySelector("[name=opinion]:checked");
    const impression = form.querySelector("[name=impression]").value.trim();
    if (!chosen || !impression) return; // the server names what is missing
    event.preventDefault();
    opinion.textContent = chosen.closest("label").textContent.trim();
    dialog.showModal();
  });
  dialog.querySelector("[data-back]").addEventListener("click", () => dialog.close());
}

function warnBeforeLeaving() {
  let isDirty = false;
  form.addEventListener("input", () => (isDirty = true));
  form.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) isDirty = false;
  });
  addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });
}

if (form) {
  if (form.dataset.heartbeat) holdTheCase();
  askBeforeSigning();
  warnBeforeLeaving();
}
