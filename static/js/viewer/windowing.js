// Which stored value gets which gray.
//
// A window is {low, high}: what becomes black and white, as shares of the film's own ramp, so that 0
// and 1 are the window that it was sent with; a preset's has a name. null is the film exactly as sent, which may be a curve.

const OPAQUE = 0xff000000;
const AS_SENT = { low: 0, high: 1 };
const NARROWEST = 1e-4;
const EDGE = 0.1; // of each side, where collimators and markers are

// Shares of the pixels that become black and white. A plain film has no Hounsfield units, so presets
// go by the film's own darkest and brightest parts.
const PERCENTILES = {
  auto: [0.01, 0.99],
  lung: [0.01, 0.65],
  dense: [0.4, 0.998],
};

const span = ({ ramp: [black, white] }) => white - black;
const shareOf = (raster, stored) => (stored - raster.ramp[0]) / span(raster);
const storedOf = (raster, share) => raster.ramp[0] + share * span(raster);

// RGBA of each value, as canvas pixels.
export function coloursOf(raster, window, isInverted) {
  const colours = new Uint32Array(2 ** raster.bits);
  const turn = isInverted ? 255 : 0;
  const { low, high } = window ?? AS_SENT;
  const step = 255 / (span(raster) * (high - low));
  const start = (shareOf(raster, raster.lowest) - low) * (255 / (high - low));
  for (let value = 0; value < colours.length; value += 1) {
    const shown = window ? Math.min(Math.max(Math.round(start + value * step), 0), 255) : raster.grays[value];
    const gray = shown ^ turn;
    colours[value] = OPAQUE | (gray << 16) | (gray << 8) | gray;
  }
  return colours;
}

export function widthAndLevel(raster, window) {
  const { low, high } = window ?? AS_SENT;
  return {
    width: Math.abs(span(raster)) * (high - low),
    level: storedOf(raster, (low + high) / 2),
  };
}

export function windowOf(raster, { width, level }) {
  const middle = shareOf(raster, level);
  return around(middle, width / Math.abs(span(raster)));
}

function around(middle, width) {
  const half = Math.max(width, NARROWEST) / 2;
  return { low: middle - half, high: middle + half };
}

// Right is softer, down is darker; a quarter of the stage is about one width.
export function dragged(window, dx, dy) {
  const { low, high } = window ?? AS_SENT;
  const width = high - low;
  return around((low + high) / 2 + dy * width, width * Math.exp(dx));
}

export function presetOf(raster, name) {
  if (name === "sent") return null;
  if (name === "full") return { ...fullRange(raster), name };
  const [low, high] = percentiles(raster, PERCENTILES[name]);
  return { ...around((low + high) / 2, high - low), name };
}

function fullRange(raster) {
  const ends = [raster.lowest, raster.lowest + 2 ** raster.bits - 1].map((end) => shareOf(raster, end));
  return { low: Math.min(...ends), high: Math.max(...ends) };
}

function percentiles(raster, wanted) {
  const counts = raster.histogram(EDGE);
  const order = [...counts.keys()];
  if (span(raster) < 0) order.reverse();
  const total = counts.reduce((sum, count) => sum + count, 0);
  return wanted.map((share) => {
    let left = share * total;
    const value = order.find((each) => (left -= counts[each]) <= 0) ?? order.at(-1);
    return shareOf(raster, value + raster.lowest);
  });
}
