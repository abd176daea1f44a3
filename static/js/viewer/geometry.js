// Where a film's pixels lie on the stage. The stage is in device pixels, the film in its own.

// zoom: times what fits; x and y: the film's point in the middle of the stage, 0 to 1; turn: quarter
// turns clockwise; mirrored: left and right changed on the stage.
export const START = Object.freeze({ zoom: 1, x: 0.5, y: 0.5, turn: 0, mirrored: false });

const MOST_ENLARGED = 32; // device pixels a film pixel
const LEAST_ZOOM = 0.25;

const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

export function fitScale(film, stage, turn) {
  const isLying = turn % 2 !== 0;
  const width = isLying ? film.height : film.width;
  const height = isLying ? film.width : film.height;
  return Math.min(stage.width / width, stage.height / height);
}

// Device pixels a film pixel.
export const scaleOf = (film, stage, view) => fitScale(film, stage, view.turn) * view.zoom;

// From the film to the stage.
export function matrixOf(film, stage, view) {
  const scale = scaleOf(film, stage, view);
  return new DOMMatrix()
    .translate(stage.width / 2, stage.height / 2)
    .scale(view.mirrored ? -scale : scale, scale)
    .rotate(90 * view.turn)
    .translate(-view.x * film.width, -view.y * film.height);
}

export const onFilm = (matrix, point) => matrix.inverse().transformPoint(point);

// The upright rectangle around the part of the film that the area of the stage shows.
export function seenThrough(matrix, { x, y, width, height }) {
  const corners = [[x, y], [x + width, y], [x, y + height], [x + width, y + height]];
  const points = corners.map(([x, y]) => onFilm(matrix, { x, y }));
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

// The film's middle stays in reach.
const within = (view) => ({ ...view, x: clamp(view.x, 0, 1), y: clamp(view.y, 0, 1) });

export function zoomedTo(film, stage, view, zoom, point) {
  const fit = fitScale(film, stage, view.turn);
  const least = Math.min(LEAST_ZOOM, 1 / fit);
  const next = { ...view, zoom: clamp(zoom, least, Math.max(MOST_ENLARGED / fit, 1)) };
  const before = onFilm(matrixOf(film, stage, view), point);
  const after = onFilm(matrixOf(film, stage, next), point);
  return within({
    ...next,
    x: next.x + (before.x - after.x) / film.width,
    y: next.y + (before.y - after.y) / film.height,
  });
}

export function moved(film, stage, view, dx, dy) {
  const back = matrixOf(film, stage, view).inverse();
  const { x, y } = back.transformPoint({ x: dx, y: dy });
  return within({ ...view, x: view.x - (x - back.e) / film.width, y: view.y - (y - back.f) / film.height });
}

const quarter = (turn) => (turn + 4) % 4;

export const turned = (view) => ({ ...view, turn: quarter(view.turn + (view.mirrored ? -1 : 1)) });
export const mirrored = (view) => ({ ...view, mirrored: !view.mirrored });
export const flipped = (view) => ({ ...view, mirrored: !view.mirrored, turn: quarter(view.turn + 2) });
