// How a surface looks: its light, its hollows, its shadow.
import {
  BufferAttribute, CanvasTexture, Color, DoubleSide, Mesh, MeshBasicMaterial, MeshMatcapMaterial, PlaneGeometry, SRGBColorSpace, Vector3,
} from "three";
import { mix } from "./common.js";

let matcap = null;

/** Light by the surface's direction, the same as in the reports' pictures: key from the upper left, fill, soft sky. */
function lightTable() {
  if (matcap) return matcap;
  const size = 256;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  const key = unit(-0.5, 0.6, 0.62), fill = unit(0.8, 0.1, 0.5), half = unit(-0.28, 0.34, 0.9);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let x = (2 * column) / (size - 1) - 1, y = 1 - (2 * row) / (size - 1);
      const long = Math.hypot(x, y);
      if (long > 1) { x /= long; y /= long; }
      const z = Math.sqrt(Math.max(0, 1 - x * x - y * y));
      const towards = (d) => x * d[0] + y * d[1] + z * d[2];
      const sky = 0.5 + 0.5 * y;
      const level = 0.8 * clip(towards(key) * 0.72 + 0.28) ** 1.3 + 0.18 * clip(towards(fill) * 0.6 + 0.4) + 0.15 * sky + 0.09;
      const shine = 0.07 * (clip(towards(half)) ** 26 + 0.6 * (1 - z) ** 3 * (0.4 + 0.6 * sky));
      const at = 4 * (row * size + column);
      for (let c = 0; c < 3; c++) {
        const warm = [0.012, 0, -0.012][c] * (level - 0.5);
        image.data[at + c] = 255 * Math.sqrt(clip(level * 0.94 + warm + shine));
      }
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  matcap = new CanvasTexture(canvas);
  matcap.colorSpace = SRGBColorSpace;
  return matcap;
}

const clip = (v) => Math.min(1, Math.max(0, v));
const unit = (...v) => v.map((x) => x / Math.hypot(...v));

/** For each vertex the first one that lies at the same place: files split vertices along creases. */
function welded(place) {
  const first = new Map();
  return Int32Array.from({ length: place.count }, (_, k) => {
    const key = `${place.getX(k).toFixed(4)} ${place.getY(k).toFixed(4)} ${place.getZ(k).toFixed(4)}`;
    if (!first.has(key)) first.set(key, k);
    return first.get(key);
  });
}

/** Darkens hollows: each vertex by how much its neighbours stand above its tangent plane, smoothed over the surface. */
export function shadeHollows(geometry, strength = 0.55) {
  const index = geometry.index?.array, place = geometry.attributes.position, normal = geometry.attributes.normal;
  if (!index || !normal || geometry.attributes.color) return;
  const count = place.count;
  const same = welded(place);
  let hollow = new Float32Array(count);
  const degree = new Float32Array(count);
  const a = new Vector3(), b = new Vector3(), na = new Vector3(), nb = new Vector3();
  const edges = (visit) => {
    for (let k = 0; k < index.length; k += 3) for (let e = 0; e < 3; e++) visit(same[index[k + e]], same[index[k + ((e + 1) % 3)]]);
  };
  edges((i, j) => {
    a.fromBufferAttribute(place, i); b.fromBufferAttribute(place, j).sub(a);
    const long = b.length() || 1;
    na.fromBufferAttribute(normal, i); nb.fromBufferAttribute(normal, j);
    hollow[i] += b.dot(na) / long; hollow[j] -= b.dot(nb) / long;
    degree[i]++; degree[j]++;
  });
  for (let k = 0; k < count; k++) hollow[k] /= degree[k] || 1;
  for (let round = 0; round < 6; round++) {
    const next = new Float32Array(count);
    edges((i, j) => { next[i] += hollow[j]; next[j] += hollow[i]; });
    for (let k = 0; k < count; k++) hollow[k] = 0.4 * hollow[k] + 0.6 * (next[k] / (degree[k] || 1));
  }
  const colours = new Float32Array(3 * count);
  for (let k = 0; k < count; k++) {
    const here = hollow[same[k]];
    const level = 1 - strength * clip(here * 5) + 0.05 * clip(-here * 4);
    colours[3 * k] = level; colours[3 * k + 1] = level ** 1.1; colours[3 * k + 2] = level ** 1.2;
  }
  geometry.setAttribute("color", new BufferAttribute(colours, 3));
}

export const clay = (tint) => new MeshMatcapMaterial({ matcap: lightTable(), color: new Color(tint), vertexColors: true, side: DoubleSide });

