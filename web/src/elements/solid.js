// <plantar-foot> and <plantar-insole>: something of the foot frame in 3D, with measures drawn on it.
import { Plane, Vector2, Vector3 } from "three";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { Line2 } from "three/addons/lines/Line2.js";
import { LineGeometry } from "three/addons/lines/LineGeometry.js";
import { LineMaterial } from "three/addons/lines/LineMaterial.js";
import { colour, ease, fetched, make, mix, painted, still, words } from "./common.js";
import { fromFootFrame, hasWebGL, Stage } from "./stage.js";
import { clay, flatten, shadeHollows } from "./surface.js";

const DRAW_MS = 700, NEXT_MS = 220, CUT_MS = 600;
const BEYOND = 0.3; // metres: farther than any toe
/** Degrees for the left one; the right one is seen mirrored. A foot is seen from before its arch, toes to the other foot. */
const HOME = { foot: { azimuth: 128, polar: 56 }, insole: { azimuth: 24, polar: 40 } };
const VIEWS = { top: { azimuth: 0, polar: 0.12 }, side: { azimuth: 90, polar: 84 }, sole: { azimuth: 180, polar: 172 } };
const WORDS = { reset: "Reset view", top: "From above", side: "From the side", sole: "From below", turn: "Drag to turn" };

/** Base class; `kind` is foot or insole. */
class Solid extends HTMLElement {
  static observedAttributes = ["src", "lines"];
  #stage = null;
  #tapes = [];
  #began = 0;
  #run = 0;
  #cut = null;

  connectedCallback() {
    this.#open();
  }

  disconnectedCallback() {
    this.#run++;
    this.#stage?.dispose();
    this.#stage = null;
    this.replaceChildren();
  }

  attributeChangedCallback(name, before, after) {
    if (this.#stage && before !== after) {
      this.disconnectedCallback();
      this.#open();
    }
  }

