// Builds what the kiosk's pages load into station/kiosk/static/build: `node build.mjs` (`--force`: even when nothing
// changed; `--out DIR`: somewhere else). Until packages are needed only node itself is used; they come from the lock by
// `npm ci` without their install scripts. Same input, same bytes.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const WEB = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(WEB);
const KIOSK = join(ROOT, "station", "kiosk");
const TEXTS = [join(KIOSK, "texts"), join(ROOT, "station", "lang")]; // the letters that the pages surely show
const args = process.argv.slice(2);
const OUT = resolve(args.includes("--out") ? args[args.indexOf("--out") + 1] : join(KIOSK, "static", "build"));

function files(folder) {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );
  return found.sort();
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const slashed = (path) => path.split(sep).join("/");

/** One hash of everything that the build depends on. */
function fingerprint() {
  const own = [join(WEB, "build.mjs"), join(WEB, "fonts.mjs"), join(WEB, "package-lock.json"), ...files(join(WEB, "src"))];
  const texts = TEXTS.flatMap(files).filter((file) => file.endsWith(".json"));
  return sha256([...own, ...texts].map((file) => `${slashed(relative(ROOT, file))} ${sha256(readFileSync(file))}`).join("\n"));
}

/** Whether what was built came from this very input and is all there. */
function isUpToDate(inputs) {
  const place = join(OUT, "build.json");
  if (args.includes("--force") || !existsSync(place)) return false;
  const made = JSON.parse(readFileSync(place, "utf8"));
  return made.inputs === inputs && Object.entries(made.files).every(([name, size]) => {
    const file = join(OUT, name);
    return existsSync(file) && statSync(file).size === size;
  });
}

/** node_modules as the lock says; npm leaves a copy of the lock there, which tells whether it is. */
function install() {
  const stamp = join(WEB, "node_modules", ".plantar-lock");
  const lock = sha256(readFileSync(join(WEB, "package-lock.json")));
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const done = spawnSync(npm, ["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"], {
    cwd: WEB, stdio: ["ignore", "inherit", "inherit"], shell: process.platform === "win32",
  });
  if (done.status !== 0) throw new Error(`web: npm ci ended with ${done.status ?? done.error}; the kiosk's pages were not built`);
  writeFileSync(stamp, lock);
}

/** The licence of every package of which something is shipped, in one file. */
function licences(names) {
  const parts = [
    "What the kiosk's pages carry of others, each under its own licence. plantar itself: Apache-2.0.\n",
  ];
  for (const name of [...names].sort()) {
    const folder = join(WEB, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const texts = files(folder).map((file) => slashed(relative(folder, file)))
      .filter((file) => /^(licen[cs]es?\b|notice|copyright|ofl)/i.test(file) && !file.includes("node_modules/"));
    if (!texts.length) throw new Error(`web: ${name} ${about.version} has no licence file`);
    parts.push(`${"=".repeat(100)}\n${name} ${about.version} (${about.license})\n${"=".repeat(100)}\n`);
    for (const file of texts) parts.push(readFileSync(join(folder, file), "utf8").replace(/\r\n/g, "\n").trim() + "\n");
  }
  return parts.join("\n");
}

/** The footsteps of the first page as a still picture, as `elements/steps.js` places them: it is there before any script. */
function steps() {
  const lines = JSON.parse(readFileSync(join(WEB, "src", "elements", "steps.json"), "utf8")).filter(([level]) => level % 3 === 0);
  const paths = lines.map(([, ...flat]) => `<path d="M${flat.join(" ")}Z"/>`).join("");
  const long = 270, wide = long / 0.62, high = (2 * long) / 0.94;
  const prints = [0, 1, 2].map((k) => {
    const x = wide / 2 + (k % 2 ? 1 : -1) * 0.25 * long, y = high - 0.53 * long - (k / 2) * (high - 1.06 * long);
    return `<use href="#print" transform="translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${k % 2 ? -1 : 1} -1)"/>`;
  });
  const look = 'fill="var(--accent)" fill-opacity=".07" stroke="var(--accent)" stroke-opacity=".6"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide.toFixed(1)} ${high.toFixed(1)}"><defs><g id="print" ${look}>${paths}</g></defs><g id="steps">${prints.join("")}</g></svg>\n`;
}

async function build(inputs) {
  const esbuild = (await import("esbuild")).default;
  const { makeFonts } = await import("./fonts.mjs");
  const partial = `${OUT}.partial-${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const shipped = new Set();
  const common = {
    bundle: true, minify: true, metafile: true, write: true, outdir: partial, absWorkingDir: WEB, logLevel: "warning",
    target: ["chrome109", "firefox115", "safari16.4"], legalComments: "none", charset: "utf8",
  };
  const scripts = await esbuild.build({
    ...common, entryPoints: ["src/kiosk.js", "src/staff.js"], format: "esm", splitting: true, chunkNames: "chunks/[name]-[hash]",
  });
  const styles = await esbuild.build({ ...common, entryPoints: ["src/kiosk.css"], external: ["fonts/*"] });
  for (const made of [scripts, styles]) {
    for (const input of Object.keys(made.metafile.inputs)) {
      const found = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input);
      if (found) shipped.add(found[1]);
    }
  }
  cpSync(join(WEB, "src", "art"), join(partial, "art"), { recursive: true });
  writeFileSync(join(partial, "art", "steps.svg"), steps());
  const texts = TEXTS.flatMap(files).filter((file) => file.endsWith(".json")).map((file) => readFileSync(file, "utf8")).join("");
  for (const name of await makeFonts(join(WEB, "node_modules"), partial, texts)) shipped.add(name);
  writeFileSync(join(partial, "licences.txt"), licences(shipped));
  // what browsers take smaller is made smaller once
  for (const file of files(partial).filter((name) => /\.(js|css|svg)$/.test(name))) writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
  const sizes = Object.fromEntries(files(partial).map((file) => [slashed(relative(partial, file)), statSync(file).size]));
  writeFileSync(join(partial, "build.json"), JSON.stringify({ inputs, packages: [...shipped].sort(), files: sizes }, null, 1) + "\n");
  // whoever reads meanwhile finds the old or the new
  const old = `${OUT}.partial-${process.pid}-old`;
  if (existsSync(OUT)) renameSync(OUT, old);
  renameSync(partial, OUT);
  rmSync(old, { recursive: true, force: true });
  const bytes = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  console.log(`web: ${Object.keys(sizes).length} files, ${(bytes / 1e6).toFixed(1)} MB in ${slashed(relative(process.cwd(), OUT)) || "."}`);
}

const inputs = fingerprint();
if (!isUpToDate(inputs)) {
  install();
  await build(inputs);
}
