// The draft of a report: saved at each pause, mirrored here until the server has confirmed it, and
// never written over another tab's.

import { csrfToken } from "./app.js";
import { mirrorOf } from "./mirror.js";
import { canonical, choose, fieldsOf, fill, fromApi, isSame, textOf, toApi, type } from "./report_text.js";

const PAUSE_MS = 700;
const RETRY_MS = 3000;
const ANSWER_MS = 10_000;
const MOST_UNCONFIRMED = 5;

export function keepDraft(form, tell) {
  const { draft: address, user, study } = form.dataset;
  const mirror = mirrorOf(user, study);
  const told = form.querySelector("[data-draft-state]");
  const discard = form.querySelector("[data-discard]");
  const conflict = form.querySelector("[data-conflict]");
  let revision = Number(form.elements.revision.value);
  let confirmed = canonical(textOf(form));
  let unconfirmed = []; // sent, but the answer may have been lost
  let timer;
  let saving = Promise.resolve(true);
  let trouble = "";

  const isSaved = () => canonical(textOf(form)) === confirmed;
  const mirrorNow = () => mirror.keep({ text: textOf(form), revision, unconfirmed });

  function say(what, detail = "") {
    trouble = what === "saved" || what === "saving" ? "" : what;
    told.textContent = `${told.dataset[what]} ${detail}`.trim();
    told.classList.toggle("failed", Boolean(trouble));
    told.setAttribute("role", trouble ? "alert" : "none");
  }

  function standAt(answer) {
    revision = answer.revision;
    form.elements.revision.value = revision;
    discard.hidden = revision === 0;
  }

  const ask = (method, extra = {}) =>
    fetch(address + (extra.query ?? ""), {
      method,
      headers: { "X-CSRFToken": csrfToken(), "Content-Type": "application/json" },
      signal: AbortSignal.timeout(ANSWER_MS),
      ...extra,
    });

  async function send(text, keepalive) {
    unconfirmed = [...unconfirmed, canonical(text)].slice(-MOST_UNCONFIRMED);
    mirrorNow();
    const body = JSON.stringify({ ...toApi(text), revision, reader: user });
    const answer = await ask("PUT", { body, keepalive });
    if (answer.status >= 500) throw new Error("no answer");
    return { status: answer.status, content: await answer.json() };
  }

  function confirm(text, answer) {
    standAt(answer);
    confirmed = canonical(text);
    unconfirmed = [];
    if (isSaved()) mirror.drop();
    else mirrorNow();
    say("saved", answer.saved_at.slice(11, 19));
  }

  async function meetOther() {
    const answer = await ask("GET");
    if (!answer.ok) throw new Error("no answer");
    const other = await answer.json();
    const theirs = fromApi(other, Object.keys(textOf(form)));
    if (!unconfirmed.includes(canonical(theirs))) return showConflict(other, theirs);
    standAt(other); // my own, whose answer was lost
    return save();
  }

  function showConflict(other, theirs) {
    const rows = Object.entries(textOf(form)).filter(([name, mine]) => !isSame({ name: mine }, { name: theirs[name] }));
    conflict.querySelector("[data-conflict-rows]").replaceChildren(
      ...rows.map(([name, mine]) => {
        const row = document.createElement("tr");
        const label = form.querySelector(`label[for="report-${name}"], #${name}-label`);
        for (const text of [label?.textContent ?? name, mine, theirs[name]]) row.insertCell().textContent = text;
        return row;
      }),
    );
    conflict.querySelector("[data-conflict-when]").textContent = other.saved_at?.slice(11, 19) ?? "";
    conflict.hidden = false;
    conflict.querySelector("[data-keep]").onclick = () => settle(other);
    conflict.querySelector("[data-take]").onclick = () => {
      for (const field of fieldsOf(form)) {
        if (field.value.trim() !== theirs[field.dataset.section]) type(field, theirs[field.dataset.section]);
      }
      choose(form, theirs.opinion);
      settle(other);
    };
    conflict.scrollIntoView({ block: "nearest" });
    trouble = "changed";
    return false;
  }

  function settle(other) {
    conflict.hidden = true;
    trouble = "";
    standAt(other);
    later(0);
  }

  const REFUSED = { 401: "ended", 403: "other" };

  async function save(keepalive = false) {
    if (trouble === "changed") return false;
    const text = textOf(form);
    if (canonical(text) === confirmed) return true;
    try {
      const { status, content } = await send(text, keepalive);
      if (status === 200) {
        confirm(text, content);
        return isSaved() || save();
      }
      if (content.code === "DRAFT_CHANGED") return await meetOther();
      if (REFUSED[status]) tell(REFUSED[status]);
      say("refused", content.message);
      if (status === 401) later(RETRY_MS);
    } catch {
      say("silent");
      later(RETRY_MS);
    }
    return false;
  }

  // One save at a time: each builds on the revision of the one before.
  function flush(keepalive = false) {
    clearTimeout(timer);
    saving = saving.then(() => save(keepalive));
    return saving;
  }

  function later(pause = PAUSE_MS) {
    clearTimeout(timer);
    timer = setTimeout(flush, pause);
  }

  function restore() {
    const kept = mirror.read();
    if (!kept) return;
    if (isSame(kept.text, textOf(form))) return mirror.drop();
    fill(form, kept.text);
    revision = kept.revision;
    form.elements.revision.value = revision;
    unconfirmed = kept.unconfirmed;
    flush();
  }

  async function discardNow() {
    clearTimeout(timer);
    await saving;
    try {
      const answer = await ask("DELETE", { query: `?revision=${revision}` });
      if (answer.status === 409) return meetOther();
      if (!answer.ok) throw new Error("refused");
      mirror.drop();
      confirmed = canonical(textOf(form));
      location.reload();
    } catch {
      say("silent");
    }
  }

  function askToDiscard() {
    const dialog = form.querySelector("[data-discard-confirm]");
    discard.addEventListener("click", () => dialog.showModal());
    dialog.querySelector("[data-back]").addEventListener("click", () => dialog.close());
    dialog.querySelector("[data-discard-now]").addEventListener("click", () => {
      dialog.close();
      discardNow();
    });
  }

  form.addEventListener("input", (event) => {
    if (event.target.name === "password") return;
    if (isSaved()) return;
    mirrorNow();
    if (!trouble) say("saving");
    if (trouble !== "changed") later();
  });
  form.addEventListener("focusout", () => isSaved() || flush());
  addEventListener("pagehide", () => isSaved() || save(true));
  addEventListener("online", () => isSaved() || flush());
  askToDiscard();
  restore();
  return { flush, isAtRisk: () => Boolean(trouble) && !isSaved() };
}
