// Drawing on the canvas: the image in its window, the findings' boxes and heat map, the measured line, the edges.

const BOX = "#ffd166";
const CHOSEN = "#7fdbff";
const SHADE = "rgba(0, 0, 0, 0.72)";
const SHARP_FROM = 8; // device pixels a pixel, from which on the pixels themselves are shown

/** Draw one view. `scene`: {head, view, size, preview, depth, table, inverted, findings, chosen, boxes, heat, line}. */
function draw(context, scene, ratio) {
  const matrix = matrixOf(scene.view, scene.size);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#000";
  context.fillRect(0, 0, scene.size.width, scene.size.height);
  context.save();
  context.setTransform(...matrix);
  context.beginPath();
  context.rect(0, 0, scene.head.columns, scene.head.rows);
  context.clip();
  context.imageSmoothingEnabled = scene.view.scale !== 1 && scene.view.scale < SHARP_FROM;
  context.imageSmoothingQuality = "high";
  if (scene.depth) drawValues(context, scene, matrix);
  else drawPreview(context, scene);
  if (scene.heat) drawHeat(context, scene);
  context.restore();
  if (scene.boxes) drawBoxes(context, scene, matrix, ratio);
  if (scene.line) drawLine(context, scene, matrix, ratio);
  drawEdges(context, scene, ratio);
}

function drawPreview(context, { preview, head, inverted }) {
  context.drawImage(preview, 0, 0, head.columns, head.rows);
  if (!inverted) return;
  context.globalCompositeOperation = "difference"; // from white: 255 - grey, in every browser
  context.fillStyle = "#fff";
  context.fillRect(0, 0, head.columns, head.rows);
  context.globalCompositeOperation = "source-over";
}

/** Window what is in sight, from the copy whose pixels are just finer than the screen's: a few million at most. */
function drawValues(context, { depth, head, size, view, table }, matrix) {
  const step = Math.min(depth.sizes.length - 1, Math.max(0, Math.floor(Math.log2(1 / view.scale))));
  const [copy, factor] = [depth.sizes[step], 2 ** step];
  const part = seen(matrix, size, head);
  const [left, top] = part.slice(0, 2).map((one) => Math.floor(one / factor));
  const [right, bottom] = [Math.ceil(part[2] / factor), Math.ceil(part[3] / factor)];
  const [width, height] = [right - left, bottom - top];
  if (width < 1 || height < 1) return;
  const image = new ImageData(width, height);
  const shown = new Uint32Array(image.data.buffer);
  for (let row = 0, at = 0; row < height; row++) {
    let from = (top + row) * copy.columns + left;
    for (const end = from + width; from < end; from++, at++) shown[at] = table[copy.values[from]];
  }
  const patch = new OffscreenCanvas(width, height);
  patch.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(patch, left * factor, top * factor, width * factor, height * factor);
}

/** A coarse grid over the whole image, smoothed by the browser; 0 is clear, 1 the strongest. */
function drawHeat(context, { heat, head }) {
  const image = new ImageData(heat.columns, heat.rows);
  for (let i = 0; i < heat.values.length; i++) {
    const strength = clamp(heat.values[i], 0, 1);
    image.data.set([255, Math.round(150 - 110 * strength), 0, Math.round(255 * strength)], 4 * i); // orange to red
  }
  const grid = new OffscreenCanvas(heat.columns, heat.rows);
  grid.getContext("2d").putImageData(image, 0, 0);
  context.globalAlpha = heat.opacity;
  context.imageSmoothingEnabled = true;
  context.drawImage(grid, 0, 0, head.columns, head.rows);
  context.globalAlpha = 1;
}

/** A box on the canvas, [left, top, right, bottom], whatever the turn. */
function boxOnCanvas(matrix, [x0, y0, x1, y1]) {
  const [a, b] = [toCanvas(matrix, x0, y0), toCanvas(matrix, x1, y1)];
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]), Math.max(a[1], b[1])];
}

function drawBoxes(context, { findings, chosen }, matrix, ratio) {
  const ordered = findings.toSorted((one, other) => (other.label === chosen) - (one.label === chosen)); // it keeps its place
  const labels = ordered.map((finding) => {
    const [left, top, right, bottom] = boxOnCanvas(matrix, finding.box);
    const here = finding.label === chosen;
    context.lineWidth = (here ? 3 : 1.5) * ratio;
    context.setLineDash(here ? [] : [6 * ratio, 4 * ratio]); // not by colour alone
    context.strokeStyle = here ? CHOSEN : BOX;
    context.strokeRect(left, top, right - left, bottom - top);
    context.setLineDash([]);
    const words = `${finding.label} ${Math.round(finding.probability * 100)} %`;
    return { words, colour: context.strokeStyle, place: labelPlace(context, words, left, top - 19 * ratio, ratio) };
  });
  const places = apart(labels.map((one) => one.place), context.canvas.height);
  labels.forEach(({ words, colour }, number) => drawLabel(context, words, places[number], ratio, colour));
}

/** [left, top, width, height] of a label that begins at a point, moved into the canvas. */
function labelPlace(context, words, x, y, ratio) {
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  const [wide, tall] = [context.measureText(words).width + 8 * ratio, 18 * ratio];
  return [clamp(x, 0, Math.max(0, context.canvas.width - wide)), clamp(y, 0, context.canvas.height - tall), wide, tall];
}

function drawLabel(context, words, [x, y, wide, tall], ratio, colour) {
  context.fillStyle = SHADE;
  context.fillRect(x, y, wide, tall);
  context.fillStyle = colour;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(words, x + 4 * ratio, y + tall / 2);
}

function drawLine(context, { line, head }, matrix, ratio) {
  const [from, to] = [line.slice(0, 2), line.slice(2)].map(([x, y]) => toCanvas(matrix, x, y));
  context.lineWidth = 2 * ratio;
  context.strokeStyle = CHOSEN;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
  const words = lengthOf(line, head);
  drawLabel(context, words, labelPlace(context, words, to[0] + 6 * ratio, to[1] + 6 * ratio, ratio), ratio, CHOSEN);
}

/** A length in words: in millimetres where the file says how large a pixel is, and where that holds. */
function lengthOf([x0, y0, x1, y1], head) {
  const pixels = Math.hypot(x1 - x0, y1 - y0);
  if (!head.spacing) return `${pixels.toFixed(0)} px`;
  const where = head.spacing_from === "Imager Pixel Spacing" ? " at detector" : "";
  return `${(pixels * head.spacing).toFixed(1)} mm${where}`;
}

/** The letters that PatientOrientation gives the edges, turned with the image. */
function drawEdges(context, { head, view, size }, ratio) {
  const places = [[14, null], [null, 14], [-14, null], [null, -14]];
  context.font = `600 ${15 * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  head.edges.forEach((letter, edge) => {
    const [x, y] = places[(edge + view.turns) % 4].map((one, axis) => {
      const length = axis ? size.height : size.width;
      return one === null ? length / 2 : one > 0 ? one * ratio : length + one * ratio;
    });
    context.lineWidth = 4 * ratio;
    context.lineJoin = "round";
    context.strokeStyle = SHADE;
    context.strokeText(letter, x, y);
    context.fillStyle = "#fff";
    context.fillText(letter, x, y);
  });
}
