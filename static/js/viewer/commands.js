// What each button and key does with the pane that is in hand, by the button's name.

import { fitScale, flipped, mirrored, START, turned } from "./geometry.js";
import { zoomBy } from "./tools.js";
import { presetOf, windowOf } from "./windowing.js";

const STEP = 1.25;

const onView = (change) => (pane) => {
  pane.look.view = change(pane.look.view, pane);
};

export const COMMANDS = {
  larger: (pane) => zoomBy(pane, STEP, pane.cursor ?? pane.middle),
  smaller: (pane) => zoomBy(pane, 1 / STEP, pane.cursor ?? pane.middle),
  fit: onView((view) => ({ ...view, zoom: START.zoom, x: START.x, y: START.y })),
  actual: onView((view, { film, stage }) => ({ ...view, zoom: 1 / fitScale(film, stage, view.turn) })),
  turn: onView(turned),
  mirror: onView(mirrored),
  flip: onView(flipped),
  invert(pane) {
    pane.look.isInverted = !pane.look.isInverted;
  },
  reset: (pane) => pane.film.resetLook(),
  undo(pane) {
    if (pane.draft) pane.draft = null;
    else pane.look.marks = pane.look.marks.slice(0, -1);
  },
};

export function useTool(settings, panes, tool) {
  settings.tool = tool;
  for (const pane of panes) pane.draft = null;
}

export async function usePreset(pane, name) {
  await pane.deepen();
  if (pane.isReady) pane.look.window = presetOf(pane.film.raster, name);
}

export function useWindow(pane, width, level) {
  if (width > 0 && Number.isFinite(level)) pane.look.window = windowOf(pane.film.deep, { width, level });
}