/** A picture of an object on a flat canvas, seen along a direction (radians), lit from the upper left. */
export function flatten(canvas, object, azimuth, polar, tint) {
  const away = new Vector3(Math.sin(polar) * Math.sin(azimuth), Math.cos(polar), Math.sin(polar) * Math.cos(azimuth));
  const right = new Vector3(Math.cos(azimuth), 0, -Math.sin(azimuth)), up = away.clone().cross(right);
  const light = right.clone().multiplyScalar(-0.45).addScaledVector(up, 0.6).addScaledVector(away, 0.66);
  const triangles = [], point = new Vector3();
  const low = [Infinity, Infinity], high = [-Infinity, -Infinity];
  object.traverse((part) => {
    const index = part.geometry?.index?.array, place = part.geometry?.attributes.position;
    if (!index) return;
    const seen = Array.from({ length: place.count }, (_, k) => {
      point.fromBufferAttribute(place, k).applyMatrix4(part.matrixWorld);
      const flat = [point.dot(right), -point.dot(up)];
      flat.forEach((v, c) => { low[c] = Math.min(low[c], v); high[c] = Math.max(high[c], v); });
      return { flat, place: point.clone() };
    });
    for (let k = 0; k < index.length; k += 3) {
      const [a, b, c] = [seen[index[k]], seen[index[k + 1]], seen[index[k + 2]]];
      const normal = b.place.clone().sub(a.place).cross(c.place.clone().sub(a.place)).normalize();
      if (normal.dot(away) > 0) triangles.push({ flat: [a.flat, b.flat, c.flat], depth: a.place.dot(away), level: 0.5 + 0.55 * Math.max(0, normal.dot(light)) });
    }
  });
  triangles.sort((a, b) => a.depth - b.depth);
  const scale = 0.88 * Math.min(canvas.width / (high[0] - low[0]), canvas.height / (high[1] - low[1]));
  const context = canvas.getContext("2d");
  context.translate(canvas.width / 2 - (scale * (low[0] + high[0])) / 2, canvas.height / 2 - (scale * (low[1] + high[1])) / 2);
  const own = new Color(tint), shown = new Color();
  for (const { flat, level } of triangles) {
    context.beginPath();
    flat.forEach(([x, y], n) => context[n ? "lineTo" : "moveTo"](scale * x, scale * y));
    context.closePath();
    context.fillStyle = context.strokeStyle = `#${shown.copy(own).multiplyScalar(level * level).getHexString()}`;
    context.fill();
    context.stroke(); // no seams between neighbours
  }
}

/** The object's soft shadow on the floor: what stands low darkens most. */
export function shadow(object, box) {
  const margin = 0.05, size = 192;
  const wide = Math.max(box.max.x - box.min.x, box.max.z - box.min.z) + 2 * margin;
  const middle = box.getCenter(new Vector3());
  const depth = new Float32Array(size * size);
  const point = new Vector3();
  object.traverse((part) => {
    if (!part.isMesh) return;
    const place = part.geometry.attributes.position;
    for (let k = 0; k < place.count; k++) {
      point.fromBufferAttribute(place, k).applyMatrix4(part.matrixWorld);
      const column = Math.round(((point.x - middle.x) / wide + 0.5) * (size - 1));
      const row = Math.round(((point.z - middle.z) / wide + 0.5) * (size - 1));
      if (column < 0 || row < 0 || column >= size || row >= size) continue;
      const near = Math.exp(-(point.y - box.min.y) / 0.03);
      if (near > depth[row * size + column]) depth[row * size + column] = near;
    }
  });
  const soft = blurred(blurred(blurred(depth, size, 7), size, 6), size, 4);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  for (let k = 0; k < soft.length; k++) {
    image.data[4 * k] = 18; image.data[4 * k + 1] = 34; image.data[4 * k + 2] = 42;
    image.data[4 * k + 3] = 255 * Math.min(0.5, 0.75 * soft[k]);
  }
  context.putImageData(image, 0, 0);
  const texture = new CanvasTexture(canvas);
  texture.colorSpace = SRGBColorSpace;
  const plane = new Mesh(new PlaneGeometry(wide, wide), new MeshBasicMaterial({ map: texture, transparent: true, depthWrite: false }));
  plane.rotation.x = -Math.PI / 2;
  plane.position.set(middle.x, box.min.y - 0.0006, middle.z);
  return plane;
}

function blurred(values, size, radius) {
  let from = values;
  for (const step of [1, size]) {
    const to = new Float32Array(size * size);
    for (let line = 0; line < size; line++) {
      const start = step === 1 ? line * size : line;
      let sum = 0;
      for (let k = -radius; k < size; k++) {
        if (k + radius < size) sum += from[start + (k + radius) * step];
        if (k - radius - 1 >= 0) sum -= from[start + (k - radius - 1) * step];
        if (k >= 0) to[start + k * step] = sum / (2 * radius + 1);
      }
    }
    from = to;
  }
  return from;
}
