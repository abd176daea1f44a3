// The model's evidence over a film, in the colours that the reader chose.

import { ask } from "./film.js";

// At nine even steps. Brightness rises evenly in each, so it reads the same with every kind of colour
// vision. Inferno and viridis: S. van der Walt and N. Smith; cividis: J. Nunez et al. (CC0).
export const SCALES = {
  inferno: [[0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10], [249, 201, 50], [252, 255, 164]],
  viridis: [[68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140], [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37]],
  cividis: [[0, 34, 78], [26, 56, 111], [67, 78, 108], [97, 101, 111], [125, 124, 120], [155, 148, 118], [188, 174, 108], [222, 201, 88], [254, 232, 56]],
};
const MOST_OPAQUE = 230;

export async function loadEvidence(film) {
  if (film.evidence) return;
  const answer = await ask(`${film.addresses.heat}?scale=gray`);
  const picture = await createImageBitmap(await answer.blob());
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: picture.width, height: picture.height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  film.evidence = { shares: data.filter((_, at) => at % 4 === 0), canvas, context, scale: "" };
}

// Opacity grows with the evidence; what speaks against pneumonia stays clear.
function coloured({ shares, canvas, context, ...evidence }, scale) {
  if (evidence.scale === scale) return;
  const table = Array.from({ length: 256 }, (_, share) => colourOf(scale, share / 255));
  const picture = context.createImageData(canvas.width, canvas.height);
  shares.forEach((share, at) => picture.data.set([...table[share], (share * MOST_OPAQUE) / 255], 4 * at));
  context.putImageData(picture, 0, 0);
}

function colourOf(scale, share) {
  const steps = SCALES[scale];
  const below = Math.min(Math.floor(share * (steps.length - 1)), steps.length - 2);
  const part = share * (steps.length - 1) - below;
  return steps[below].map((channel, at) => channel + part * (steps[below + 1][at] - channel));
}

export function paintHeat(context, film, matrix, { scale, opacity }) {
  coloured(film.evidence, scale);
  film.evidence.scale = scale;
  context.setTransform(matrix);
  context.globalAlpha = opacity;
  context.drawImage(film.evidence.canvas, 0, 0, film.width, film.height);
  context.globalAlpha = 1;
}

export function gradientOf(scale) {
  return `linear-gradient(to right, ${SCALES[scale].map((rgb) => `rgb(${rgb.join(" ")})`).join(", ")})`;
}
