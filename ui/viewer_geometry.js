// Where an image pixel lies on the canvas, and back. A view is {scale, x, y, turns, whole}: device pixels for each
// image pixel, the image point at the canvas's middle, quarter turns clockwise, and whether the image is kept whole.

const QUARTERS = [[1, 0], [0, 1], [-1, 0], [0, -1]]; // cosine and sine
const SMALLEST = 0.02;
const LARGEST = 40;

/** setTransform's six numbers. */
function exactMatrix(view, size) {
  const [cos, sin] = QUARTERS[view.turns].map((one) => one * view.scale);
  const e = size.width / 2 - (cos * view.x - sin * view.y);
  const f = size.height / 2 - (sin * view.x + cos * view.y);
  return [cos, sin, -sin, cos, e, f];
}

/** The same with whole offsets, as the image is drawn: at 100 % each image pixel is one canvas pixel. */
function matrixOf(view, size) {
  const [a, b, c, d, e, f] = exactMatrix(view, size);
  return [a, b, c, d, Math.floor(e + 0.5), Math.floor(f + 0.5)];
}

function toCanvas([a, b, c, d, e, f], x, y) {
  return [a * x + c * y + e, b * x + d * y + f];
}

function toImage([a, b, , , e, f], x, y) {
  const square = a * a + b * b;
  return [(a * (x - e) + b * (y - f)) / square, (a * (y - f) - b * (x - e)) / square];
}

/** The scale at which all of the image is seen. */
function wholeScale(head, size, turns) {
  const [across, down] = turns % 2 ? [head.rows, head.columns] : [head.columns, head.rows];
  return Math.min(size.width / across, size.height / down);
}

function wholeView(head, size, turns) {
  return { scale: wholeScale(head, size, turns), x: head.columns / 2, y: head.rows / 2, turns, whole: true };
}

/** A view zoomed by a factor, with the image point under canvas point (x, y) staying there. */
function zoomed(view, size, factor, x, y) {
  const [px, py] = toImage(exactMatrix(view, size), x, y); // whole offsets would add up from step to step
  const scale = Math.min(LARGEST, Math.max(SMALLEST, view.scale * factor));
  const share = view.scale / scale;
  return { ...view, scale, x: px + (view.x - px) * share, y: py + (view.y - py) * share, whole: false };
}

/** A view moved by canvas pixels; the image's middle part always stays in sight. */
function panned(view, head, dx, dy) {
  const [cos, sin] = QUARTERS[view.turns];
  const x = view.x - (cos * dx + sin * dy) / view.scale;
  const y = view.y - (cos * dy - sin * dx) / view.scale;
  return { ...view, x: clamp(x, 0, head.columns), y: clamp(y, 0, head.rows), whole: false };
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** The part of the image that the canvas shows, as whole pixels of it: [left, top, right, bottom]. */
function seen(matrix, size, head) {
  const corners = [[0, 0], [size.width, 0], [0, size.height], [size.width, size.height]];
  const points = corners.map(([x, y]) => toImage(matrix, x, y));
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return [
    clamp(Math.floor(Math.min(...xs)) - 1, 0, head.columns),
    clamp(Math.floor(Math.min(...ys)) - 1, 0, head.rows),
    clamp(Math.ceil(Math.max(...xs)) + 1, 0, head.columns),
    clamp(Math.ceil(Math.max(...ys)) + 1, 0, head.rows),
  ];
}

/** Labels [left, top, width, height] moved down past those before them, so that none hides another while there is room. */
function apart(labels, height) {
  const placed = [];
  for (const [left, top, wide, tall] of labels) {
    const hidden = (y) => placed.find(([x, t, w, h]) => left < x + w && x < left + wide && y < t + h && t < y + tall);
    let y = top;
    for (let other = hidden(y); other; other = hidden(y)) y = other[1] + other[3];
    placed.push([left, y + tall > height ? top : y, wide, tall]);
  }
  return placed;
}