  async #open() {
    const run = ++this.#run;
    this.#tapes = [];
    this.#cut = null;
    this.classList.add("solid");
    this.dataset.state = "loading";
    this.words = words(this, WORDS);
    const host = make("div", "solid-stage");
    this.labels = make("div", "solid-labels");
    this.append(host, this.labels);
    await painted();
    if (run !== this.#run) return;
    if (!hasWebGL()) return this.#flat(host, run);
    try {
      const side = this.getAttribute("side");
      this.outer = side === "right" ? 1 : -1; // where the labels stand: away from the other foot
      const { azimuth, polar } = HOME[this.kind];
      const slim = this.kind === "insole" && host.clientHeight > host.clientWidth ? 0.4 : 1; // stands upright where there is no width
      this.#stage = new Stage(host, {
        home: { azimuth: slim * (side === "right" ? -azimuth : azimuth), polar }, margins: (w, h) => this.#margins(w, h), onDraw: (now) => this.#onDraw(now),
      });
      const canvas = this.#stage.canvas;
      canvas.tabIndex = 0;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", this.getAttribute("label") ?? "");
      host.addEventListener("stage-moved", () => this.setAttribute("touched", ""), { once: true });
      const [model, lines] = await Promise.all([
        fetched(this.getAttribute("src"), "arrayBuffer").then((bytes) => new GLTFLoader().parseAsync(bytes, "")),
        this.getAttribute("lines") ? fetched(this.getAttribute("lines"), "json") : { tapes: [] },
      ]);
      if (run !== this.#run) return;
      this.#show(model.scene);
      this.#measure(lines.tapes ?? []);
      this.#follow();
      if (!this.hasAttribute("plain")) this.append(this.#buttons());
      this.dataset.state = "ready";
      this.dispatchEvent(new CustomEvent("plantar-ready", { bubbles: true }));
    } catch (error) {
      if (run !== this.#run) return;
      console.warn(`${this.localName}: ${error.message}`);
      this.#stage?.dispose();
      this.#stage = null;
      this.#poster();
    }
  }

  /** Where there is no WebGL: one picture, drawn triangle by triangle from the back to the front. */
  async #flat(host, run) {
    if (this.getAttribute("poster")) return this.#poster();
    try {
      const { scene } = await new GLTFLoader().parseAsync(await fetched(this.getAttribute("src"), "arrayBuffer"), "");
      if (run !== this.#run) return;
      scene.rotation.y = Math.PI / 2;
      scene.updateMatrixWorld(true);
      const { azimuth, polar } = HOME[this.kind], side = this.getAttribute("side") === "right" ? -1 : 1;
      const canvas = make("canvas", "", { role: "img", "aria-label": this.getAttribute("label") ?? "" });
      host.append(canvas);
      canvas.width = 2 * host.clientWidth;
      canvas.height = 2 * host.clientHeight;
      flatten(canvas, scene, (side * azimuth * Math.PI) / 180, (polar * Math.PI) / 180, colour(this.kind === "foot" ? "clay" : "insole") || "#d2b49f");
      this.dataset.state = "poster";
    } catch (error) {
      if (run !== this.#run) return;
      console.warn(`${this.localName}: ${error.message}`);
      this.#poster();
    }
  }

  /** Where there is no model: the finished picture, or what it would be of. */
  #poster() {
    const poster = this.getAttribute("poster");
    const label = this.getAttribute("label") ?? "";
    this.replaceChildren(poster ? make("img", "solid-poster", { src: poster, alt: label }) : make("p", "solid-none", {}, label));
    this.dataset.state = "poster";
  }

  #show(scene) {
    const tint = this.getAttribute("tint") || colour(this.kind === "foot" ? "clay" : "insole") || "#d2b49f";
    scene.rotation.y = Math.PI / 2; // glTF's x is heel to toe: toes go away from the viewer
    scene.updateMatrixWorld(true);
    scene.traverse((part) => {
      if (!part.isMesh) return;
      const invented = part.material.name === "invented";
      if (!part.geometry.attributes.normal) part.geometry.computeVertexNormals();
      shadeHollows(part.geometry, this.kind === "foot" ? 0.6 : 0.35);
      const own = part.geometry.attributes.color !== undefined;
      part.material = clay(invented ? colour("clay-invented") || "#b9c3c6" : tint);
      part.material.vertexColors = own;
    });
    this.#stage.show(scene);
    if (!still()) {
      const home = this.#stage.home;
      this.#stage.pose = { azimuth: home.azimuth * 0.55, polar: home.polar + 0.3, zoom: 0.88 };
      this.#stage.fly(home, 1300);
    }
  }

  // ---------------------------------------------------------------- measures

  #labelWidth() {
    return Math.max(0, ...this.#tapes.map((tape) => tape.button.offsetWidth));
  }

  #margins(width, height) {
    const labels = this.#tapes.length > 0;
    const pill = Math.min(this.#labelWidth(), width * 0.34);
    const free = width * (this.kind === "insole" ? 0.13 : 0.04);
    const own = labels ? pill + 26 : free;
    return { left: this.outer < 0 ? own : free, right: this.outer < 0 ? free : own, top: height * (this.kind === "insole" ? 0.1 : 0.04), bottom: (this.hasAttribute("plain") ? 12 : 62) + (this.kind === "insole" ? height * 0.04 : 0) };
  }

  #measure(tapes) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "solid-leaders");
    svg.setAttribute("aria-hidden", "true");
    this.labels.append(svg);
    const ink = colour("tape") || "#0b5c96";
    tapes.forEach((tape, k) => {
      const points = tape.points.map(fromFootFrame);
      if (points.length < 2) return;
      const flat = points.flatMap((p) => [p.x, p.y, p.z]);
      const lines = [0.28, 1].map((opacity, seen) => {
        const geometry = new LineGeometry().setPositions(flat);
        const material = new LineMaterial({ color: ink, linewidth: 4, transparent: true, opacity, depthTest: Boolean(seen), alphaToCoverage: false });
        material.polygonOffset = true;
        material.polygonOffsetFactor = material.polygonOffsetUnits = -4;
        const line = new Line2(geometry, material);
        line.renderOrder = 2 + seen;
        this.#stage.world.add(line);
        return line;
      });
      const button = make("button", "solid-label", { type: "button", "aria-pressed": "false" },
        make("span", "name", {}, tape.label), make("span", "value", {}, tape.text));
      button.addEventListener("click", () => this.#pick(k));
      const leader = document.createElementNS(svg.namespaceURI, "polyline");
      const dot = document.createElementNS(svg.namespaceURI, "circle");
      dot.setAttribute("r", "4");
      svg.append(leader, dot);
      this.labels.append(button);
      this.#tapes.push({ ...tape, points, lines, button, leader, dot, segments: points.length - 1 });
    });
    this.#began = still() ? -Infinity : 0;
    this.#stage.draw();
  }

