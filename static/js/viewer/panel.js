// What the page says of the films it shows: numbers under the cursor, and the technical tags.

import { widthAndLevel } from "./windowing.js";

const whole = (number) => String(Math.round(number));

// The readout stands on the film. Values are those of the full depth or none.
export function showReadout(pane) {
  const { element, film, look, cursor, isReady } = pane;
  const readout = element.querySelector("[data-readout]");
  readout.hidden = !isReady;
  if (!isReady) return;
  readout.querySelector("[data-zoom]").textContent = `${whole(pane.scale * 100)} %`;
  readout.querySelector("[data-window]").textContent = film.deep ? windowText(film.deep, look.window) : "";
  readout.querySelector("[data-turned]").hidden = !look.view.turn && !look.view.mirrored;
  readout.querySelector("[data-value]").textContent = cursor && film.deep ? under(pane, cursor) : "";
}

function windowText(raster, window) {
  const { width, level } = widthAndLevel(raster, window);
  return `W ${whole(width)} L ${whole(level)}`;
}

function under(pane, cursor) {
  const { film } = pane;
  const { x, y } = pane.onFilm(cursor);
  const value = film.deep.valueAt(x / film.width, y / film.height);
  return value === undefined ? "" : `${Math.floor(x)}, ${Math.floor(y)}: ${value}`;
}

export function showTags(panel, film) {
  const list = panel.querySelector("dl");
  const rows = (film?.raster?.tags ?? []).map(([what, value]) => {
    const row = document.createElement("div");
    row.append(cell("dt", what), cell("dd", value));
    return row;
  });
  list.replaceChildren(...rows);
  panel.querySelector("[data-no-tags]").hidden = rows.length > 0;
}

function cell(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}
