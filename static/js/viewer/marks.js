// Lengths measured on a film. Ends are in film pixels, so a mark stays where it was set.

const TICK = 6;
const LINE = "#ffd166";
const SHADE = "rgb(0 0 0 / 0.75)";

export function lengthOf({ from, to }, spacing) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  return spacing ? Math.hypot(dx * spacing.column, dy * spacing.row) : Math.hypot(dx, dy);
}

// units: the words for millimetres, for those at the detector, and for pixels.
export function lengthText(mark, spacing, units) {
  const length = lengthOf(mark, spacing);
  if (!spacing) return `${length.toFixed(0)} ${units.pixels}`;
  return `${length.toFixed(1)} ${spacing.at_detector ? units.detector : units.millimetres}`;
}

// ratio: device pixels a CSS pixel.
export function paintMarks(context, matrix, marks, textOf, ratio) {
  context.resetTransform();
  context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const mark of marks) paintMark(context, matrix, mark, textOf(mark), ratio);
}

function paintMark(context, matrix, mark, text, ratio) {
  const [from, to] = [mark.from, mark.to].map((end) => matrix.transformPoint(end));
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  const across = { x: -Math.sin(angle) * TICK * ratio, y: Math.cos(angle) * TICK * ratio };
  const path = new Path2D();
  path.moveTo(from.x, from.y);
  path.lineTo(to.x, to.y);
  for (const end of [from, to]) {
    path.moveTo(end.x - across.x, end.y - across.y);
    path.lineTo(end.x + across.x, end.y + across.y);
  }
  for (const [colour, width] of [[SHADE, 4], [LINE, 1.5]]) {
    context.strokeStyle = colour;
    context.lineWidth = width * ratio;
    context.stroke(path);
  }
  paintText(context, text, to, ratio);
}

// Inside the stage, whichever corner the mark ends in.
function paintText(context, text, { x, y }, ratio) {
  const [width, height] = [context.measureText(text).width + 10 * ratio, 20 * ratio];
  const left = Math.max(Math.min(x + 10 * ratio, context.canvas.width - width), 0);
  const top = Math.max(Math.min(y - height / 2, context.canvas.height - height), 0);
  context.fillStyle = SHADE;
  context.fillRect(left, top, width, height);
  context.fillStyle = LINE;
  context.fillText(text, left + 5 * ratio, top + height / 2);
}
