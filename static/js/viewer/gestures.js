// Mouse, pen, fingers and keys on a canvas.

import { endMark, pan, panBy, startMark, TOOLS, windowBy, zoomBy } from "./tools.js";

const MIDDLE = 1;
const RIGHT = 2;
const WHEEL_STEP = 0.0015; // a notch of 100 is about a seventh
const MOST_AT_ONCE = 400;
const KEY_STEP = 0.08; // of the stage

// The left button does what the tool says; the others do always the same.
function toolOf({ button, shiftKey }, settings) {
  if (button === MIDDLE || shiftKey) return pan;
  return button === RIGHT ? TOOLS.window : TOOLS[settings.tool];
}

// settings: see Pane; onTouch(pane): it is the one that the toolbar is for.
export function listen(pane, settings, onTouch) {
  const { canvas } = pane;
  const hands = new Hands(pane, settings);
  const on = (name, handle, options) => canvas.addEventListener(name, (event) => pane.isReady && handle(event), options);

  on("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    onTouch(pane);
    hands.down(event);
  });
  on("pointermove", (event) => hands.move(event));
  for (const name of ["pointerup", "pointercancel"]) on(name, (event) => hands.up(event));
  on("pointerleave", () => hands.leave());
  on("contextmenu", (event) => event.preventDefault());
  on("wheel", (event) => {
    event.preventDefault();
    const turned = Math.max(-MOST_AT_ONCE, Math.min(MOST_AT_ONCE, event.deltaY * (event.deltaMode ? 33 : 1)));
    zoomBy(pane, Math.exp(-turned * WHEEL_STEP), pane.at(event));
    pane.changed();
  }, { passive: false });
  canvas.addEventListener("focus", () => onTouch(pane));
  on("keydown", (event) => pressed(pane, settings, event));
}

class Hands {
  constructor(pane, settings) {
    Object.assign(this, { pane, settings, points: new Map(), tool: null });
  }

  down(event) {
    const point = this.pane.at(event);
    this.points.set(event.pointerId, point);
    this.point(event, point);
    this.tool?.cancel?.(this.pane);
    this.tool = null;
    if (this.points.size > 1) return;
    this.tool = toolOf(event, this.settings);
    this.start = point;
    this.tool.start?.(this.pane, point);
  }

  move(event) {
    const before = this.points.get(event.pointerId);
    const now = this.pane.at(event);
    this.point(event, now);
    if (!before) return;
    if (this.points.size === 2) this.pinch(event.pointerId, now);
    else if (this.tool) this.tool.move?.(this.pane, before, now, this.start);
    this.points.set(event.pointerId, now);
  }

  pinch(id, now) {
    const before = this.points.get(id);
    const [, other] = [...this.points].find(([key]) => key !== id);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    panBy(this.pane, (now.x - before.x) / 2, (now.y - before.y) / 2);
    const apart = (point) => Math.max(Math.hypot(point.x - other.x, point.y - other.y), 1);
    zoomBy(this.pane, apart(now) / apart(before), middle);
  }

  up(event) {
    if (!this.points.delete(event.pointerId)) return;
    if (event.type === "pointerup") this.tool?.end?.(this.pane);
    else this.tool?.cancel?.(this.pane);
    this.tool = null;
    if (event.pointerType === "touch") this.leave();
    this.pane.changed();
  }

  point(event, point) {
    Object.assign(this.pane, { cursor: point, byKeyboard: false });
    this.pane.deepen();
    this.pane.changed();
  }

  leave() {
    if (this.points.size) return;
    this.pane.cursor = null;
    this.pane.changed();
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Arrows move the film under a cross in the middle, which stands for the mouse.
function pressed(pane, settings, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  const sets = event.key === " " && settings.tool === "measure";
  if (!arrow && !sets) return;
  event.preventDefault();
  pane.deepen();
  if (arrow) arrowed(pane, arrow, event.shiftKey);
  else setEnd(pane);
  Object.assign(pane, { cursor: pane.middle, byKeyboard: true });
  pane.changed();
}

function arrowed(pane, [right, down], isWindow) {
  const dx = right * KEY_STEP * pane.stage.width;
  const dy = down * KEY_STEP * pane.stage.height;
  if (isWindow) windowBy(pane, dx / 2, dy / 2);
  else panBy(pane, -dx, -dy);
}

function setEnd(pane) {
  if (!pane.draft) {
    startMark(pane, pane.middle);
    return;
  }
  pane.draft.to = pane.onFilm(pane.middle);
  endMark(pane);
}
