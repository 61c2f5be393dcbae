// How a surface looks: its light, its hollows, the cut of its leg, its shadow.
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

const OPEN_ABOVE_MM = 45, LEG_MM = 96;

/**
 * Cuts a foot off flat where its leg begins to fray, as a plaster cast stands: everything above the lowest open edge of
 * the leg goes (or above LEG_MM), and a lid closes it. `up` is the index of the coordinate that points up, `mm` a unit in mm.
 */
export function cutLeg(geometry, up, mm) {
  const index = geometry.index?.array;
  if (!index) return;
  const place = geometry.attributes.position, normal = geometry.attributes.normal;
  const height = (k) => place.getComponent(k, up) * mm;
  const edges = new Map();
  for (let k = 0; k < index.length; k += 3) for (let e = 0; e < 3; e++) {
    const a = index[k + e], b = index[k + ((e + 1) % 3)];
    const key = a < b ? a * place.count + b : b * place.count + a;
    edges.set(key, (edges.get(key) ?? 0) + 1);
  }
  let floor = Infinity, open = Infinity;
  for (let k = 0; k < place.count; k++) floor = Math.min(floor, height(k));
  for (const [key, count] of edges) {
    if (count > 1) continue;
    for (const k of [Math.floor(key / place.count), key % place.count]) {
      const h = height(k) - floor;
      if (h > OPEN_ABOVE_MM) open = Math.min(open, h);
    }
  }
  const cut = floor + Math.min(open - 1, LEG_MM);
  const points = [], normals = [], faces = [], rim = [], made = new Map();
  for (let k = 0; k < place.count; k++) {
    points.push(place.getX(k), place.getY(k), place.getZ(k));
    normals.push(normal.getX(k), normal.getY(k), normal.getZ(k));
  }
  const crossing = (a, b) => {
    const key = a < b ? a * place.count + b : b * place.count + a;
    if (!made.has(key)) {
      const t = (cut - height(a)) / (height(b) - height(a));
      for (const [list, from] of [[points, place], [normals, normal]]) for (let c = 0; c < 3; c++) list.push(mix(from.getComponent(a, c), from.getComponent(b, c), t));
      made.set(key, points.length / 3 - 1);
    }
    return made.get(key);
  };
  for (let k = 0; k < index.length; k += 3) {
    const corner = [index[k], index[k + 1], index[k + 2]];
    const low = corner.map((c) => height(c) <= cut);
    const count = low.filter(Boolean).length;
    if (count === 3) faces.push(...corner);
    if (count === 0 || count === 3) continue;
    const first = low.findIndex((is, c) => is === (count === 1));
    const [a, b, c] = [0, 1, 2].map((n) => corner[(first + n) % 3]); // a: the one that is alone on its side
    const ab = crossing(a, b), ac = crossing(a, c);
    if (count === 1) { faces.push(a, ab, ac); rim.push([ab, ac]); }
    else { faces.push(ab, b, c, ab, c, ac); rim.push([ac, ab]); }
  }
  if (rim.length > 2) {
    const centre = [0, 0, 0], lid = new Map();
    const add = (k) => {
      if (!lid.has(k)) {
        lid.set(k, points.length / 3);
        for (let c = 0; c < 3; c++) { points.push(points[3 * k + c]); normals.push(c === up ? 1 : 0); centre[c] += points[3 * k + c]; }
      }
      return lid.get(k);
    };
    const pairs = rim.map(([a, b]) => [add(a), add(b)]);
    const middle = points.length / 3;
    for (let c = 0; c < 3; c++) { points.push(centre[c] / lid.size); normals.push(c === up ? 1 : 0); }
    for (const [a, b] of pairs) faces.push(middle, b, a);
  }
  // only what is still used
  const kept = new Map();
  const renamed = faces.map((k) => kept.get(k) ?? (kept.set(k, kept.size), kept.size - 1));
  const of = (list) => new BufferAttribute(Float32Array.from([...kept.keys()].flatMap((k) => list.slice(3 * k, 3 * k + 3))), 3);
  geometry.setAttribute("position", of(points));
  geometry.setAttribute("normal", of(normals));
  geometry.setIndex(renamed);
}

export function clay(tint) {
  const made = new MeshMatcapMaterial({ matcap: lightTable(), color: new Color(tint), vertexColors: true, side: DoubleSide });
  // where a surface folds over itself (the roots of toes) its back is lit like its front, so that no fold is seen
  made.onBeforeCompile = (shader) => {
    shader.fragmentShader = shader.fragmentShader.replace("#include <normal_fragment_begin>",
      "float faceDirection = 1.0; vec3 normal = normalize(vNormal); vec3 nonPerturbedNormal = normal;");
  };
  return made;
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
