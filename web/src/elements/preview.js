// <plantar-preview ws="…">: the scan while it is taken. Points light up where the scanner has just been, then settle
// into colours of height. Binary frames: float32 (n, 3) mm, little-endian; text frames: {state, text, progress}.
import { BufferAttribute, BufferGeometry, Color, DynamicDrawUsage, Group, Points, ShaderMaterial, Vector3 } from "three";
import { colour, done, make, socket, still, words } from "./common.js";
import { hasWebGL, outermost, Stage } from "./stage.js";

const MOST = 300_000;
/** Heights on the dark ground: brighter than on paper. */
const BRIGHT = ["#2f98a0", "#63bcb8", "#98d6ce", "#cdeae4", "#ffffff"];
const COVERED = 0.16; // of the picture, by the points together
const SAMPLED = 3000, STRAY = 0.004; // points that are looked at to fit the picture; share of them that lies far off
const FOLLOW_MS = 220;
const KEPT = 4; // a full cloud keeps each fourth point and goes on
const WORDS = { lost: "Connection lost, trying again…" };

const VERTEX = `
attribute float born;
uniform float now, size, away, floor, top;
uniform vec3 ramp[5], fresh;
varying vec3 tint;
void main() {
  vec4 at = modelViewMatrix * vec4(position, 1.0);
  gl_Position = projectionMatrix * at;
  float age = clamp((now - born) / 1.1, 0.0, 1.0);
  float h = clamp((position.y - floor) / max(top - floor, 0.001), 0.0, 1.0) * 4.0;
  vec3 settled = mix(ramp[0], ramp[1], clamp(h, 0.0, 1.0));
  settled = mix(settled, ramp[2], clamp(h - 1.0, 0.0, 1.0));
  settled = mix(settled, ramp[3], clamp(h - 2.0, 0.0, 1.0));
  settled = mix(settled, ramp[4], clamp(h - 3.0, 0.0, 1.0));
  tint = mix(fresh, settled, age);
  gl_PointSize = size * (1.0 + 0.7 * (1.0 - age)) * away / -at.z;
}`;

const FRAGMENT = `
varying vec3 tint;
void main() {
  vec2 d = gl_PointCoord - 0.5;
  if (dot(d, d) > 0.25) discard;
  gl_FragColor = vec4(tint, 1.0);
  #include <colorspace_fragment>
}`;

class PlantarPreview extends HTMLElement {
  #stage = null;
  #link = null;
  #count = 0;
  #state = "waiting";

