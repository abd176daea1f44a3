// What dragging does, by tool. Points are device pixels of the stage.

import { moved, zoomedTo } from "./geometry.js";
import { dragged } from "./windowing.js";

const WIDTH_EACH = 4; // window widths over the whole stage
const SHORTEST_MARK = 4; // CSS pixels; less was a click

export const pan = {
  move: (pane, before, now) => panBy(pane, now.x - before.x, now.y - before.y),
};

export const TOOLS = {
  window: {
    move: (pane, before, now) => windowBy(pane, now.x - before.x, now.y - before.y),
  },
  pan,
  zoom: {
    move(pane, before, now, start) {
      zoomBy(pane, Math.exp(((before.y - now.y) / pane.stage.height) * WIDTH_EACH), start);
    },
  },
  measure: {
    start: (pane, point) => startMark(pane, point),
    move(pane, _before, now) {
      pane.draft.to = pane.onFilm(now);
    },
    end: (pane) => endMark(pane),
    cancel(pane) {
      pane.draft = null;
    },
  },
  magnify: {},
};

export function panBy(pane, dx, dy) {
  pane.look.view = moved(pane.film, pane.stage, pane.look.view, dx, dy);
}

export function zoomBy(pane, factor, point) {
  pane.look.view = zoomedTo(pane.film, pane.stage, pane.look.view, pane.look.view.zoom * factor, point);
}

export function windowBy(pane, dx, dy) {
  const { width, height } = pane.stage;
  pane.look.window = dragged(pane.look.window, (dx / width) * WIDTH_EACH, (dy / height) * WIDTH_EACH);
}

export function startMark(pane, point) {
  const end = pane.onFilm(point);
  pane.draft = { from: end, to: end };
  pane.byKeyboard = false;
}

export function endMark(pane) {
  const { draft, scale, ratio } = pane;
  pane.draft = null;
  const length = Math.hypot(draft.to.x - draft.from.x, draft.to.y - draft.from.y) * scale;
  if (length >= SHORTEST_MARK * ratio) pane.look.marks = [...pane.look.marks, draft];
}
