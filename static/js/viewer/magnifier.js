// The part of the film under the cursor, enlarged in a round glass.

const TIMES = 2.5;
const RADIUS = 110; // CSS pixels

// The point under the cursor stays under it.
export const enlarged = (matrix, { x, y }) => new DOMMatrix().translate(x, y).scale(TIMES).translate(-x, -y).multiply(matrix);

export function paintMagnified(pane) {
  const { context, cursor, ratio } = pane;
  const radius = RADIUS * ratio;
  const glass = new Path2D();
  glass.arc(cursor.x, cursor.y, radius, 0, 2 * Math.PI);
  context.save();
  context.resetTransform();
  context.fillStyle = "#000";
  context.fill(glass);
  context.clip(glass);
  pane.paint(enlarged(pane.matrix, cursor), { x: cursor.x - radius, y: cursor.y - radius, width: 2 * radius, height: 2 * radius });
  context.restore();
  context.resetTransform();
  context.strokeStyle = "#62bccc";
  context.lineWidth = 2 * ratio;
  context.stroke(glass);
}
