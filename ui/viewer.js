// The viewer: what the reader does with mouse, fingers and keys, kept by image for as long as the page is open.

const WHEEL = 0.0015; // of a doubling's logarithm, for each wheel unit
const STEP = 1.25; // one press of + or -
const ARROW = 60; // screen pixels
const CLICK = 4; // screen pixels that a click may slip
const DEPTHS = 4; // images held at full depth: 10 to 30 MB each

// The module is loaded once a page: what stands here survives reruns, and a component that is taken out and put back.
const viewers = new WeakMap(); // parent element → Viewer
const states = new Map(); // image id → what the reader made of it
const depths = new Map(); // image id → promise of its values, the last used last
const groups = new Map(); // link → {on, members}

export default function (component) {
  let viewer = viewers.get(component.parentElement);
  if (!viewer?.root.isConnected) {
    viewer?.close();
    viewer = new Viewer(component.parentElement.querySelector(".viewer"));
    viewers.set(component.parentElement, viewer);
  }
  const call = viewer.update(component);
  return () => {
    // Streamlit also cleans up after a call that a newer one has overtaken.
    if (viewer.call !== call) return;
    viewer.close();
    viewers.delete(component.parentElement);
  };
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.buttons = [...root.querySelectorAll("button")];
    this.size = { width: 0, height: 0 };
    this.pointers = new Map();
    this.call = 0;
    this.listen();
    this.observer = new ResizeObserver((entries) => this.resize(entries[0]));
    this.observer.observe(this.canvas);
  }

  close() {
    this.observer.disconnect();
    groups.get(this.link)?.members.delete(this);
    this.closed = true;
  }

  /** Take the page's newest word; the reader's view of the same image stays. */
  update({ data, setTriggerValue }) {
    const other = data.id !== this.id;
    Object.assign(this, { data, id: data.id, tell: setTriggerValue });
    this.root.style.height = data.height;
    this.root.setAttribute("aria-label", data.alt);
    this.canvas.setAttribute("aria-label", `${data.alt}. Each button of the toolbar names its key; arrows move the image.`);
    this.canvas.textContent = data.alt;
    this.find(".name").textContent = data.name;
    this.find(".note").textContent = data.note;
    this.join(data.link);
    if (other) this.open();
    else if (this.head) this.arrange();
    return ++this.call;
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  /** Fetch the picture of the file's own window, and show it. */
  async open() {
    const id = this.id;
    Object.assign(this, { head: null, preview: null, depth: null, table: null, line: null, failed: null });
    this.say("");
    this.draw();
    try {
      const { answer, head } = await ask(this.data.url, "preview");
      const preview = await createImageBitmap(await answer.blob());
      if (this.id !== id || this.closed) return;
      Object.assign(this, { preview, head });
      this.state = states.get(id) ?? this.fresh();
      states.set(id, this.state);
      this.arrange();
      performance.mark("radrag-preview-shown");
    } catch (error) {
      if (this.id === id) this.say(error.message);
    }
  }

  fresh() {
    const view = wholeView(this.head, this.size, 0);
    return { view, window: null, inverted: false, boxes: true, heat: false, opacity: 0.45, focus: "" };
  }

  /** Bring what the page wants shown (findings, focus, heat map) onto the image. */
  arrange() {
    const { data, head, state } = this;
    this.findings = data.findings.map((one) => ({ ...one, box: onDisplay(one.box, head.geometry) }));
    if (data.focus !== state.focus) {
      state.focus = data.focus;
      const found = this.findings.find((one) => one.label === data.focus);
      if (found) {
        state.boxes = true;
        if (!state.view.whole) state.view = { ...state.view, x: (found.box[0] + found.box[2]) / 2, y: (found.box[1] + found.box[3]) / 2 };
      }
    }
    this.change({});
  }

  /** Change the reader's state, and all that follows from it; `told` keeps linked viewers from echoing. */
  change(changes, told = false) {
    Object.assign(this.state, changes);
    if (!this.size.width) return;
    if (this.state.view.whole) this.state.view = wholeView(this.head, this.size, this.state.view.turns);
    if ("window" in changes || "inverted" in changes) this.table = null;
    if (this.wantsDepth()) this.fetchDepth();
    this.draw();
    this.describe();
    if (!told && groups.get(this.link)?.on) this.share();
  }

  /** Another window, or more detail than the first picture holds. */
  wantsDepth() {
    const held = this.preview.width / this.head.columns;
    return this.state.window !== null || this.state.view.scale > held * 1.001;
  }

  async fetchDepth() {
    if (this.depth || this.fetching === this.id || this.failed === this.id) return;
    const id = (this.fetching = this.id);
    this.find(".depth").textContent = "loading full depth …";
    try {
      const depth = await heldDepth(id, this.data.url);
      if (this.id !== id || this.closed) return;
      Object.assign(this, { depth, table: null });
      this.draw();
      this.describe();
      if (this.under) this.point(this.under); // its value is known now
    } catch (error) {
      if (this.id === id) this.say(error.message);
      this.failed = id; // not asked again with every step of the wheel
    } finally {
      if (this.fetching === id) this.fetching = null;
    }
  }

  greys() {
    const { window } = this.state;
    if (!window) return this.depth.greys;
    return windowTable(this.depth.levels, window.centre, window.width, this.head.exact, this.head.inverse);
  }

  /** Draw with the browser's next frame, once however often it is asked for. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (!this.head || !this.size.width) return this.context.clearRect(0, 0, this.size.width, this.size.height);
      if (this.depth) this.table ??= pixelTable(this.greys(), this.state.inverted);
      draw(this.context, { ...this.state, ...this, chosen: this.state.focus, heat: this.heat() }, this.ratio());
    });
  }

  heat() {
    const { heat } = this.data;
    return this.state.heat && heat ? { ...heat, opacity: this.state.opacity } : null;
  }

  ratio() {
    return this.size.width / this.canvas.clientWidth;
  }

  resize(entry) {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const width = exact ? exact.inlineSize : Math.round(entry.contentRect.width * devicePixelRatio);
    const height = exact ? exact.blockSize : Math.round(entry.contentRect.height * devicePixelRatio);
    Object.assign(this.canvas, { width, height });
    this.size = { width, height };
    if (this.head) this.change({});
  }

  say(words) {
    Object.assign(this.find(".message"), { textContent: words, hidden: !words });
  }

  /** Say in words what is shown: caption, pressed buttons, the window's two numbers. */
  describe() {
    const { state, head } = this;
    const { centre, width, name } = this.window();
    const size = `${head.columns} × ${head.rows} px`;
    this.find(".about").textContent = head.spacing ? `${size} · ${head.spacing} mm/px (${head.spacing_from})` : size;
    this.find(".zoom").textContent = `${Math.round(state.view.scale * 100)} %`;
    this.find(".window").textContent = `${name} · C ${shortened(centre)} W ${shortened(width)}`;
    this.find(".depth").textContent = this.depth ? `${head.bits} bits` : this.fetching ? "loading full depth …" : "preview, 8 bits";
    const pressed = { invert: state.inverted, boxes: state.boxes, heat: Boolean(this.heat()), measure: this.measuring, link: groups.get(this.link)?.on };
    for (const button of this.buttons) {
      const task = button.dataset.do;
      if (task in pressed) button.setAttribute("aria-pressed", String(Boolean(pressed[task])));
      if (button.dataset.window) button.setAttribute("aria-pressed", String(button.dataset.window === name));
      if (task === "boxes") button.disabled = !this.findings.length;
      if (task === "heat") button.disabled = !this.data.heat_possible || !this.findings.length;
      if (task === "link") button.hidden = !this.link;
    }
    this.find("[name=opacity]").hidden = !this.heat();
    this.find("[name=opacity]").value = state.opacity;
    for (const [field, value] of [["centre", centre], ["width", width]]) {
      const input = this.find(`[name=${field}]`);
      if (this.root.getRootNode().activeElement !== input) input.value = shortened(value);
    }
    this.canvas.classList.toggle("measuring", Boolean(this.measuring));
  }

  window() {
    const [centre, width] = this.head.windows.Default;
    return this.state.window ?? { centre, width, name: "Default" };
  }

  setWindow(centre, width, name = "Own") {
    const least = this.head.exact ? 1e-6 : 1;
    this.change({ window: { centre, width: Math.max(width, least), name } });
  }

  choose(name) {
    if (name === "Default") this.change({ window: null });
    else this.setWindow(...this.head.windows[name], name);
  }

  zoom(factor, x = this.size.width / 2, y = this.size.height / 2) {
    this.change({ view: zoomed(this.state.view, this.size, factor, x, y) });
  }

  pan(dx, dy) {
    this.change({ view: panned(this.state.view, this.head, dx, dy) });
  }

  do(task) {
    const { view, inverted, boxes } = this.state;
    const tasks = {
      whole: () => this.change({ view: wholeView(this.head, this.size, view.turns) }),
      hundred: () => this.change({ view: { ...view, scale: 1, whole: false } }),
      closer: () => this.zoom(STEP),
      farther: () => this.zoom(1 / STEP),
      invert: () => this.change({ inverted: !inverted }),
      turn: () => this.change({ view: { ...view, turns: (view.turns + 1) % 4 } }),
      boxes: () => this.change({ boxes: !boxes }),
      heat: () => this.toggleHeat(!this.heat()),
      measure: () => ((this.measuring = !this.measuring), (this.line = null), this.change({})),
      link: () => ((groups.get(this.link).on = !groups.get(this.link).on), tellGroup(this.link), this.change({})),
      more: () => this.more(),
      reset: () => ((this.line = null), (this.measuring = false), this.change({ ...this.fresh(), focus: this.state.focus })),
    };
    tasks[task]();
  }

  /** A narrow viewer hides its minor tools until they are asked for; their keys work all the same. */
  more() {
    const open = this.find(".bar").classList.toggle("open");
    this.find(".more").setAttribute("aria-expanded", String(open));
  }

  /** The page computes a heat map when it is first asked for, of the finding in focus, or else of the likeliest, which comes first. */
  toggleHeat(on) {
    const label = this.state.focus || this.findings[0]?.label;
    if (on && label && this.data.heat?.label !== label) this.tell("heat", label);
    this.change({ heat: on });
  }
}
