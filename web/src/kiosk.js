// The customer's pages: htmx for the way from screen to screen, and the elements, each loaded when a screen has one.
import htmx from "htmx.org";
import { painted } from "./elements/common.js";
import "./elements/small.js";

Object.assign(htmx.config, {
  allowEval: false, // the page's CSP has no unsafe-eval …
  includeIndicatorStyles: false, // … and no unsafe-inline
  selfRequestsOnly: true,
  historyEnabled: false, // a shared screen keeps nobody's pages
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  scrollIntoViewOnBoost: false,
  timeout: 30_000,
});

const LOADERS = {
  "plantar-foot": () => import("./elements/solid.js"),
  "plantar-insole": () => import("./elements/solid.js"),
  "plantar-preview": () => import("./elements/preview.js"),
  "plantar-heatmap": () => import("./elements/heatmap.js"),
  "plantar-chart": () => import("./elements/chart.js"),
  "plantar-steps": () => import("./elements/steps.js"),
};

function load(root) {
  for (const [name, get] of Object.entries(LOADERS)) {
    if (!customElements.get(name) && (root.matches?.(name) || root.querySelector(name))) get();
  }
}

htmx.onLoad((root) => painted().then(() => load(root))); // the page itself, too

// fonts for rare Chinese letters, that people's names may have: their table is long
painted().then(() => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("fonts.css", import.meta.url).href;
  document.head.append(link);
});

// an element that is done goes on by itself; templates may as well say hx-trigger="plantar-done"
document.addEventListener("plantar-done", (event) => {
  const { next, target = "#screen" } = event.target.dataset;
  if (!next || event.detail?.state === "failed") return;
  if (document.querySelector(target)) htmx.ajax("GET", next, { target, swap: "outerHTML" });
  else location.assign(next);
});

// A screen that asks again for itself (while insoles are made) stays where it is and does not move; a new screen comes in
// softly (base.css), begins at its top, and its heading is read out.
let shown = document.getElementById("screen")?.dataset.screen;

document.addEventListener("htmx:afterSwap", () => {
  const screen = document.getElementById("screen");
  if (screen?.dataset.screen === shown) screen?.setAttribute("data-still", "");
});

document.addEventListener("htmx:afterSettle", () => {
  const now = document.getElementById("screen")?.dataset.screen;
  if (now === shown) return;
  shown = now;
  scrollTo({ top: 0 });
  const heading = document.querySelector("#screen h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
});
