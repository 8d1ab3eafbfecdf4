// Full depth in the browser: bytes to values, windows to grey tables, and smaller copies for small views.

/** Undo ui/viewer_encoding.py's `full`: {rows, columns, levels, greys, values, sizes}. */
function unpackDepth(buffer, head) {
  const { rows, columns, levels: n } = head;
  const count = rows * columns;
  if (buffer.byteLength !== 5 * n + 2 * count) throw new Error("The image arrived incomplete. Reload the page.");
  const levels = new Float32Array(buffer, 0, n);
  const greys = new Uint8Array(buffer, 4 * n, n);
  const low = new Uint8Array(buffer, 5 * n, count);
  const high = new Uint8Array(buffer, 5 * n + count, count);
  const values = new Uint16Array(count);
  for (let row = 0, at = 0; row < rows; row++) {
    let across = 0;
    for (let column = 0; column < columns; column++, at++) {
      const zigzag = low[at] | (high[at] << 8);
      across += (zigzag >> 1) ^ -(zigzag & 1);
      values[at] = across + (row ? values[at - columns] : 0); // a Uint16Array keeps the sum modulo 65,536, as sent
    }
  }
  return { levels: levels.slice(), greys: greys.slice(), sizes: halved(values, rows, columns) };
}

/** The image and its halves, each pixel the mean of four, down to about a thumbnail. */
function halved(values, rows, columns) {
  const sizes = [{ values, rows, columns }];
  while (Math.max(rows, columns) > 512) {
    const last = sizes[sizes.length - 1];
    rows = Math.ceil(last.rows / 2);
    columns = Math.ceil(last.columns / 2);
    const half = new Uint16Array(rows * columns);
    for (let row = 0, at = 0; row < rows; row++) {
      const above = 2 * row * last.columns;
      const below = Math.min(2 * row + 1, last.rows - 1) * last.columns;
      for (let column = 0; column < columns; column++, at++) {
        const left = 2 * column;
        const right = Math.min(left + 1, last.columns - 1);
        const sum =
          last.values[above + left] + last.values[above + right] + last.values[below + left] + last.values[below + right];
        half[at] = (sum + 2) >> 2;
      }
    }
    sizes.push({ values: half, rows, columns });
  }
  return sizes;
}

/**
 * The grey of each value, as radrag/dicom/window.py computes it (PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2).
 * Padding (NaN) stays black.
 */
function windowTable(levels, centre, width, exact, inverse) {
  const half = exact ? 0 : 0.5;
  const span = width - 2 * half;
  const table = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) {
    const offset = levels[i] - (centre - half);
    if (Number.isNaN(offset)) continue;
    const share = span > 0 ? Math.min(1, Math.max(0, offset / span + 0.5)) : Number(offset > 0);
    table[i] = Math.floor((inverse ? 1 - share : share) * 255 + 0.5);
  }
  return table;
}

/** Opaque grey pixels for ImageData: one 32-bit number for each grey of a table; reader's inversion included. */
function pixelTable(greys, inverted) {
  const table = new Uint32Array(greys.length);
  for (let i = 0; i < greys.length; i++) {
    const grey = inverted ? 255 - greys[i] : greys[i];
    table[i] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0; // little-endian, as every machine with a browser
  }
  return table;
}
