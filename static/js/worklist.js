// The worklist under the reader's hands: a refresh moves nothing that somebody looks at or types in.

import { isTyping } from "./app.js";
import "./next_case.js";

const NEAR_TOP_PX = 8;
const list = document.getElementById("live");
const note = document.querySelector("[data-live]");
const news = document.querySelector("[data-news]");
const term = document.getElementById("term");
let chosen = null;
let isPointedAt = false;
let newest = ""; // the list as the server has it, while the reader's is held

const rowsOf = (place) => [...place.querySelectorAll("[data-row]")];
const rows = () => rowsOf(list);
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

const clearSearch = () => document.querySelector("[data-clear-search]")?.click();

function escape() {
  const panel = document.querySelector("[data-panel][open]");
  if (panel) {
    panel.open = false;
    panel.querySelector("summary").focus();
  } else if (chosen) {
    document.activeElement.blur();
    choose(null);
  } else {
    clearSearch();
  }
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => term.select(),
  x: clearSearch,
  Escape: escape,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target === term && !term.value) term.blur();
  if (isTyping(event.target) && !(event.key === "Escape" && event.target.closest("[data-panel]"))) return;
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

list.addEventListener("focusin", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) choose(row);
});

list.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  if (row && !event.target.closest("a") && !getSelection().toString()) linkOf(row).click();
});

list.addEventListener("pointermove", (event) => (isPointedAt = event.target.closest("[data-row]") !== null));
list.addEventListener("pointerleave", () => (isPointedAt = false));

// One panel at a time, and none once the reader turns elsewhere.
document.addEventListener("click", ({ target }) => {
  for (const panel of document.querySelectorAll("[data-panel][open]")) {
    if (!panel.contains(target)) panel.open = false;
  }
});

const isHeld = () => scrollY > NEAR_TOP_PX || chosen !== null || isPointedAt;

function parsed(text) {
  const template = document.createElement("template");
  template.innerHTML = text;
  return template.content;
}

function renew(row, fresh) {
  const cells = [...fresh.cells];
  [...row.cells].forEach((cell, at) => {
    if (!cell.contains(document.activeElement)) cell.replaceWith(cells[at]);
  });
}

// A row that the server no longer lists stays where it is, and says so; one that only slid to the
// next page is followed by none that is still listed.
function markGone(row) {
  if (row.classList.contains("gone")) return;
  row.classList.add("gone");
  const flag = document.createElement("span");
  flag.className = "flag";
  flag.textContent = list.dataset.gone;
  row.querySelector(".c-state").append(flag);
}

function renewInPlace(text) {
  const fresh = parsed(text);
  const known = new Map(rowsOf(fresh).map((row) => [row.dataset.row, row]));
  const mine = rows();
  const listed = mine.map((row) => known.has(row.dataset.row));
  const isLastPage = !fresh.querySelector("#to-next");
  const arrived = new Map(known);
  mine.forEach((row, at) => {
    arrived.delete(row.dataset.row);
    if (listed[at]) {
      row.classList.remove("gone");
      renew(row, known.get(row.dataset.row));
    } else if (isLastPage || listed.includes(true, at)) {
      markGone(row);
    }
  });
  const tabs = list.querySelector(".tabs");
  if (!tabs.contains(document.activeElement)) tabs.replaceWith(fresh.querySelector(".tabs"));
  tellNews([...arrived.values()]);
}

function tellNews(arrived) {
  const stat = arrived.filter((row) => row.dataset.priority === "STAT").length;
  const { one, many, stat: ofThem, show } = news.dataset;
  const words = [arrived.length === 1 ? one : many.replace("{n}", arrived.length)];
  if (stat) words.push(ofThem.replace("{n}", stat));
  const text = `${words.join(", ")} · ${show}`;
  if (news.textContent !== text) news.textContent = text; // else it would be read out each time
  news.hidden = !arrived.length;
}

news.addEventListener("click", () => {
  list.replaceChildren(parsed(newest));
  news.hidden = true;
  choose(rows().find((row) => row.dataset.row === chosen) ?? null);
  scrollTo(0, 0);
});

const clock = () => new Date().toISOString().slice(11, 19);

function tell(text, isLost) {
  note.textContent = text;
  note.classList.toggle("lost", isLost);
}

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target !== list || !event.detail.shouldSwap || !isHeld()) return;
  event.detail.shouldSwap = false;
  newest = event.detail.xhr.responseText;
  renewInPlace(newest);
  tell(`Live, ${clock()}`, false);
});
document.addEventListener("htmx:afterSwap", () => {
  news.hidden = true;
  choose(rows().find((row) => row.dataset.row === chosen) ?? null);
  tell(`Live, ${clock()}`, false);
});
for (const lost of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(lost, () => tell("Not live: no answer from the server", true));
}
tell(`Live, ${clock()}`, false);
