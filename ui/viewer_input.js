// What mouse, fingers and keys mean, and what one viewer tells those it is linked with.

Object.assign(Viewer.prototype, {
  listen() {
    const on = (name, listener, options) => this.canvas.addEventListener(name, (event) => this.head && listener(event), options);
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("dblclick", () => this.do("whole"));
    on("contextmenu", (event) => event.preventDefault());
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.release(event));
    on("pointerleave", () => ((this.under = null), (this.find(".cursor").textContent = "")));
    this.root.addEventListener("keydown", (event) => this.head && this.key(event));
    for (const button of this.buttons) {
      const { do: task, window } = button.dataset;
      button.setAttribute("aria-keyshortcuts", button.dataset.key);
      button.addEventListener("click", () => this.head && (window ? this.choose(window) : this.do(task)));
    }
    for (const name of ["centre", "width"]) this.find(`[name=${name}]`).addEventListener("input", () => this.typed());
    this.find("[name=opacity]").addEventListener("input", (event) => this.change({ opacity: Number(event.target.value) }));
  },

  typed() {
    const [centre, width] = ["centre", "width"].map((name) => this.find(`[name=${name}]`).valueAsNumber);
    if (Number.isFinite(centre) && width > 0) this.setWindow(centre, width);
  },

  /** Keys that the viewer takes go no further: the page has shortcuts of its own. */
  key(event) {
    const typing = event.target.tagName === "INPUT";
    if (typing) event.stopPropagation();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [ARROW, 0], ArrowRight: [-ARROW, 0], ArrowUp: [0, ARROW], ArrowDown: [0, -ARROW] };
    const pressed = event.key === "=" ? "+" : event.key.toUpperCase();
    const button = this.buttons.find((one) => one.dataset.key === pressed && !one.disabled && !one.hidden);
    if (!button && !arrows[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    if (button) button.click();
    else this.pan(...arrows[event.key].map((one) => one * this.ratio()));
  },

  /** A pointer's place on the canvas, in device pixels. */
  place(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [(event.clientX - left) * this.ratio(), (event.clientY - top) * this.ratio()];
  },

  onImage(event) {
    return toImage(matrixOf(this.state.view, this.size), ...this.place(event));
  },

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    const pinch = event.ctrlKey ? 6 : 1; // a trackpad's pinch comes as small wheel steps with Ctrl
    this.zoom(Math.exp(-event.deltaY * lines * pinch * WHEEL), ...this.place(event));
  },

  press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, event);
    const windowing = event.button === 2 || event.shiftKey || event.altKey;
    const task = this.measuring ? "measure" : windowing ? "window" : "pan";
    this.drag = { task, first: event, last: event, window: this.window(), moved: false };
    this.canvas.classList.toggle("dragging", task === "pan");
  },

  move(event) {
    this.point(event);
    if (!this.pointers.has(event.pointerId)) return;
    if (this.pointers.size === 2) return this.pinch(event);
    this.pointers.set(event.pointerId, event);
    const { drag } = this;
    const [dx, dy] = [event.clientX - drag.first.clientX, event.clientY - drag.first.clientY];
    if (!drag.moved && Math.hypot(dx, dy) < CLICK) return;
    drag.moved = true;
    if (drag.task === "pan") {
      const ratio = this.ratio();
      this.pan((event.clientX - drag.last.clientX) * ratio, (event.clientY - drag.last.clientY) * ratio);
    } else if (drag.task === "window") this.dragWindow(drag.window, dx, dy);
    else {
      this.line = [...this.onImage(drag.first), ...this.onImage(event)];
      this.change({});
    }
    drag.last = event;
  },

  /** Across is width, up is brighter whatever the polarity. */
  dragWindow({ centre, width }, dx, dy) {
    const darker = this.head.inverse !== this.state.inverted ? -1 : 1;
    const found = [centre + (darker * dy * width) / 400, width * Math.exp(dx / 250)];
    this.setWindow(...(this.head.exact ? found : found.map(Math.round)));
  },

  pinch(event) {
    const [other] = [...this.pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    const before = this.pointers.get(event.pointerId);
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const middle = this.place({ clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 });
    this.pointers.set(event.pointerId, event);
    this.drag.moved = true;
    if (apart(before)) this.zoom(apart(event) / apart(before), ...middle);
  },

  release(event) {
    const click = this.pointers.size === 1 && this.drag.task === "pan" && !this.drag.moved && event.type === "pointerup";
    this.pointers.delete(event.pointerId);
    this.canvas.classList.remove("dragging");
    const [left] = this.pointers.values();
    if (left) Object.assign(this.drag, { task: "pan", first: left, last: left, moved: true }); // one finger goes on
    if (!click) return;
    const found = this.hit(event);
    if (!found) return;
    this.state.focus = found.label; // when the page then puts it into focus, the image need not move
    this.draw();
    this.tell("region", found.label);
  },

  /** The smallest box under the pointer. */
  hit(event) {
    if (!this.state.boxes) return null;
    const [x, y] = this.onImage(event);
    const under = this.findings.filter(({ box }) => x >= box[0] && y >= box[1] && x < box[2] && y < box[3]);
    const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
    return under.sort((one, two) => area(one) - area(two))[0] ?? null;
  },

  /** Say what lies under the pointer: its place and, at full depth, its value. */
  point(event) {
    this.under = event;
    const [x, y] = this.onImage(event).map(Math.floor);
    const inside = x >= 0 && y >= 0 && x < this.head.columns && y < this.head.rows;
    let value = "";
    if (inside && this.depth) {
      const level = this.depth.levels[this.depth.sizes[0].values[y * this.head.columns + x]];
      value = Number.isNaN(level) ? " · padding" : ` · value ${shortened(level)}`;
    }
    this.find(".cursor").textContent = inside ? `x ${x} y ${y}${value}` : "";
    this.canvas.classList.toggle("over", Boolean(this.hit(event)));
  },

  join(link) {
    if (link === this.link) return;
    groups.get(this.link)?.members.delete(this);
    this.link = link;
    if (!link) return;
    if (!groups.has(link)) groups.set(link, { on: false, members: new Set() });
    groups.get(link).members.add(this);
  },

  /** Tell the linked viewers, in terms that hold for an image of another size and another scale of values. */
  share() {
    const { view, inverted, window } = this.state;
    const [centre, width] = this.head.windows.Default;
    const shared = {
      zoom: view.scale / wholeScale(this.head, this.size, view.turns),
      place: [view.x / this.head.columns, view.y / this.head.rows],
      window: window && { name: window.name, shift: (window.centre - centre) / width, stretch: window.width / width },
      turns: view.turns,
      whole: view.whole,
      inverted,
    };
    for (const other of groups.get(this.link).members) if (other !== this && other.head) other.follow(shared);
  },

  follow({ zoom, place, window, turns, whole, inverted }) {
    const { head } = this;
    const scale = zoom * wholeScale(head, this.size, turns);
    const view = { scale, x: place[0] * head.columns, y: place[1] * head.rows, turns, whole };
    const [centre, width] = head.windows.Default;
    let own = window && { name: window.name, centre: centre + window.shift * width, width: window.stretch * width };
    if (own && head.windows[own.name]) [own.centre, own.width] = head.windows[own.name];
    this.change({ view, inverted, window: own }, true);
  },
});

