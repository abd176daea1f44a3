// Reads what diagnosis/web/film_pixels.py packs; its docstring tells the layout.

export function unpack(buffer) {
  const bytes = new Uint8Array(buffer);
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  const pixels = start + 2 ** head.bits;
  const read = head.sample_bytes === 1 ? narrow : wide;
  return { ...head, grays: bytes.subarray(start, pixels), values: read(bytes, pixels, head) };
}

function narrow(bytes, at, { width, height }) {
  const values = new Uint8Array(width * height);
  for (let row = 0, to = 0; row < height; row += 1) {
    let value = 0;
    for (const end = to + width; to < end; to += 1, at += 1) {
      const small = bytes[at];
      value += (small >>> 1) ^ -(small & 1);
      values[to] = value; // the array keeps the lowest bits, which is the modulo
    }
  }
  return values;
}

function wide(bytes, at, { width, height, block_rows: blockRows }) {
  const values = new Uint16Array(width * height);
  for (let row = 0; row < height; row += blockRows) {
    const count = Math.min(blockRows, height - row) * width;
    const first = row * width;
    for (let number = 0, value = 0; number < count; number += 1) {
      if (number % width === 0) value = 0;
      const small = bytes[at + number] | (bytes[at + count + number] << 8);
      value += (small >>> 1) ^ -(small & 1);
      values[first + number] = value;
    }
    at += 2 * count;
  }
  return values;
}
