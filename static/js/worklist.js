// The worklist under the reader's hands: a chosen row that survives every refresh.

import { isTyping } from "./app.js";

const list = document.getElementById("live");
const note = document.querySelector("[data-live]");
let chosen = null;

const rows = () => [...list.querySelectorAll("[data-row]")];
const linkOf = (row) => row.querySelector("a");

function choose(row) {
  rows().forEach((other) => other.classList.toggle("chosen", other === row));
  chosen = row?.dataset.row ?? null;
}

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.dataset.row === chosen);
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  choose(next);
  linkOf(next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "j") move(1);
  if (event.key === "k") move(-1);
});

list.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) choose(row);
});

list.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  if (row && !event.target.closest("a") && !getSelection().toString()) linkOf(row).click();
});

const clock = () => new Date().toISOString().slice(11, 19);

function tell(text, isLost) {
  note.textContent = text;
  note.classList.toggle("lost", isLost);
}

document.addEventListener("htmx:afterSwap", () => {
  choose(rows().find((row) => row.dataset.row === chosen) ?? null);
  tell(`Live, ${clock()}`, false);
});
for (const lost of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(lost, () => tell("Not live: no answer from the server", true));
}
tell(`Live, ${clock()}`, false);
