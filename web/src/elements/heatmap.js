// <plantar-heatmap ws="…" layout="…">: pressure under the feet while somebody walks; <plantar-heatmap src="…">: the
// finished picture of the highest pressure. Binary frames: uint8 a cell; text frames: {state, steps, force_n, text, …}.
import { colour, done, fetched, make, onFrame, PRESSURE, socket, still, words } from "./common.js";
import { PressureMap } from "./pressure_map.js";

const TRAIL = 90;
const WORDS = { steps: "steps", step: "step", lost: "Connection lost, trying again…", low: "low", high: "high", left: "Left", right: "Right" };

class PlantarHeatmap extends HTMLElement {
  #map = null;
  #link = null;
  #values = null;
  #trails = { left: [], right: [], all: [] };
  #state = "";
  #run = 0;

  async connectedCallback() {
    const run = ++this.#run;
    this.words = words(this, WORDS);
    this.classList.add("heatmap");
    this.dataset.state = "waiting";
    this.canvas = make("canvas", "", { role: "img", "aria-label": this.getAttribute("label") ?? "" });
    this.counter = make("p", "heatmap-steps", { hidden: true }, make("strong"), " ", make("span", "", {}, this.words.steps));
    this.text = make("p", "heatmap-text", { role: "status" });
    this.append(make("div", "heatmap-stage", {}, this.canvas, this.counter), this.#scale(), this.text);
    this.draw = onFrame(() => this.#draw());
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.canvas.parentElement);
    if (this.hasAttribute("ws")) this.#listen(); // what it says while sensors connect is shown before their layout comes
    try {
      const src = this.getAttribute("src");
      const found = await fetched(src ?? this.getAttribute("layout"), "json");
      if (run !== this.#run) return;
      this.#map = new PressureMap(found);
      if (src) this.#finished(found);
    } catch (error) {
      if (run !== this.#run) return;
      console.warn(`plantar-heatmap: ${error.message}`);
      this.dataset.state = "failed";
      return;
    }
    this.draw();
  }

  disconnectedCallback() {
    this.#run++;
    this.#link?.close();
    this.#link = null;
    this.watch?.disconnect();
    this.draw?.cancel();
    this.replaceChildren();
  }

  #scale() {
    const canvas = make("canvas", "", { width: 120, height: 1, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    const gradient = context.createLinearGradient(0, 0, 120, 0);
    PRESSURE.forEach((stop, k) => gradient.addColorStop(k / (PRESSURE.length - 1), stop));
    context.fillStyle = gradient;
    context.fillRect(0, 0, 120, 1);
    return make("p", "heatmap-scale", {}, make("span", "", {}, this.words.low), canvas, make("span", "high", {}, this.words.high));
  }

  #finished({ values, cop = [], full_scale_kpa: full }) {
    this.#values = Uint8Array.from(values);
    this.#map.follow(this.#values);
    this.path = cop;
    if (full) this.querySelector(".heatmap-scale .high").textContent = `${this.words.high} · ${Math.round(full)} kPa`;
    this.dataset.state = "done";
    this.draw();
  }

  #listen() {
    this.#link = socket(this.getAttribute("ws"), {
      frame: (bytes) => {
        const values = new Uint8Array(bytes);
        if (values.length !== this.#map?.count) return;
        this.#values = values;
        this.dataset.state = "walking";
        this.#trail(values);
        this.draw();
      },
      state: (told) => this.#told(told),
      lost: () => { this.text.textContent = this.words.lost; },
    });
  }

  #told({ state, text, steps }) {
    if (typeof text === "string") this.text.textContent = text;
    if (typeof steps === "number") {
      const number = this.counter.querySelector("strong");
      if (number.textContent !== String(steps) && !still()) number.animate?.([{ transform: "scale(1.35)" }, { transform: "none" }], 350);
      number.textContent = steps;
      number.nextElementSibling.textContent = steps === 1 ? this.words.step : this.words.steps;
      this.counter.hidden = false;
    }
    if (!state || state === this.#state) return;
    this.#state = this.dataset.state = state;
    if (state === "done" || state === "failed") {
      this.#link.close();
      if (state === "done") this.#values = this.#map?.peak;
      this.draw();
      done(this, { state });
    }
  }

  #trail(values) {
    for (const side of this.#map.sides ? ["left", "right"] : ["all"]) {
      const trail = this.#trails[side];
      const now = this.#map.centre(values, this.#map.sides ? side : null);
      if (now && now.load > 4 * this.#map.area[0] * 12) trail.push(now);
      else trail.push(null);
      if (trail.length > TRAIL) trail.shift();
    }
  }

  /** What lies under the feet: its ground, which bounds what is drawn then, or its edge. */
  #soles(context, at, edge = false) {
    if (!this.#map.outlines.length) return;
    context.beginPath();
    for (const outline of this.#map.outlines) {
      outline.forEach(([x, y], k) => context[k ? "lineTo" : "moveTo"](...at({ x, y })));
      context.closePath();
    }
    if (edge) {
      context.strokeStyle = colour("line-strong") || "#7d8e90";
      context.lineWidth = 1.5;
      context.stroke();
      return;
    }
    context.fillStyle = PRESSURE[0];
    context.fill();
    context.clip();
  }

  #draw() {
    const map = this.#map, canvas = this.canvas;
    const { clientWidth: width, clientHeight: height } = canvas.parentElement;
    const ratio = Math.min(devicePixelRatio, 2);
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!map) return;
    const scale = Math.min((width - 24) / map.width, (height - 24) / map.height);
    const left = (width - map.width * scale) / 2, top = (height - map.height * scale) / 2;
    const at = ({ x, y }) => [left + (x - map.left) * scale, top + (map.bottom + map.height - y) * scale];
    if (map.isPlate) this.#plate(context, left, top, map.width * scale, map.height * scale);
    const values = this.#values ?? map.shown;
    if (values !== map.shown && this.#state !== "done") map.follow(values, still() ? 1 : 0.55);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.save();
    this.#soles(context, at);
    context.drawImage(map.paint(this.#state === "done" ? map.peak : map.shown), left, top, map.width * scale, map.height * scale);
    context.restore();
    this.#soles(context, at, true);
    for (const trail of Object.values(this.#trails)) this.#path(context, trail.map((p) => p && at(p)), this.#state !== "done");
    if (this.path?.length) this.#path(context, this.path.map((p) => p && at({ x: p[0], y: p[1] })), false);
    let moving = false;
    for (let k = 0; k < map.count && !moving; k++) moving = Math.abs(map.shown[k] - values[k]) > 1.5;
    if (moving && this.#state !== "done") this.draw();
  }

  #plate(context, x, y, w, h) {
    context.beginPath();
    context.roundRect(x, y, w, h, 14);
    context.fillStyle = colour("surface") || "#fff";
    context.strokeStyle = colour("line") || "#d7dde2";
    context.lineWidth = 1.5;
    context.fill();
    context.stroke();
  }

  /** The way of the load's middle; the newest part strongest. */
  #path(context, points, fades) {
    context.lineCap = context.lineJoin = "round";
    const accent = colour("accent") || "#0f6a6d";
    const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    for (const [wide, ink] of [[7, "#fff"], [3.5, accent]]) {
      for (let k = 1; k + 1 < points.length; k++) {
        if (!points[k] || !points[k - 1] || !points[k + 1]) continue;
        context.globalAlpha = fades ? (k / points.length) ** 1.5 : 1;
        context.strokeStyle = ink;
        context.lineWidth = wide;
        context.beginPath();
        context.moveTo(...middle(points[k - 1], points[k]));
        context.quadraticCurveTo(...points[k], ...middle(points[k], points[k + 1]));
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    const last = points.at(-1);
    if (last && fades) {
      context.beginPath();
      context.arc(...last, 8, 0, 2 * Math.PI);
      context.fillStyle = "#fff";
      context.fill();
      context.beginPath();
      context.arc(...last, 5, 0, 2 * Math.PI);
      context.fillStyle = accent;
      context.fill();
    }
  }
}

customElements.define("plantar-heatmap", PlantarHeatmap);
