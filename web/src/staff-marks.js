// <plantar-marks>: a foot seen from above and from both sides, with its landmarks to be dragged or nudged.
//
// `model` is JSON: views {name: {u, v, n, box}} (which axes of the foot go right, down and come near, and where the picture
// lies, mm),
// found {landmark: [x, y, z]}, moves {landmark: [x, y, z]}, names {landmark: words}. Each figure[data-view] gets its
// picture from `pictures` + view + ".png". The form around it has an input "moves"; it is told "marks-moved".
const SVG = "http://www.w3.org/2000/svg";
const STEP_MM = 0.5, BIG_STEP_MM = 2;
const FINGER_PX = 34; // a touch this near to a landmark means it
const CLOSE_MM = 70; // what is seen of the foot when it is looked at closely
const BEHIND_MM = 12; // so far beyond the foot's middle a landmark lies on the side that is turned away
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const round = (v) => Math.round(v * 100) / 100;

function make(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

customElements.define("plantar-marks", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    Object.assign(this, JSON.parse(this.getAttribute("model")));
    this.form = this.closest("form");
    this.turn = this.form.querySelector("[name=turn]");
    this.chooser = this.form.querySelector("[data-mark]");
    this.handles = []; // {name, view, group}
    for (const figure of this.querySelectorAll("figure[data-view]")) this.#draw(figure);
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.stop.signal, passive: false });
    on(this, "pointerdown", (event) => {
      const near = this.#nearest(event);
      if (near) this.#grab(event, near);
    });
    on(this, "touchstart", (event) => { // a finger on a landmark drags it, elsewhere it scrolls
      if (this.#nearest(event.touches[0])) event.preventDefault();
    });
    on(this.chooser, "change", () => this.#show());
    for (const button of this.form.querySelectorAll("[data-nudge]")) {
      on(button, "click", () => this.#by(button.dataset.nudge.split(" ").map((v) => v * STEP_MM)));
    }
    on(this.form.querySelector("[data-home]"), "click", () => {
      delete this.moves[this.chosen];
      this.#tell();
    });
    on(this.form.querySelector("[name=snap]"), "change", () => this.#tell());
    this.close = this.form.querySelector("[data-close]");
    on(this.close, "change", () => this.#show());
    // the server has put them onto the skin
    on(document, "htmx:afterSwap", (event) => {
      const told = event.target.querySelector?.("[data-places]");
      if (!told || this.dragging || told.dataset.turn !== this.turn.value) return; // since then it was moved again
      const places = JSON.parse(told.dataset.places);
      for (const name of Object.keys(this.moves)) if (places[name]) this.moves[name] = places[name];
      this.#keep();
      this.#show();
    });
    this.#show();
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  get chosen() {
    return this.chooser.value;
  }

  place(name) {
    return this.moves[name] ?? this.found[name];
  }

  #draw(figure) {
    const view = this.views[figure.dataset.view];
    const [left, top, width, height] = view.box;
    const svg = make("svg", { viewBox: `${left} ${top} ${width} ${height}`, role: "group", "aria-label": figure.textContent.trim() });
    svg.append(make("image", { href: `${this.getAttribute("pictures")}${figure.dataset.view}.png`, x: left, y: top, width, height }));
    figure.prepend(svg);
    for (const name of Object.keys(this.found)) {
      const group = make("g", { class: "mark", tabindex: "0", role: "button", "aria-label": this.names[name] });
      group.append(make("line", { class: "from" }), make("circle", { class: "ring", r: 3.4 }), make("circle", { class: "point", r: 1.2 }));
      const title = make("title", {});
      title.textContent = this.names[name];
      group.append(title);
      svg.append(group);
      const handle = { name, view, group, svg };
      this.handles.push(handle);
      group.addEventListener("focus", () => this.#choose(name));
      group.addEventListener("keydown", (event) => this.#key(event, handle));
    }
  }

  #choose(name) {
    if (this.chosen === name) return;
    this.chooser.value = name;
    this.#show();
  }

  /** The landmark that a touch means: the nearest; the chosen one is a little nearer, one behind the foot farther. */
  #nearest({ clientX, clientY }) {
    const away = ({ name, view, svg }) => {
      const here = this.place(name);
      const at = new DOMPoint(dot(here, view.u), dot(here, view.v)).matrixTransform(svg.getScreenCTM());
      const weight = name === this.chosen ? -FINGER_PX / 4 : this.#behind(name, view) ? FINGER_PX / 2 : 0;
      return Math.hypot(at.x - clientX, at.y - clientY) + weight;
    };
    const best = this.handles.reduce((one, other) => (away(other) < away(one) ? other : one));
    return away(best) < FINGER_PX ? best : null;
  }

  /** Whether a side view shows the other side of the foot than the one that a landmark lies on. */
  #behind(name, view) {
    return view.n[1] !== 0 && dot(this.place(name), view.n) < -BEHIND_MM;
  }

  /** The whole foot, or what lies around the chosen landmark. */
  #frame(svg, view) {
    const [left, top, width, height] = view.box;
    const here = this.place(this.chosen);
    const tall = Math.min(CLOSE_MM * height / width, height);
    const box = this.close.checked ? [dot(here, view.u) - CLOSE_MM / 2, dot(here, view.v) - tall / 2, CLOSE_MM, tall] : [left, top, width, height];
    svg.setAttribute("viewBox", box.join(" "));
    svg.style.setProperty("--mark", this.close.checked ? CLOSE_MM / width : 1);
  }

  /** Millimetres of the view under a pointer. */
  #at(event, svg) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  #grab(event, handle) {
    event.preventDefault();
    handle.group.focus({ preventScroll: true });
    this.#choose(handle.name);
    const { view, svg, name } = handle;
    const start = this.place(name), [u0, v0] = this.#at(event, svg);
    handle.group.setPointerCapture(event.pointerId);
    this.dragging = true;
    const move = (e) => {
      const [u, v] = this.#at(e, svg);
      this.moves[name] = start.map((value, k) => round(value + (u - u0) * view.u[k] + (v - v0) * view.v[k]));
      this.#show();
    };
    const end = (e) => {
      this.dragging = false;
      handle.group.removeEventListener("pointermove", move);
      handle.group.removeEventListener("pointerup", end);
      handle.group.removeEventListener("pointercancel", end);
      const [u, v] = this.#at(e, svg);
      if (Math.hypot(u - u0, v - v0) > 0.3) this.#tell();
    };
    handle.group.addEventListener("pointermove", move);
    handle.group.addEventListener("pointerup", end);
    handle.group.addEventListener("pointercancel", end);
  }

  #key(event, { view }) {
    const step = event.shiftKey ? BIG_STEP_MM : STEP_MM;
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    this.#by([0, 1, 2].map((k) => step * (way[0] * view.u[k] + way[1] * view.v[k])));
  }

  #by(step) {
    this.moves[this.chosen] = this.place(this.chosen).map((value, k) => round(value + step[k]));
    this.#tell();
  }

  #keep() {
    this.form.querySelector("[name=moves]").value = JSON.stringify(this.moves);
  }

  #tell() {
    this.turn.value = String(Number(this.turn.value) + 1);
    this.#keep();
    this.#show();
    this.form.dispatchEvent(new CustomEvent("marks-moved", { bubbles: true }));
  }

  #show() {
    for (const { name, view, group, svg } of this.handles) {
      const here = this.place(name), from = this.found[name];
      if (name === this.chosen && !this.dragging) this.#frame(svg, view);
      group.classList.toggle("behind", this.#behind(name, view));
      const [x, y] = [dot(here, view.u), dot(here, view.v)];
      for (const circle of group.querySelectorAll("circle")) {
        circle.setAttribute("cx", x);
        circle.setAttribute("cy", y);
      }
      const line = group.querySelector("line");
      for (const [key, value] of Object.entries({ x1: dot(from, view.u), y1: dot(from, view.v), x2: x, y2: y })) line.setAttribute(key, value);
      group.classList.toggle("chosen", name === this.chosen);
      group.classList.toggle("moved", name in this.moves);
      if (name === this.chosen && group.nextSibling && !this.dragging && document.activeElement !== group) group.parentNode.append(group);
    }
    const here = this.place(this.chosen), from = this.found[this.chosen];
    const away = Math.hypot(...here.map((value, k) => value - from[k]));
    this.form.querySelector("[data-where]").textContent =
      `x ${here[0].toFixed(1)}   y ${here[1].toFixed(1)}   z ${here[2].toFixed(1)} mm` + (away > 0.05 ? `   (${away.toFixed(1)} mm)` : "");
  }
});
