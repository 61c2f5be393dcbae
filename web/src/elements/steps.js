// <plantar-steps>: somebody walks up the screen. Each print is drawn in lines of equal pressure, from heel to toes as the
// load rolls over it, and fades behind. Without motion: one pair of prints.
import { colour, ease, onFrame, still } from "./common.js";
import LINES from "./steps.json";

const STEP_MS = 1050, ROLL_MS = 1250, STAY_MS = 3600, FADE_MS = 1500, REST_MS = 900;
const LONG = 270; // mm, of the drawn print
const LEVELS = 9;

class PlantarSteps extends HTMLElement {
  connectedCallback() {
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.append(this.canvas);
    this.draw = onFrame((now) => this.#draw(now));
    this.watch = new ResizeObserver(() => { this.prints = null; this.draw(); });
    this.watch.observe(this);
    this.began = 0;
  }

  disconnectedCallback() {
    this.watch.disconnect();
    this.draw.cancel();
    this.replaceChildren();
  }

  /** The two prints as pictures, drawn once a size. */
  #ready(ratio) {
    const { clientWidth: width, clientHeight: height } = this;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const count = 3; // as in the still picture that lies under this one
    const long = Math.min((height * 0.94) / (1 + 0.5 * (count - 1)), width * 0.62);
    const scale = (long / LONG) * ratio;
    this.place = { width, height, ratio, long, count };
    this.prints = [1, -1].map((mirror) => {
      const print = document.createElement("canvas");
      print.width = Math.ceil(0.56 * long * ratio);
      print.height = Math.ceil(1.08 * long * ratio);
      const context = print.getContext("2d");
      context.translate(print.width / 2, print.height / 2);
      context.scale(mirror * scale, -scale);
      context.lineJoin = "round";
      for (const [level, ...flat] of LINES) {
        context.beginPath();
        for (let k = 0; k < flat.length; k += 2) context.lineTo(flat[k], flat[k + 1]);
        context.closePath();
        context.fillStyle = colour("accent");
        context.globalAlpha = 0.05 + 0.012 * level;
        context.fill();
        context.globalAlpha = 0.35 + (0.6 * level) / LEVELS;
        context.lineWidth = (0.9 + 0.07 * level) * Math.max(1, 1.1 / (scale / ratio));
        context.strokeStyle = colour("accent");
        context.stroke();
      }
      return print;
    });
    this.veil = document.createElement("canvas");
    this.veil.width = this.prints[0].width;
    this.veil.height = this.prints[0].height;
  }

  #draw(now) {
    const ratio = Math.min(devicePixelRatio, 2);
    if (!this.clientHeight) return;
    if (!this.prints) this.#ready(ratio);
    this.began ||= now;
    const { width, height, long, count } = this.place;
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (still()) {
      for (const k of [0, 1]) this.#print(context, k, width / 2 + (k ? 1 : -1) * 0.24 * long, height / 2, 1, 1);
      return;
    }
    const round = STEP_MS * count + STAY_MS + FADE_MS + REST_MS;
    const time = (now - this.began) % round;
    for (let k = 0; k < count; k++) {
      const share = count === 1 ? 0.5 : k / (count - 1);
      const x = width / 2 + (k % 2 ? 1 : -1) * 0.25 * long, y = height - 0.53 * long - share * (height - 1.06 * long);
      const since = time - k * STEP_MS;
      const rolled = Math.min(1, Math.max(0, since / ROLL_MS));
      const faded = ease((time - (STEP_MS * count + STAY_MS - (count - 1 - k) * 260)) / FADE_MS);
      if (rolled <= 0 || faded >= 1) continue;
      this.#print(context, k % 2, x, y, rolled, 1 - faded);
    }
    this.draw();
  }

  /** One print with its middle there, drawn from the heel up to `rolled`. */
  #print(context, right, x, y, rolled, strength) {
    const print = this.prints[right], { ratio } = this.place;
    const veil = this.veil.getContext("2d");
    veil.globalCompositeOperation = "source-over";
    veil.clearRect(0, 0, print.width, print.height);
    veil.drawImage(print, 0, 0);
    if (rolled < 1) {
      const edge = 1 - ease(rolled) * 1.3;
      const gradient = veil.createLinearGradient(0, 0, 0, print.height);
      gradient.addColorStop(Math.min(1, Math.max(0, edge)), "rgb(0 0 0 / 0)");
      gradient.addColorStop(Math.min(1, Math.max(0, edge + 0.3)), "#000");
      veil.globalCompositeOperation = "destination-in";
      veil.fillStyle = gradient;
      veil.fillRect(0, 0, print.width, print.height);
    }
    context.globalAlpha = strength;
    context.drawImage(this.veil, x - print.width / ratio / 2, y - print.height / ratio / 2, print.width / ratio, print.height / ratio);
    context.globalAlpha = 1;
  }
}

customElements.define("plantar-steps", PlantarSteps);
