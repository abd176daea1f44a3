// Writing a report, and signing it on purpose.

import { keepDraft } from "./draft.js";
import { hold, standing } from "./holding.js";
import { tabMirrorOf } from "./mirror.js";
import { offerPhrases } from "./phrases.js";
import { append, fieldsOf, fill, textOf, type } from "./report_text.js";

const form = document.querySelector("[data-report]");
const signing = form?.querySelector("[data-sign]");
const holding = document.querySelector("[data-holding]");
let draft;
let isTouched = form?.hasAttribute("data-refused");

function tell(what) {
  form.querySelectorAll("[data-trouble]").forEach((notice) => {
    const isNews = notice.hidden && notice.dataset.trouble === what;
    notice.hidden = notice.dataset.trouble !== what;
    if (isNews) signing.scrollIntoView({ block: "nearest" }); // the notice stands above it
  });
  holding?.toggleAttribute("hidden", what === "lost");
}

// Whether to go on to the next case is remembered, because who reads a list does so again and again.
function rememberToGoOn() {
  const choice = form.querySelector("[data-onward]");
  if (!choice) return;
  choice.checked = localStorage.getItem("onward") === "true";
  choice.addEventListener("change", () => localStorage.setItem("onward", choice.checked));
}

// The server is asked before anything is sent: what is posted to an ended session is gone.
function signOnPurpose() {
  const dialog = form.querySelector("[data-confirm]");
  const opinion = form.querySelector("[data-confirm-opinion]");
  const confirmed = dialog.querySelector("[value=confirmed]");
  const password = dialog.querySelector("[name=password]");
  const buttons = [signing, confirmed];
  const setBusy = (isBusy) => buttons.forEach((button) => (button.disabled = isBusy));

  const isIncomplete = () => {
    const impression = form.querySelector("[name=impression]").value.trim();
    return !form.querySelector("[name=opinion]:checked") || !impression;
  };
  // At once, so that a password that is typed blindly lands here and not in the report.
  const ask = () => {
    const chosen = form.querySelector("[name=opinion]:checked");
    opinion.textContent = chosen.closest("label").textContent.trim();
    setBusy(false);
    dialog.showModal();
    password?.focus();
  };
  const mayBeSent = async () => {
    const found = await standing(form);
    tell(found);
    const isFine = found === "fine" && (!draft || (await draft.flush()));
    if (!isFine) dialog.close();
    return isFine;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const isConfirmed = event.submitter === confirmed && dialog.open;
    if (!isConfirmed && !isIncomplete()) {
      ask();
      mayBeSent();
      return;
    }
    setBusy(true);
    if (await mayBeSent()) send(); // what is missing the server names
    else setBusy(false);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || dialog.open) return;
    event.preventDefault();
    if (!signing.disabled) form.requestSubmit(signing);
  });
  password?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (!confirmed.disabled) form.requestSubmit(confirmed);
  });
  dialog.querySelector("[data-back]").addEventListener("click", () => dialog.close());
  addEventListener("pageshow", () => setBusy(false));
  if (dialog.querySelector("#report-password-error")?.textContent) ask();
}

function send() {
  isTouched = false;
  form.submit();
}

// An addendum has no draft on the server: until it is signed, leaving it loses it.
const isAtRisk = () => (draft ? draft.isAtRisk() : isTouched);

function warnBeforeLeaving() {
  form.addEventListener("input", () => (isTouched = true));
  addEventListener("beforeunload", (event) => {
    if (isAtRisk()) event.preventDefault();
  });
  document.addEventListener("pneumo:session-ended", (event) => {
    if (!isTouched) return;
    event.preventDefault();
    tell("ended");
  });
}

function keepAddendum() {
  const mirror = tabMirrorOf(form.dataset.user, form.dataset.study);
  const kept = mirror.read();
  const reason = form.querySelector("[name=reason]");
  if (document.querySelector(".notices .success")) mirror.drop(); // it has just been signed
  else if (kept && !form.hasAttribute("data-refused")) {
    fill(form, kept.text);
    reason.value = kept.reason;
    form.closest("details").open = true;
    isTouched = true;
  }
  form.addEventListener("input", () => mirror.keep({ text: textOf(form), reason: reason.value }));
}

function offerNormal() {
  const fieldOf = (button) => button.parentElement.querySelector("[data-section]");
  const buttons = [...form.querySelectorAll("[data-normal]")];
  buttons.forEach((button) => button.addEventListener("click", () => type(fieldOf(button), button.dataset.normal)));
  form.querySelector("[data-all-normal]").addEventListener("click", () => {
    const empty = buttons.filter((button) => !fieldOf(button).value.trim());
    empty.forEach((button) => type(fieldOf(button), button.dataset.normal));
  });
}

function offerCopies() {
  document.querySelectorAll("[data-copy]").forEach((button) => {
    button.addEventListener("click", () => {
      const texts = button.closest("[data-draft-of]").querySelectorAll("[data-text]");
      const fields = new Map(fieldsOf(form).map((field) => [field.dataset.section, field]));
      texts.forEach((text) => append(fields.get(text.dataset.text), text.innerText));
    });
  });
}

function showWhatIsWrong() {
  const wrong = form.querySelector("p[role=alert], .error:not(.notice, :empty)");
  wrong?.scrollIntoView({ block: "center" });
}

if (form) {
  if (form.hasAttribute("data-holds")) hold(form, tell);
  rememberToGoOn();
  if (form.dataset.draft) draft = keepDraft(form, tell);
  else keepAddendum();
  signOnPurpose();
  warnBeforeLeaving();
  offerNormal();
  offerCopies();
  offerPhrases(form);
  showWhatIsWrong();
}
