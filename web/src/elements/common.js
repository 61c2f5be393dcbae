// What the elements share.

export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The element's words: its `words` attribute, a JSON object, over these defaults. */
export function words(element, defaults) {
  try {
    return { ...defaults, ...JSON.parse(element.getAttribute("words") || "{}") };
  } catch {
    return defaults;
  }
}

export async function fetched(url, as) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer[as]();
}

/** When what the page holds now has been painted, or would have been: words first, then what takes long. */
export const painted = () => Promise.race([
  new Promise((tell) => requestAnimationFrame(() => setTimeout(tell))),
  new Promise((tell) => setTimeout(tell, 1000)), // a hidden page paints nothing
]);

/** A node with a class, attributes and children. */
export function make(tag, name = "", attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

/** A colour of the design, as the page (and the studio's own style) has it. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Tells the page that an element's work is over; hx-trigger="plantar-done" or data-next goes on from there. */
export function done(element, detail) {
  element.dispatchEvent(new CustomEvent("plantar-done", { bubbles: true, detail }));
}

/**
 * A WebSocket of this server that comes back by itself: after 0.5 s, 1 s, 2 s … 8 s, until `close()` or until the
 * server ends it well (code 1000). `on.frame(ArrayBuffer)`, `on.state(object)`, `on.lost()`, `on.open()`.
 */
export function socket(path, on) {
  let link = null;
  let timer = 0;
  let wait = 500;
  let ended = false;
  const open = () => {
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    link = new WebSocket(url);
    link.binaryType = "arraybuffer";
    link.onopen = () => { wait = 500; on.open?.(); };
    link.onmessage = ({ data }) => {
      if (typeof data !== "string") return on.frame?.(data);
      try {
        on.state?.(JSON.parse(data));
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    };
    link.onclose = ({ code }) => {
      if (ended || code === 1000) return;
      on.lost?.();
      timer = setTimeout(open, wait);
      wait = Math.min(2 * wait, 8000);
    };
  };
  open();
  return {
    close() {
      ended = true;
      clearTimeout(timer);
      link.close();
    },
  };
}

/** Runs `draw(now)` once before the next frame, however often it is asked for. */
export function onFrame(draw) {
  let asked = 0;
  const ask = () => { asked ||= requestAnimationFrame((now) => { asked = 0; draw(now); }); };
  ask.cancel = () => { cancelAnimationFrame(asked); asked = 0; };
  return ask;
}

export const ease = (t) => (t <= 0 ? 0 : t >= 1 ? 1 : t * t * t * (t * (6 * t - 15) + 10));
export const mix = (a, b, t) => a + (b - a) * t;

/** A colour table (256 × 3 bytes) through colours given as #rrggbb. */
export function ramp(stops) {
  const parts = stops.map((stop) => [1, 3, 5].map((k) => parseInt(stop.slice(k, k + 2), 16)));
  const table = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k++) {
    const at = (k / 255) * (parts.length - 1);
    const low = Math.min(Math.floor(at), parts.length - 2);
    for (let c = 0; c < 3; c++) table[3 * k + c] = mix(parts[low][c], parts[low + 1][c], at - low);
  }
  return table;
}

/** Pressure from low to high; the reports' pictures have the same colours. */
export const PRESSURE = ["#fdf6ec", "#fbd08d", "#f08a4b", "#cf4446", "#8c1d5c", "#45104f", "#150a2e"];