  connectedCallback() {
    this.words = words(this, WORDS);
    this.classList.add("preview");
    this.dataset.state = "waiting";
    const host = make("div", "preview-stage", { role: "img", "aria-label": this.getAttribute("label") ?? "" });
    this.text = make("p", "preview-text", { role: "status" });
    this.bar = make("div", "preview-bar", { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0,
      "aria-label": this.getAttribute("label") ?? "" }, make("span"));
    this.append(host, this.bar, this.text);
    if (hasWebGL()) this.#scene(host);
    this.#link = socket(this.getAttribute("ws"), {
      frame: (bytes) => this.#add(new Float32Array(bytes)),
      state: (told) => this.#told(told),
      lost: () => { this.text.textContent = this.words.lost; },
    });
  }

  disconnectedCallback() {
    this.#link?.close();
    this.#stage?.dispose();
    this.#stage = null;
    this.#count = 0;
    this.replaceChildren();
  }

  #scene(host) {
    this.#stage = new Stage(host, { home: { azimuth: -30, polar: 58 }, onDraw: (now) => this.#onDraw(now),
      margins: (w, h) => ({ left: w * 0.08, right: w * 0.08, top: h * 0.06, bottom: h * 0.08 }) });
    this.#stage.canvas.setAttribute("aria-hidden", "true");
    this.place = new Float32Array(3 * MOST);
    this.born = new Float32Array(MOST).fill(-10);
    this.geometry = new BufferGeometry();
    this.geometry.setAttribute("position", new BufferAttribute(this.place, 3).setUsage(DynamicDrawUsage));
    this.geometry.setAttribute("born", new BufferAttribute(this.born, 1).setUsage(DynamicDrawUsage));
    this.geometry.setDrawRange(0, 0);
    const ratio = this.#stage.renderer.getPixelRatio();
    this.material = new ShaderMaterial({ vertexShader: VERTEX, fragmentShader: FRAGMENT, uniforms: {
      now: { value: 0 }, size: { value: 2 * ratio }, away: { value: 1 }, floor: { value: 0 }, top: { value: 0.09 },
      ramp: { value: BRIGHT.map((stop) => new Color(stop)) }, fresh: { value: new Color(colour("accent-bright") || "#ffb84d") } } });
    const points = new Points(this.geometry, this.material);
    points.frustumCulled = false;
    this.cloud = new Group();
    this.cloud.add(points);
    this.#stage.world.add(this.cloud);
    this.wanted = null;
    this.drawn = 0;
    this.#stage.draw();
  }

  #add(values) {
    const stage = this.#stage;
    if (!stage) return;
    const more = Math.floor(values.length / 3);
    if (this.#count + more > MOST) this.#thin();
    const now = performance.now() / 1000;
    const from = this.#count;
    const point = new Vector3();
    for (let k = 0; k < more && this.#count < MOST; k++) {
      const x = values[3 * k], y = values[3 * k + 1], z = values[3 * k + 2];
      if (!Number.isFinite(x + y + z)) continue;
      point.set(-y / 1000, z / 1000, -x / 1000).toArray(this.place, 3 * this.#count);
      this.born[this.#count++] = now;
    }
    for (const [name, size] of [["position", 3], ["born", 1]]) {
      const attribute = this.geometry.attributes[name];
      attribute.addUpdateRange(from * size, (this.#count - from) * size);
      attribute.needsUpdate = true;
    }
    this.geometry.setDrawRange(0, this.#count);
    if (this.#count) this.#fit();
    stage.draw();
  }

  /** What the camera has to show: the cloud without the few points that lie far off. */
  #fit() {
    const step = Math.max(1, Math.floor(this.#count / SAMPLED));
    const box = [0, 1, 2].map((axis) => {
      const values = [];
      for (let k = 0; k < this.#count; k += step) values.push(this.place[3 * k + axis]);
      values.sort((a, b) => a - b);
      return [values[Math.floor(STRAY * values.length)], values[Math.ceil((1 - STRAY) * values.length) - 1]];
    });
    const point = new Vector3();
    this.wanted = outermost((visit) => {
      for (let k = 0; k < this.#count; k += step) {
        point.fromArray(this.place, 3 * k);
        if (point.toArray().every((v, axis) => v >= box[axis][0] && v <= box[axis][1])) visit(point);
      }
    });
    [this.material.uniforms.floor.value, this.material.uniforms.top.value] = box[1];
    const stage = this.#stage;
    stage.box.min.set(...box.map((b) => b[0]));
    stage.box.max.set(...box.map((b) => b[1]));
    stage.hull ??= this.wanted.map((p) => p.clone());
  }

  /** Makes room: keeps each KEPT-th point. */
  #thin() {
    const kept = Math.floor(this.#count / KEPT);
    for (let k = 0; k < kept; k++) {
      this.place.copyWithin(3 * k, 3 * k * KEPT, 3 * k * KEPT + 3);
      this.born[k] = this.born[k * KEPT];
    }
    this.#count = kept;
    for (const attribute of Object.values(this.geometry.attributes)) { attribute.clearUpdateRanges(); attribute.needsUpdate = true; }
  }

  #onDraw(now) {
    const stage = this.#stage;
    if (!stage) return false;
    const uniforms = this.material.uniforms, [width, height] = stage.size;
    uniforms.now.value = performance.now() / 1000;
    uniforms.away.value = stage.camera.position.distanceTo(stage.box.getCenter(new Vector3()));
    const size = Math.sqrt((COVERED * width * height) / Math.max(1, this.#count)); // few points are drawn large
    uniforms.size.value = Math.min(9, Math.max(1.6, size)) * stage.renderer.getPixelRatio();
    // the camera follows the growing cloud softly, however seldom it is drawn
    const share = still() ? 1 : 1 - Math.exp(-(now - this.drawn) / FOLLOW_MS);
    this.drawn = now;
    this.wanted?.forEach((p, k) => stage.hull[k].lerp(p, share));
    if (still() || this.#state === "done" || this.#state === "failed") return performance.now() / 1000 - (this.born[this.#count - 1] ?? 0) < 1.2;
    stage.pose.azimuth = stage.home.azimuth + 0.35 * Math.sin((now - (this.began ??= now)) / 4000);
    return this.#state === "scanning";
  }

  #told({ state, text, progress }) {
    if (typeof text === "string") this.text.textContent = text;
    if (typeof progress === "number") {
      const percent = Math.round(100 * Math.min(1, Math.max(0, progress)));
      this.bar.setAttribute("aria-valuenow", percent);
      this.bar.firstChild.style.transform = `scaleX(${percent / 100})`;
    }
    if (!state || state === this.#state) return;
    this.#state = state;
    this.dataset.state = state;
    this.#stage?.draw();
    if (state === "done" || state === "failed") {
      this.#link.close();
      done(this, { state });
    }
  }
}

customElements.define("plantar-preview", PlantarPreview);
