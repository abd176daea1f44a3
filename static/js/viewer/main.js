// The viewer of the study page: panes, toolbar and keys, put together.

import { isTyping } from "../app.js";
import { COMMANDS, usePreset, useTool, useWindow } from "./commands.js";
import { Film } from "./film.js";
import { listen } from "./gestures.js";
import { gradientOf } from "./heat.js";
import { Pane } from "./pane.js";
import { showReadout, showTags } from "./panel.js";
import { widthAndLevel } from "./windowing.js";

const viewer = document.querySelector("[data-viewer]");
const one = (selector) => viewer.querySelector(selector);
const all = (selector) => [...viewer.querySelectorAll(selector)];

const opacity = one("[data-heat-opacity]");
const scale = one("[data-heat-scale]");
const compare = one("[data-compare]");
const tags = one("[data-tags]");
const [width, level] = [one("[data-window-width]"), one("[data-window-level]")];
const said = one("[data-said]");
const preset = one("[data-preset]");
const tools = all("[data-tool]");
const controls = all("[data-tool], [data-needs-film], [data-preset], [data-window-width], [data-window-level]");

const settings = { tool: "window", heat: { isOn: false, scale: scale.value, opacity: opacity.value / 100 }, isLinked: true };
const [first, second] = all("[data-pane]").map((element) => new Pane(element, settings, changed));
const panes = [first, second];
const films = new Map();
let inHand = first;

function filmOf(element) {
  if (!films.has(element)) films.set(element, new Film(element));
  return films.get(element);
}

// After each drawing of a pane.
function changed(pane) {
  if (!pane.film) return;
  follow();
  showReadout(pane);
  if (pane === inHand) showControls();
}

// Linked panes show the same part, at the same size against what fits.
function follow() {
  const other = inHand === first ? second : first;
  if (!settings.isLinked || !first.isReady || !second.isReady) return;
  const { zoom, x, y } = inHand.look.view;
  const there = other.look.view;
  if (there.zoom === zoom && there.x === x && there.y === y) return;
  other.look.view = { ...there, zoom, x, y };
  other.draw();
}

function press(name, isPressed) {
  one(`[data-do="${name}"]`).setAttribute("aria-pressed", String(isPressed));
}

function showControls() {
  const { isReady, hasHeat, look, film } = inHand;
  for (const control of controls) control.disabled = !isReady;
  for (const tool of tools) tool.setAttribute("aria-pressed", String(tool.dataset.tool === settings.tool));
  one("[data-do=heat]").disabled = !hasHeat;
  scale.disabled = opacity.disabled = !(hasHeat && settings.heat.isOn);
  press("heat", hasHeat && settings.heat.isOn);
  press("link", settings.isLinked);
  press("tags", !tags.hidden);
  press("full", document.fullscreenElement === viewer);
  if (!isReady) return;
  press("invert", look.isInverted);
  press("mirror", look.view.mirrored);
  one("[data-do=undo]").disabled = !(look.marks.length || inHand.draft);
  preset.value = look.window ? (look.window.name ?? "") : "sent";
  showNumbers(film, look);
  if (!tags.hidden) showTags(tags, film);
  sayLength(look.marks.at(-1));
}

// Not while the reader types there.
function showNumbers({ deep }, { window }) {
  const now = deep && widthAndLevel(deep, window);
  for (const [input, value] of [[width, now?.width], [level, now?.level]]) {
    if (document.activeElement !== input) input.value = deep ? Math.round(value) : "";
  }
}

let lastSaid;

function sayLength(mark) {
  if (mark === lastSaid || !inHand.film.deep) return;
  said.textContent = mark ? inHand.textOf(mark) : "";
  lastSaid = mark;
}

function takeInHand(pane) {
  if (inHand === pane) return;
  inHand = pane;
  panes.forEach((each) => each.element.toggleAttribute("data-in-hand", each === pane));
  showControls();
}

function showFilm(uid) {
  for (const sheet of all("[data-sheet]")) sheet.hidden = sheet.dataset.uid !== uid;
  for (const button of all("[data-show]")) button.setAttribute("aria-pressed", String(button.dataset.show === uid));
  first.show(filmOf(one(`[data-sheet][data-uid="${uid}"]`)));
  takeInHand(first);
}

function step(by) {
  const buttons = all("[data-show]");
  const now = buttons.findIndex((button) => button.getAttribute("aria-pressed") === "true");
  const next = buttons[now + by];
  if (next) showFilm(next.dataset.show);
}

function showBeside() {
  const option = compare.selectedOptions[0];
  const isBeside = Boolean(option?.dataset.uid);
  second.element.hidden = one("[data-do=link]").hidden = !isBeside;
  second.show(isBeside ? filmOf(option) : null);
  takeInHand(first);
  first.changed();
}

const APART = {
  heat() {
    settings.heat.isOn = !settings.heat.isOn;
  },
  colours() {
    scale.selectedIndex = (scale.selectedIndex + 1) % scale.length;
    chooseScale();
  },
  tags() {
    tags.hidden = !tags.hidden;
    inHand.deepen();
  },
  link() {
    settings.isLinked = !settings.isLinked;
  },
  beside() {
    if (compare.disabled) return;
    compare.selectedIndex = compare.selectedIndex ? 0 : 1;
    showBeside();
  },
  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else viewer.requestFullscreen();
  },
  earlier: () => step(-1),
  later: () => step(1),
};

function chooseScale() {
  settings.heat.scale = scale.value;
  one("[data-heat-bar]").style.background = gradientOf(scale.value);
}

function redraw() {
  for (const pane of panes) if (pane.film) pane.changed();
  showControls();
}

function pressed({ dataset }) {
  if (dataset.tool) useTool(settings, panes, dataset.tool);
  else if (dataset.show) showFilm(dataset.show);
  else if (APART[dataset.do]) APART[dataset.do]();
  else if (inHand.isReady) COMMANDS[dataset.do](inHand);
  redraw();
}

function typedWindow() {
  if (inHand.film.deep) useWindow(inHand, width.valueAsNumber, level.valueAsNumber);
  inHand.changed();
}

async function choosePreset(name) {
  const pane = inHand;
  await usePreset(pane, name);
  pane.changed();
}

viewer.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-tool], [data-do], [data-show]");
  if (button) pressed(button);
});
preset.addEventListener("change", ({ target }) => choosePreset(target.value));
for (const input of [width, level]) {
  input.addEventListener("focus", () => inHand.deepen());
  input.addEventListener("change", typedWindow);
}
opacity.addEventListener("input", () => {
  settings.heat.opacity = opacity.value / 100;
  redraw();
});
scale.addEventListener("change", () => {
  chooseScale();
  redraw();
});
compare.addEventListener("change", showBeside);
document.addEventListener("fullscreenchange", showControls);
document.addEventListener("htmx:afterSwap", redraw);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const control = one(`[data-key~="${CSS.escape(event.key)}"]`);
  if (!control || control.disabled) return;
  if (control.matches("option")) {
    control.selected = true;
    choosePreset(control.value);
  } else {
    pressed(control);
  }
});

for (const pane of panes) listen(pane, settings, takeInHand);
first.element.toggleAttribute("data-in-hand", true);
chooseScale();
showFilm(one("[data-sheet]").dataset.uid);