  #pick(k) {
    const chosen = this.#tapes[k].button.getAttribute("aria-pressed") !== "true";
    this.#tapes.forEach((tape, other) => {
      const on = chosen && other === k;
      tape.button.setAttribute("aria-pressed", String(on));
      tape.leader.classList.toggle("on", on);
      tape.dot.classList.toggle("on", on);
      for (const line of tape.lines) {
        line.material.linewidth = on ? 6 : 4;
        line.material.color.set(colour(on ? "accent" : "tape") || "#0b5c96");
        line.material.opacity = (line.material.depthTest ? 1 : 0.28) * (chosen && !on ? 0.35 : 1);
      }
    });
    this.#stage.draw();
  }

  #onDraw(now) {
    const stage = this.#stage;
    if (!stage) return false;
    const cutting = this.#cutting(now);
    if (!this.#tapes.length) return cutting;
    const [width, height] = stage.size;
    if (this.#began === 0) this.#began = now + 700;
    let busy = cutting;
    const at = new Vector3();
    for (const [k, tape] of this.#tapes.entries()) {
      const t = ease((now - this.#began - k * NEXT_MS) / DRAW_MS);
      busy ||= t < 1;
      for (const line of tape.lines) {
        line.geometry.instanceCount = Math.round(t * tape.segments);
        line.material.resolution = new Vector2(width, height);
        line.visible = t > 0;
      }
      tape.button.classList.toggle("shown", t > 0.5);
      tape.leader.classList.toggle("shown", t > 0.5);
      tape.dot.classList.toggle("shown", t > 0.5);
      // the label points at the tape where it is seen: near the camera, and to the label's side
      let best = -Infinity;
      for (const point of tape.points) {
        const [x, y] = stage.project(point, at);
        const seen = (5 * x * this.outer) / width - 9 * point.distanceTo(stage.camera.position);
        if (seen > best) { best = seen; tape.at = [x, y]; }
      }
    }
    this.#column(this.outer, width, height);
    return busy;
  }

  /** Lays the labels in a column at the foot's outer side: near their tapes, never over one another. */
  #column(column, width, height) {
    const own = [...this.#tapes].sort((a, b) => a.at[1] - b.at[1]);
    const room = height - 60;
    this.labels.classList.remove("compact");
    if (own.length * (own[0].button.offsetHeight + 8) > room) this.labels.classList.add("compact"); // name and value in one line
    const high = own[0].button.offsetHeight, gap = high + (own.length * (high + 10) > room ? 4 : 10);
    const ys = own.map((tape) => Math.min(room - high / 2, Math.max(high / 2 + 4, tape.at[1])));
    for (let k = 1; k < ys.length; k++) ys[k] = Math.max(ys[k], ys[k - 1] + gap);
    for (let k = ys.length - 1, last = room - high / 2; k >= 0; k--, last = ys[k + 1] - gap) ys[k] = Math.min(ys[k], last);
    own.forEach((tape, k) => {
      const wide = tape.button.offsetWidth;
      const x = column < 0 ? 0 : width - wide;
      tape.button.style.transform = `translate(${x.toFixed(1)}px, ${(ys[k] - high / 2).toFixed(1)}px)`;
      const edge = column < 0 ? wide : width - wide;
      const [ax, ay] = tape.at;
      tape.leader.setAttribute("points", `${edge},${ys[k].toFixed(1)} ${(edge - column * 14).toFixed(1)},${ys[k].toFixed(1)} ${ax.toFixed(1)},${ay.toFixed(1)}`);
      tape.dot.setAttribute("cx", ax.toFixed(1));
      tape.dot.setAttribute("cy", ay.toFixed(1));
    });
  }

  // ---------------------------------------------------------------- as long as it is chosen

  /** `follows` is the name of radio buttons, `cuts` says where each of their values ends: {ball: [[x, y, z], [x, y, z]],
   * ahead: {value: mm}}, in the foot frame. What a choice leaves away stays to be seen, faintly. */
  #follow() {
    const name = this.getAttribute("follows");
    if (!name || !this.getAttribute("cuts")) return;
    const { ball, ahead } = JSON.parse(this.getAttribute("cuts"));
    const [one, other] = ball.map(fromFootFrame);
    const heelward = new Vector3(other.z - one.z, 0, one.x - other.x).normalize();
    if (heelward.z < 0) heelward.negate();
    const kept = new Plane(heelward), left = new Plane(heelward.clone().negate());
    this.#stage.renderer.localClippingEnabled = true;
    const parts = [];
    this.#stage.world.traverse((part) => { if (part.isMesh && part.geometry.index && part.material.matcap) parts.push(part); });
    for (const part of parts) {
      part.material.clippingPlanes = [kept];
      const ghost = part.clone();
      ghost.material = part.material.clone();
      Object.assign(ghost.material, { clippingPlanes: [left], transparent: true, opacity: 0.16, depthWrite: false });
      part.parent.add(ghost);
    }
    const base = -heelward.dot(one);
    const wanted = () => {
      const value = document.querySelector(`input[name="${name}"]:checked`)?.value;
      return base + (value in ahead ? ahead[value] / 1000 : BEYOND);
    };
    this.#cut = { planes: [kept, left], from: wanted(), to: wanted(), now: wanted(), start: -Infinity };
    const run = this.#run;
    const change = (event) => {
      if (run !== this.#run) return document.removeEventListener("change", change);
      if (event.target.name !== name) return;
      const near = (at) => Math.min(at, base + 0.1); // the end of the toes
      Object.assign(this.#cut, { from: near(this.#cut.now), to: wanted(), start: still() ? -Infinity : performance.now() });
      this.#stage.draw();
    };
    document.addEventListener("change", change);
    this.#stage.draw();
  }

  /** Moves the planes; whether they go on moving. */
  #cutting(now) {
    const cut = this.#cut;
    if (!cut) return false;
    const t = ease((now - cut.start) / CUT_MS);
    cut.now = t < 1 ? mix(cut.from, Math.min(cut.to, cut.from + 0.2), t) : cut.to;
    cut.planes[0].constant = cut.now;
    cut.planes[1].constant = -cut.now;
    return t < 1;
  }

  // ---------------------------------------------------------------- buttons

  #buttons() {
    const bar = make("div", "solid-views", { role: "group", "aria-label": this.words.turn });
    const add = (name, pose) => {
      const button = make("button", "solid-view", { type: "button", title: this.words[name], "aria-label": this.words[name] });
      button.append(icon(name));
      button.addEventListener("click", () => this.#stage.fly(pose));
      bar.append(button);
    };
    const turned = (pose) => ({ azimuth: (pose.azimuth * Math.PI) / 180, polar: (pose.polar * Math.PI) / 180, zoom: 1 });
    const inner = this.getAttribute("side") === "left" ? 1 : -1; // the arch looks to the other foot
    add("top", turned({ azimuth: 0, polar: 7 }));
    add("side", turned({ ...VIEWS.side, azimuth: 90 * inner }));
    add("sole", turned(VIEWS.sole));
    add("reset", this.#stage.home);
    return bar;
  }
}

const ICONS = {
  top: "M12 3v9m0 0-4-4m4 4 4-4M5 18h14",
  side: "M3 12h9m0 0-4-4m4 4-4 4M18 5v14",
  sole: "M12 21v-9m0 0-4 4m4-4 4 4M5 6h14",
  reset: "M4 12a8 8 0 1 0 2.6-5.9M4 4v4.5h4.5",
};

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

customElements.define("plantar-foot", class PlantarFoot extends Solid { get kind() { return "foot"; } });
customElements.define("plantar-insole", class PlantarInsole extends Solid { get kind() { return "insole"; } });
