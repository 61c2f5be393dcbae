// A layout of pressure cells as a picture: what is between the cells is filled in, the edge of the sensor is soft.
// The outlines of what lies under the feet are drawn below it and bound it.
//
// Layouts, seen from above with the toes up: {"grid": [rows, columns], "cell_mm": [w, h]?}, row 0 at the toes; or
// {"cells": [[x, y, w, h], …] (mm, the cell's middle and size, x to the right, y to the toes), "sides": ["left", …],
// "outlines": [[[x, y], …], …]?}.
import { PRESSURE, ramp } from "./common.js";

const TABLE = ramp(PRESSURE);
const STEP_MM = 2;
const SOFT = 0.78; // of a cell: how far its value reaches

function boxed(values, columns, rows, radius) {
  let from = values;
  for (const [count, length, step, next] of [[rows, columns, 1, columns], [columns, rows, columns, 1]]) {
    const to = new Float32Array(from.length);
    for (let line = 0; line < count; line++) for (let k = 0; k < length; k++) {
      let sum = 0;
      for (let d = -radius; d <= radius; d++) if (k + d >= 0 && k + d < length) sum += from[line * next + (k + d) * step];
      to[line * next + k * step] = sum / (2 * radius + 1);
    }
    from = to;
  }
  return from;
}

export class PressureMap {
  constructor(layout) {
    this.nearest = layout.grid ? 4 : 9;
    this.sides = layout.sides ?? null;
    this.outlines = layout.outlines ?? [];
    if (layout.grid) this.#grid(layout);
    else this.#cells(layout.cells);
    this.canvas = document.createElement("canvas");
    this.canvas.width = this.columns;
    this.canvas.height = this.rows;
    this.context = this.canvas.getContext("2d");
    this.image = this.context.createImageData(this.columns, this.rows);
    this.shown = new Float32Array(this.count); // what is drawn follows the sensor softly
    this.peak = new Uint8Array(this.count);
  }

  #grid({ grid: [rows, columns], cell_mm: [w, h] = [5, 5] }) {
    this.count = rows * columns;
    this.x = Float32Array.from({ length: this.count }, (_, k) => ((k % columns) + 0.5) * w);
    this.y = Float32Array.from({ length: this.count }, (_, k) => (rows - Math.floor(k / columns) - 0.5) * h);
    this.area = new Float32Array(this.count).fill(w * h);
    this.left = this.bottom = 0;
    this.width = columns * w;
    this.height = rows * h;
    // two pixels a cell, linear between the middles
    const NEAREST = this.nearest;
    this.columns = 2 * columns;
    this.rows = 2 * rows;
    const near = new Int32Array(NEAREST * this.columns * this.rows);
    const weight = new Float32Array(near.length);
    for (let r = 0; r < this.rows; r++) for (let c = 0; c < this.columns; c++) {
      const fr = Math.min(rows - 1, Math.max(0, (r - 0.5) / 2)), fc = Math.min(columns - 1, Math.max(0, (c - 0.5) / 2));
      const r0 = Math.floor(fr), c0 = Math.floor(fc), r1 = Math.min(rows - 1, r0 + 1), c1 = Math.min(columns - 1, c0 + 1);
      const at = NEAREST * (r * this.columns + c), a = fr - r0, b = fc - c0;
      near.set([r0 * columns + c0, r0 * columns + c1, r1 * columns + c0, r1 * columns + c1], at);
      weight.set([(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b], at);
    }
    Object.assign(this, { near, weight, cover: new Float32Array(this.columns * this.rows).fill(1), isPlate: true });
  }

  #cells(cells) {
    this.count = cells.length;
    this.x = Float32Array.from(cells, (c) => c[0]);
    this.y = Float32Array.from(cells, (c) => c[1]);
    this.area = Float32Array.from(cells, (c) => c[2] * c[3]);
    const NEAREST = this.nearest;
    const pad = 8;
    const low = (k) => Math.min(...cells.map((c) => c[k] - c[k + 2] / 2)) - pad;
    const high = (k) => Math.max(...cells.map((c) => c[k] + c[k + 2] / 2)) + pad;
    this.left = low(0);
    this.bottom = low(1);
    this.width = high(0) - this.left;
    this.height = high(1) - this.bottom;
    this.columns = Math.ceil(this.width / STEP_MM);
    this.rows = Math.ceil(this.height / STEP_MM);
    const pixels = this.columns * this.rows;
    const near = new Int32Array(NEAREST * pixels);
    const weight = new Float32Array(near.length);
    let cover = new Float32Array(pixels);
    for (let r = 0; r < this.rows; r++) for (let c = 0; c < this.columns; c++) {
      const x = this.left + (c + 0.5) * STEP_MM, y = this.bottom + this.height - (r + 0.5) * STEP_MM;
      const found = cells.map(([cx, cy, w, h], k) => {
        const dx = Math.abs(x - cx), dy = Math.abs(y - cy);
        if (dx < w / 2 + 1.5 && dy < h / 2 + 1.5) cover[r * this.columns + c] = 1;
        return [Math.hypot(dx / w, dy / h), k];
      });
      found.sort((a, b) => a[0] - b[0]);
      const chosen = found.slice(0, NEAREST).map(([d, k]) => [Math.exp(-((d / SOFT) ** 2)) + 1e-6, k]);
      const total = chosen.reduce((sum, [w]) => sum + w, 0);
      const at = NEAREST * (r * this.columns + c);
      chosen.forEach(([w, k], n) => { near[at + n] = k; weight[at + n] = w / total; });
    }
    // round the stairs that cells make at the edge
    for (const radius of [3, 3, 2]) cover = boxed(cover, this.columns, this.rows, radius);
    cover = cover.map((v) => { const t = Math.min(1, Math.max(0, (v - 0.4) / 0.22)); return t * t * (3 - 2 * t); });
    Object.assign(this, { near, weight, cover, isPlate: false });
  }

  /** Follows new values (0…255 a cell) by `share` (1: at once). */
  follow(values, share = 1) {
    for (let k = 0; k < this.count; k++) {
      this.shown[k] += (values[k] - this.shown[k]) * (values[k] > this.shown[k] ? Math.min(1, share * 1.6) : share);
      if (values[k] > this.peak[k]) this.peak[k] = values[k];
    }
  }

  /** Where the load's middle is, in mm, and how much load there is; null where nobody stands. */
  centre(values, side = null) {
    let sum = 0, x = 0, y = 0;
    for (let k = 0; k < this.count; k++) {
      if (side && this.sides?.[k] !== side) continue;
      const load = values[k] * this.area[k];
      sum += load; x += load * this.x[k]; y += load * this.y[k];
    }
    return sum > 0 ? { x: x / sum, y: y / sum, load: sum } : null;
  }

  /** The picture of values (0…255 a cell). */
  paint(values) {
    const { near, weight, cover, image, nearest: NEAREST } = this;
    for (let p = 0, n = cover.length; p < n; p++) {
      let v = 0;
      for (let k = NEAREST * p, end = k + NEAREST; k < end; k++) v += weight[k] * values[near[k]];
      const at = 3 * Math.min(255, Math.round(v));
      image.data[4 * p] = TABLE[at]; image.data[4 * p + 1] = TABLE[at + 1]; image.data[4 * p + 2] = TABLE[at + 2];
      const alpha = this.isPlate ? Math.min(1, Math.max(0, (v - 3) / 9)) : 1;
      image.data[4 * p + 3] = 255 * cover[p] * alpha;
    }
    this.context.putImageData(image, 0, 0);
    return this.canvas;
  }
}
