// One film at a time, with the model's evidence over it when asked for.

import { isTyping } from "./app.js";

const viewer = document.querySelector("[data-viewer]");
const toggle = viewer.querySelector("[data-heat-toggle]");
const slider = viewer.querySelector("[data-heat-opacity]");
const unreadable = viewer.querySelector("[data-unreadable]");
const sheets = [...viewer.querySelectorAll("[data-sheet]")];
const NO_FILM = "This film cannot be shown. Reload the page; if it stays so, tell the administrator.";
const NO_HEAT = "The heat map cannot be shown. Reload the page and try again.";
let isOn = false;

const shown = () => sheets.find((sheet) => !sheet.hidden);

function hasHeat(sheet) {
  const result = document.querySelector(`[data-result="${sheet.dataset.sheet}"]`);
  return result?.hasAttribute("data-has-heat") ?? false;
}

// Fetched when first looked at, not before: each look is on the audit trail.
function load(image) {
  if (image.getAttribute("src")) return;
  image.src = image.dataset.src;
}

function complain(text) {
  unreadable.textContent = text;
  unreadable.hidden = !text;
}

function draw() {
  const sheet = shown();
  const possible = hasHeat(sheet);
  const heat = sheet.querySelector("[data-heat]");
  toggle.disabled = !possible;
  slider.disabled = !(possible && isOn);
  toggle.setAttribute("aria-pressed", String(possible && isOn));
  heat.hidden = !(possible && isOn);
  if (!heat.hidden) load(heat);
  heat.style.opacity = slider.value / 100;
}

function show(uid) {
  complain("");
  sheets.forEach((sheet) => (sheet.hidden = sheet.dataset.sheet !== uid));
  viewer.querySelectorAll("[data-show]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.show === uid));
  });
  load(shown().querySelector("[data-film]"));
  draw();
}

function switchHeat() {
  if (toggle.disabled) return;
  isOn = !isOn;
  draw();
}

for (const sheet of sheets) {
  const film = sheet.querySelector("[data-film]");
  film.addEventListener("error", () => complain(NO_FILM));
  if (film.complete && film.getAttribute("src") && !film.naturalWidth) complain(NO_FILM);
  sheet.querySelector("[data-heat]").addEventListener("error", () => complain(NO_HEAT));
}
toggle.addEventListener("click", switchHeat);
slider.addEventListener("input", draw);
viewer.addEventListener("click", (event) => {
  const button = event.target.closest("[data-show]");
  if (button) show(button.dataset.show);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "h") switchHeat();
});
document.addEventListener("htmx:afterSwap", draw);
draw();
