// A small 3D stage: one object on a soft floor, seen by a camera that circles it. Draws only when something changed.
//
// Foot frame (x heel to toe, y to the wearer's left, z up, mm) on the stage: toes away from the viewer, up is up, metres.
import { Box3, Group, NoToneMapping, PerspectiveCamera, Scene, Vector3, WebGLRenderer } from "three";
import { ease, mix, onFrame, still } from "./common.js";
import { shadow } from "./surface.js";

const FIELD_DEG = 24;
const TURN = 0.0075; // radians a pixel

/** Millimetres of the foot frame as a point on the stage. */
export const fromFootFrame = ([x, y, z]) => new Vector3(-y / 1000, z / 1000, -x / 1000);

const corners = (box) => [0, 1, 2, 3, 4, 5, 6, 7].map((k) =>
  new Vector3(k & 1 ? box.max.x : box.min.x, k & 2 ? box.max.y : box.min.y, k & 4 ? box.max.z : box.min.z));

const WAYS = Array.from({ length: 96 }, (_, k) => {
  const y = 1 - (2 * (k + 0.5)) / 96, turn = k * 2.399963;
  return new Vector3(Math.sqrt(1 - y * y) * Math.cos(turn), y, Math.sqrt(1 - y * y) * Math.sin(turn));
});

/** The points that lie farthest out, in directions spread over the sphere: what has to fit in the picture. `each(visit)`
 * calls `visit` with every point. */
export function outermost(each) {
  const best = WAYS.map(() => -Infinity);
  const found = WAYS.map(() => new Vector3());
  each((point) => WAYS.forEach((way, k) => {
    const far = point.dot(way);
    if (far > best[k]) { best[k] = far; found[k].copy(point); }
  }));
  return found;
}

function hullOf(object) {
  const point = new Vector3();
  return outermost((visit) => object.traverse((part) => {
    if (!part.isMesh) return;
    const place = part.geometry.attributes.position;
    const step = Math.max(1, Math.floor(place.count / 6000));
    for (let n = 0; n < place.count; n += step) visit(point.fromBufferAttribute(place, n).applyMatrix4(part.matrixWorld));
  }));
}

