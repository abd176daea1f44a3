// Holding the case while the page is open, and signing it on purpose.

import { csrfToken } from "./app.js";

const HEARTBEAT_MS = 30_000;
const ANSWER_MS = 10_000;
const form = document.querySelector("[data-report]");
const signing = form?.querySelector("[data-sign]");
const holding = document.querySelector("[data-holding]");

// How this page stands with the server: "fine", or the name of the notice that says what to do.
async function standing() {
  try {
    const answer = await fetch(form.dataset.heartbeat, {
      method: "POST",
      headers: { "X-CSRFToken": csrfToken() },
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (answer.type === "opaqueredirect") return "ended";
    if (answer.status >= 500) return "silent";
    if (!answer.ok) return "other";
    const { held, user } = await answer.json();
    if (user !== form.dataset.user) return "other";
    return held || !form.hasAttribute("data-holds") ? "fine" : "lost";
  } catch {
    return "silent";
  }
}

function tell(what) {
  form.querySelectorAll("[data-trouble]").forEach((notice) => {
    const isNews = notice.hidden && notice.dataset.trouble === what;
    notice.hidden = notice.dataset.trouble !== what;
    if (isNews) signing.scrollIntoView({ block: "nearest" }); // the notice stands above it
  });
  holding?.toggleAttribute("hidden", what === "lost");
}

function holdTheCase() {
  const beat = async () => {
    const found = await standing();
    if (found !== "silent") tell(found); // no answer is no verdict: the next beat asks again
  };
  setInterval(beat, HEARTBEAT_MS);
  document.addEventListener("visibilitychange", () => document.hidden || beat());
}

// Asked before anything is sent, since what is posted to an ended session is gone.
function signOnPurpose() {
  const dialog = form.querySelector("[data-confirm]");
  const opinion = form.querySelector("[data-confirm-opinion]");
  const confirmed = dialog.querySelector("[value=confirmed]");
  const buttons = [signing, confirmed];
  const setBusy = (isBusy) => buttons.forEach((button) => (button.disabled = isBusy));

  const isIncomplete = () => {
    const impression = form.querySelector("[name=impression]").value.trim();
    return !form.querySelector("[name=opinion]:checked") || !impression;
  };
  const ask = () => {
    const chosen = form.querySelector("[name=opinion]:checked");
    opinion.textContent = chosen.closest("label").textContent.trim();
    setBusy(false);
    dialog.showModal();
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setBusy(true);
    const found = await standing();
    tell(found);
    if (found !== "fine") {
      setBusy(false);
      dialog.close();
    } else if (event.submitter === confirmed || isIncomplete()) {
      send(); // what is missing the server names
    } else {
      ask();
    }
  });
  dialog.querySelector("[data-back]").addEventListener("click", () => dialog.close());
  addEventListener("pageshow", () => setBusy(false));
}

let isDirty = form?.hasAttribute("data-refused");

function send() {
  isDirty = false;
  form.submit();
}

function warnBeforeLeaving() {
  form.addEventListener("input", () => (isDirty = true));
  addEventListener("beforeunload", (event) => {
    if (isDirty) event.preventDefault();
  });
  document.addEventListener("pneumo:session-ended", (event) => {
    if (!isDirty) return;
    event.preventDefault();
    tell("ended");
  });
}

function showWhatIsWrong() {
  const wrong = form.querySelector("p[role=alert], .error:not(.notice, :empty)");
  wrong?.scrollIntoView({ block: "center" });
}

if (form) {
  if (form.hasAttribute("data-holds")) holdTheCase();
  signOnPurpose();
  warnBeforeLeaving();
  showWhatIsWrong();
}
