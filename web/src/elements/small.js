// Small elements without a library: the idle warning, a keypad, and the ring of the scan's score.
import { make, still } from "./common.js";

/**
 * <plantar-idle seconds="90" warn="20" action="/idle">: after that long without a touch its own <dialog> opens and counts
 * down (into [data-count]); then the page goes to `action`. Any touch closes it. Nothing is counted while `paused` is set.
 */
customElements.define("plantar-idle", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    const again = () => this.#reset();
    for (const kind of ["pointerdown", "keydown", "wheel", "touchmove", "plantar-done"]) {
      document.addEventListener(kind, again, { signal: this.stop.signal, passive: true, capture: true });
    }
    this.timer = setInterval(() => this.#tick(), 1000);
    this.#reset();
  }

  disconnectedCallback() {
    this.stop.abort();
    clearInterval(this.timer);
  }

  #reset() {
    this.since = performance.now();
    const dialog = this.querySelector("dialog");
    if (dialog?.open) dialog.close();
  }

  #tick() {
    if (this.hasAttribute("paused") || document.querySelector("[data-busy]")) return this.#reset();
    const seconds = Number(this.getAttribute("seconds") ?? 90), warn = Number(this.getAttribute("warn") ?? 20);
    const left = Math.ceil(seconds - (performance.now() - this.since) / 1000);
    const dialog = this.querySelector("dialog");
    if (left <= 0) {
      clearInterval(this.timer);
      const form = this.querySelector("form[data-leave]");
      if (form) form.submit();
      else location.assign(this.getAttribute("action") ?? "/");
    } else if (left <= warn && dialog) {
      const count = dialog.querySelector("[data-count]");
      if (count) count.textContent = left;
      if (!dialog.open) dialog.showModal();
    }
  }
});

/** <plantar-keypad for="id" length="4" words='{"clear": "…", "back": "…"}'>: digits for a field, a touch screen's keyboard. */
customElements.define("plantar-keypad", class extends HTMLElement {
  connectedCallback() {
    const words = { clear: "Clear", back: "Delete", ...JSON.parse(this.getAttribute("words") || "{}") };
    this.classList.add("keypad");
    this.setAttribute("role", "group");
    for (const key of ["1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "back"]) {
      const label = words[key] ?? key;
      const sign = { clear: "C", back: "⌫" }[key] ?? key;
      const button = make("button", "key", { type: "button", "aria-label": label }, sign);
      button.addEventListener("click", () => this.#press(key));
      this.append(button);
    }
  }

  disconnectedCallback() {
    this.replaceChildren();
  }

  #press(key) {
    const field = document.getElementById(this.getAttribute("for"));
    if (!field) return;
    const most = Number(this.getAttribute("length") ?? field.maxLength) || 99;
    if (key === "clear") field.value = "";
    else if (key === "back") field.value = field.value.slice(0, -1);
    else if (field.value.length < most) field.value += key;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    if (field.value.length === most) field.dispatchEvent(new Event("change", { bubbles: true }));
  }
});

/** <plantar-score value="87" label="…">: a ring that fills up to the scan's score. */
customElements.define("plantar-score", class extends HTMLElement {
  connectedCallback() {
    const value = Math.min(100, Math.max(0, Number(this.getAttribute("value") ?? 0)));
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 120 120");
    svg.setAttribute("aria-hidden", "true");
    const [way, arc] = ["way", "arc"].map((name) => {
      const circle = document.createElementNS(space, "circle");
      for (const [key, is] of Object.entries({ cx: 60, cy: 60, r: 52, pathLength: 100, class: name })) circle.setAttribute(key, is);
      svg.append(circle);
      return circle;
    });
    way.setAttribute("stroke-dasharray", "100 0");
    arc.setAttribute("stroke-dasharray", `${value} 100`);
    this.classList.add("score");
    this.dataset.grade = value >= 80 ? "good" : value >= 60 ? "fair" : "poor";
    this.setAttribute("role", "img");
    this.setAttribute("aria-label", `${this.getAttribute("label") ?? ""} ${value}`.trim());
    this.append(svg, make("strong", "", { "aria-hidden": "true" }, String(value)));
    if (!still()) arc.animate?.([{ strokeDasharray: "0 100" }, { strokeDasharray: `${value} 100` }], { duration: 1100, easing: "cubic-bezier(.3,0,.1,1)" });
  }

  disconnectedCallback() {
    this.replaceChildren();
  }
});