export class Stage {
  /** `host` gets the canvas. `home`: {azimuth, polar} in degrees; `margins`: {left, right, top, bottom} px kept free. */
  constructor(host, { home, margins = { left: 0, right: 0, top: 0, bottom: 0 }, onDraw = () => {} }) {
    this.host = host;
    this.home = { azimuth: (home.azimuth * Math.PI) / 180, polar: (home.polar * Math.PI) / 180, zoom: 1 };
    this.pose = { ...this.home };
    this.margins = margins;
    this.onDraw = onDraw;
    this.renderer = new WebGLRenderer({ antialias: true, alpha: true, powerPreference: "high-performance" });
    this.renderer.toneMapping = NoToneMapping;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.canvas = this.renderer.domElement;
    this.scene = new Scene();
    this.world = new Group();
    this.scene.add(this.world);
    this.camera = new PerspectiveCamera(FIELD_DEG, 1, 0.05, 6);
    this.box = new Box3(new Vector3(-0.05, 0, -0.15), new Vector3(0.05, 0.09, 0.15));
    this.draw = onFrame((now) => this.#drawn(now));
    this.flight = null;
    host.append(this.canvas);
    this.watch = new ResizeObserver(() => { this.#resize(); this.draw(); });
    this.watch.observe(host);
    this.#resize();
    this.#touch();
  }

  /** Takes the object's size for the camera and lays its shadow. */
  show(object, withShadow = true) {
    this.world.add(object);
    this.world.updateMatrixWorld(true);
    this.box = new Box3().setFromObject(object);
    this.hull = hullOf(object);
    if (withShadow) this.world.add(shadow(object, this.box));
    this.draw();
  }

  /** Moves the camera there, softly unless the person wants no motion. */
  fly(to, ms = 900) {
    const from = { ...this.pose };
    const turn = Math.PI * 2;
    const azimuth = from.azimuth + ((((to.azimuth ?? from.azimuth) - from.azimuth + Math.PI) % turn) + turn) % turn - Math.PI;
    const target = { ...from, ...to, azimuth };
    if (still()) { this.pose = target; this.flight = null; } else this.flight = { from, target, start: 0, ms };
    this.draw();
  }

  get size() { return [this.host.clientWidth || 1, this.host.clientHeight || 1]; }

  /** A stage point in CSS pixels of the host, and whether it lies before the camera. */
  project(point, out = new Vector3()) {
    const [width, height] = this.size;
    out.copy(point).project(this.camera);
    return [(out.x * 0.5 + 0.5) * width, (0.5 - out.y * 0.5) * height];
  }

  dispose() {
    this.watch.disconnect();
    this.draw.cancel();
    this.scene.traverse((part) => {
      part.geometry?.dispose();
      part.material?.map?.dispose();
      part.material?.dispose?.();
    });
    this.renderer.dispose();
    this.renderer.forceContextLoss();
    this.canvas.remove();
  }

  #resize() {
    const [width, height] = this.size;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
  }

  /** The distance from which the whole box fits between the margins, at any turn of the camera. */
  #place() {
    const { azimuth, polar, zoom } = this.pose;
    const [width, height] = this.size;
    const { left, right: end, top, bottom } = typeof this.margins === "function" ? this.margins(width, height) : this.margins;
    const middle = this.box.getCenter(new Vector3());
    const away = new Vector3(Math.sin(polar) * Math.sin(azimuth), Math.cos(polar), Math.sin(polar) * Math.cos(azimuth));
    // polar may be negative: the camera hangs over the toes, which still point up
    const right = new Vector3(Math.cos(azimuth), 0, -Math.sin(azimuth));
    const up = away.clone().cross(right);
    const slope = Math.tan((FIELD_DEG * Math.PI) / 360);
    const high = slope * Math.max(0.2, 1 - (top + bottom) / height);
    const wide = slope * (width / height) * Math.max(0.2, 1 - (left + end) / width);
    const hull = this.hull ?? corners(this.box);
    const point = new Vector3();
    // the middle of what is seen comes to the middle of the picture; two rounds, as nearer parts look larger
    let distance = 1;
    for (let round = 0; round < 3; round++) {
      let low = [Infinity, Infinity], top_ = [-Infinity, -Infinity];
      for (const corner of hull) {
        point.copy(corner).sub(middle);
        const scale = distance / Math.max(0.05, distance - point.dot(away));
        [point.dot(right) * scale, point.dot(up) * scale].forEach((v, k) => { low[k] = Math.min(low[k], v); top_[k] = Math.max(top_[k], v); });
      }
      middle.addScaledVector(right, (low[0] + top_[0]) / 2).addScaledVector(up, (low[1] + top_[1]) / 2);
      distance = 0.1;
      for (const corner of hull) {
        point.copy(corner).sub(middle);
        const near = point.dot(away);
        distance = Math.max(distance, near + Math.abs(point.dot(right)) / wide, near + Math.abs(point.dot(up)) / high);
      }
    }
    distance *= 1.02 / zoom;
    const pixel = (2 * slope * distance) / height;
    middle.addScaledVector(up, ((top - bottom) / 2) * pixel).addScaledVector(right, ((end - left) / 2) * pixel);
    this.camera.position.copy(middle).addScaledVector(away, distance);
    this.camera.up.copy(up);
    this.camera.lookAt(middle);
    this.camera.updateProjectionMatrix();
    this.camera.updateMatrixWorld();
  }

  #drawn(now) {
    if (this.flight) {
      this.flight.start ||= now;
      const t = ease((now - this.flight.start) / this.flight.ms);
      const { from, target } = this.flight;
      for (const key of ["azimuth", "polar", "zoom"]) this.pose[key] = mix(from[key], target[key], t);
      if (t >= 1) this.flight = null;
    } else if (this.spin) {
      this.pose.azimuth += this.spin;
      this.spin = Math.abs(this.spin) < 1e-4 ? 0 : this.spin * 0.92;
    }
    this.#place();
    const again = this.onDraw(now);
    this.renderer.render(this.scene, this.camera);
    if (this.flight || this.spin || again) this.draw();
  }

  #touch() {
    const canvas = this.canvas;
    const fingers = new Map();
    let spread = 0;
    const moved = () => { this.flight = null; this.draw(); this.host.dispatchEvent(new CustomEvent("stage-moved")); };
    const turn = (azimuth, polar) => {
      this.pose.azimuth += azimuth;
      this.pose.polar = Math.min(Math.PI - 0.1, Math.max(-1.45, this.pose.polar + polar));
      moved();
    };
    const zoom = (factor) => { this.pose.zoom = Math.min(4, Math.max(0.7, this.pose.zoom * factor)); moved(); };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      this.spin = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size === 1) {
        const step = -(event.clientX - before[0]) * TURN;
        turn(step, -(event.clientY - before[1]) * TURN);
        this.lastStep = step;
      } else {
        const [a, b] = [...fingers.values()];
        const now = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (spread) zoom(now / spread);
        spread = now;
      }
    });
    const up = (event) => {
      if (fingers.delete(event.pointerId) && !fingers.size && !still()) { this.spin = this.lastStep ?? 0; this.draw(); }
      this.lastStep = 0;
      spread = 0;
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== canvas) return; // the page scrolls unless one is in the picture
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 500));
    }, { passive: false });
    canvas.addEventListener("dblclick", () => this.fly(this.home));
    canvas.addEventListener("keydown", (event) => {
      const act = {
        ArrowLeft: () => turn(-0.15, 0), ArrowRight: () => turn(0.15, 0), ArrowUp: () => turn(0, -0.12), ArrowDown: () => turn(0, 0.12),
        "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), Home: () => this.fly(this.home), 0: () => this.fly(this.home),
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
  }
}

export function hasWebGL() {
  try {
    const canvas = document.createElement("canvas");
    return Boolean(canvas.getContext("webgl2"));
  } catch {
    return false;
  }
}