function tellGroup(link) {
  for (const one of groups.get(link).members) if (one.head) one.describe();
}

function shortened(number) {
  return Number(number.toPrecision(6));
}

/** Map a box of original pixels to the image as shown, as radrag/dicom/geometry.py does. */
function onDisplay(box, { rows, columns, display_rows, display_columns, transpose, flip_x, flip_y }) {
  const [across, down] = transpose ? [rows, columns] : [columns, rows];
  const corners = [box.slice(0, 2), box.slice(2)].map(([left, top]) => {
    const [x, y] = transpose ? [top, left] : [left, top];
    return [((flip_x ? across - x : x) * display_columns) / across, ((flip_y ? down - y : y) * display_rows) / down];
  });
  const [xs, ys] = [0, 1].map((axis) => corners.map((one) => one[axis]).sort((a, b) => a - b));
  return [xs[0], ys[0], xs[1], ys[1]];
}

/** Ask the server for pixels; what it says when it has none becomes the message. */
async function ask(url, kind) {
  let answer;
  try {
    answer = await fetch(`${url}${url.includes("?") ? "&" : "?"}kind=${kind}`, { credentials: "same-origin" });
  } catch {
    throw new Error("The server does not answer. Check the connection, then reload the page.");
  }
  const head = answer.headers.get("Radrag-Image");
  if (answer.ok && head) return { answer, head: JSON.parse(head) };
  const problem = await answer.json().catch(() => null);
  throw new Error(problem?.message ?? "The image did not arrive: log in again, or reload the page.");
}

/** An image's values; fetched once for all viewers of the page. */
function heldDepth(id, url) {
  const held = depths.get(id) ?? fetchDepth(url);
  depths.delete(id);
  depths.set(id, held);
  held.catch(() => depths.delete(id)); // the next try asks again
  for (const old of [...depths.keys()].slice(0, -DEPTHS)) depths.delete(old);
  return held;
}

async function fetchDepth(url) {
  const { answer, head } = await ask(url, "full");
  return unpackDepth(await answer.arrayBuffer(), head);
}
