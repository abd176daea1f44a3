// A film's values and the gray picture of them: at the coarsest size that is fine enough, and of it only
// the tiles that are seen. So a window costs no more than the screen has pixels.

import { seenThrough } from "./geometry.js";

const TILE = 256;
const SMALLEST = 64;
const patch = new ImageData(TILE, TILE);
const pixels = new Uint32Array(patch.data.buffer);

class Level {
  constructor(width, height, values) {
    Object.assign(this, { width, height, values });
    this.columns = Math.ceil(width / TILE);
    this.drawnWith = new Array(this.columns * Math.ceil(height / TILE));
  }

  get picture() {
    if (!this.canvas) {
      this.canvas = document.createElement("canvas");
      Object.assign(this.canvas, { width: this.width, height: this.height });
      this.context = this.canvas.getContext("2d", { alpha: false });
    }
    return this.canvas;
  }

  // Averages of two by two, so that fine noise does not flicker.
  halved() {
    const width = this.width >> 1;
    const height = this.height >> 1;
    const values = new this.values.constructor(width * height);
    for (let y = 0, to = 0; y < height; y += 1) {
      let from = 2 * y * this.width;
      for (let x = 0; x < width; x += 1, to += 1, from += 2) {
        const below = from + this.width;
        values[to] = (this.values[from] + this.values[from + 1] + this.values[below] + this.values[below + 1] + 2) >> 2;
      }
    }
    return new Level(width, height, values);
  }

  // The area is in shares of the film.
  refresh({ left, top, right, bottom }, colours) {
    const tiles = (start, end, size) => [
      Math.max(Math.floor((start * size - 1) / TILE), 0),
      Math.min(Math.floor((end * size + 1) / TILE), Math.ceil(size / TILE) - 1),
    ];
    const [firstColumn, lastColumn] = tiles(left, right, this.width);
    const [firstRow, lastRow] = tiles(top, bottom, this.height);
    for (let row = firstRow; row <= lastRow; row += 1) {
      for (let column = firstColumn; column <= lastColumn; column += 1) this.drawTile(column, row, colours);
    }
  }

  drawTile(column, row, colours) {
    const tile = row * this.columns + column;
    if (this.drawnWith[tile] === colours) return;
    this.drawnWith[tile] = colours;
    const [x, y] = [column * TILE, row * TILE];
    const width = Math.min(TILE, this.width - x);
    const height = Math.min(TILE, this.height - y);
    for (let line = 0; line < height; line += 1) {
      let from = (y + line) * this.width + x;
      for (let to = line * TILE, end = to + width; to < end; to += 1, from += 1) pixels[to] = colours[this.values[from]];
    }
    this.context.putImageData(patch, x, y, 0, 0, width, height);
  }
}

export class Raster {
  // `spacing` and `tags` are known at full depth only.
  constructor({ width, height, values, bits, lowest, ramp, grays, spacing = null, tags = [] }) {
    Object.assign(this, { width, height, bits, lowest, ramp, grays, spacing, tags });
    this.levels = [new Level(width, height, values)];
  }

  static of8Bits(picture) {
    const canvas = document.createElement("canvas");
    const [width, height] = [picture.naturalWidth, picture.naturalHeight];
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    const values = new Uint8Array(width * height);
    for (let at = 0; at < values.length; at += 1) values[at] = data[4 * at];
    const grays = Uint8Array.from({ length: 256 }, (_, gray) => gray);
    return new Raster({ width, height, values, bits: 8, lowest: 0, ramp: [0, 255], grays });
  }

  level(number) {
    while (this.levels.length <= number) this.levels.push(this.levels.at(-1).halved());
    return this.levels[number];
  }

  // The coarsest one that has a value for every pixel of the stage.
  levelFor(film, scale) {
    let number = 0;
    while (scale * film.width * 2 ** (number + 1) <= this.width && this.width >> (number + 1) >= SMALLEST) number += 1;
    return this.level(number);
  }

  // area: of the stage, what can be seen.
  paint(context, film, matrix, area, colours) {
    const level = this.levelFor(film, Math.hypot(matrix.a, matrix.b));
    const { picture } = level;
    const seen = seenThrough(matrix, area);
    const shares = { left: seen.left / film.width, right: seen.right / film.width, top: seen.top / film.height, bottom: seen.bottom / film.height };
    level.refresh(shares, colours);
    context.setTransform(matrix);
    context.drawImage(picture, 0, 0, film.width, film.height);
  }

  // The stored value at a point in shares of the film; undefined outside it.
  valueAt(x, y) {
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return undefined;
    const at = Math.floor(y * this.height) * this.width + Math.floor(x * this.width);
    return this.levels[0].values[at] + this.lowest;
  }

  // How often each value is there, less the edges; counted on a small copy.
  histogram(edge) {
    const number = Math.max(Math.floor(Math.log2(Math.min(this.width, this.height) / 512)), 0);
    const { width, height, values } = this.level(number);
    const counts = new Uint32Array(2 ** this.bits);
    const [left, right] = [Math.floor(width * edge), Math.ceil(width * (1 - edge))];
    for (let y = Math.floor(height * edge); y < Math.ceil(height * (1 - edge)); y += 1) {
      for (let x = left; x < right; x += 1) counts[values[y * width + x]] += 1;
    }
    return counts;
  }
}
