// The fonts of the pages and of the PDF, all under the Open Font License.
//
// Pages: Inter for Latin letters. For Chinese one small file a weight with the letters of our own texts (one request
// instead of thirty), and behind it Noto Sans SC in slices by unicode-range, for names that people type.
// PDF: Noto Sans SC whole in its regular weight; semibold with daily letters only (Latin, GB 2312), rarer ones fall back.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const INTER = "@fontsource-variable/inter";
const SLICED = "@fontsource-variable/noto-sans-sc";
const WHOLE = "@expo-google-fonts/noto-sans-sc";
const WEIGHTS = { 400: "400Regular/NotoSansSC_400Regular.ttf", 600: "600SemiBold/NotoSansSC_600SemiBold.ttf" };
const INTER_SUBSETS = { latin: "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+2000-206F,U+20AC,U+2122,U+2190-2193,U+2212,U+2215,U+FEFF,U+FFFD",
  "latin-ext": "U+0100-0130,U+0132-0151,U+0154-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+1E00-1E9F,U+1EF2-1EFF,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF" };

const isChinese = (letter) => /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u{20000}-\u{323af}]/u.test(letter);
const PUNCTUATION = "‘’“”…—·"; // of full width in Chinese text: kiosk.css puts this font first there
const face = (family, weight, file, range) =>
  `@font-face{font-family:"${family}";font-style:normal;font-weight:${weight};font-display:swap;src:url(fonts/${file}) format("woff2");unicode-range:${range}}\n`;

/** All letters of GB 2312, the hanzi of daily use, and those of Latin. */
function daily() {
  const latin = Array.from({ length: 0x180 - 0x20 }, (_, k) => String.fromCodePoint(0x20 + k)).join("");
  const bytes = [];
  for (let high = 0xa1; high <= 0xf7; high++) for (let low = 0xa1; low <= 0xfe; low++) bytes.push(high, low);
  return latin + "–—‘’“”…−≤≥≈" + new TextDecoder("gbk").decode(Uint8Array.from(bytes)).replace(/[\ufffd\ue000-\uf8ff]/g, "");
}

/** Letters as a CSS unicode-range. */
function ranges(letters) {
  const codes = [...letters].map((letter) => letter.codePointAt(0)).sort((a, b) => a - b);
  const out = [];
  for (let k = 0; k < codes.length; ) {
    let end = k;
    while (codes[end + 1] === codes[end] + 1) end++;
    out.push(`U+${codes[k].toString(16)}${end > k ? `-${codes[end].toString(16)}` : ""}`);
    k = end + 1;
  }
  return out.join(",");
}

/** Writes fonts/, print/, fonts.css (the slices) and the head of kiosk.css into a folder; the packages that they came from. */
export async function makeFonts(modules, folder, texts) {
  const subset = (await import("subset-font")).default;
  mkdirSync(join(folder, "fonts"), { recursive: true });
  mkdirSync(join(folder, "print"), { recursive: true });
  let css = "";
  let slices = "";
  for (const [name, range] of Object.entries(INTER_SUBSETS)) {
    const file = `inter-${name}-opsz-normal.woff2`;
    copyFileSync(join(modules, INTER, "files", file), join(folder, "fonts", file));
    css += face("Inter", "100 900", file, range);
  }
  for (const [, body] of readFileSync(join(modules, SLICED, "wght.css"), "utf8").matchAll(/@font-face\s*{([^}]*)}/g)) {
    const file = /files\/([\w-]+\.woff2)/.exec(body)[1];
    if (!/noto-sans-sc-\d+-/.test(file)) continue; // Latin, Cyrillic and Vietnamese are Inter's
    copyFileSync(join(modules, SLICED, "files", file), join(folder, "fonts", file));
    slices += face("Noto Sans SC", "100 900", file, /unicode-range:\s*([^;]+)/.exec(body)[1].trim());
  }
  const shown = [...new Set([...texts].filter(isChinese)), ...PUNCTUATION].sort().join("");
  for (const [weight, place] of Object.entries(WEIGHTS)) {
    const whole = readFileSync(join(modules, WHOLE, place));
    const file = `texts-sc-${weight}.woff2`;
    writeFileSync(join(folder, "fonts", file), await subset(whole, shown, { targetFormat: "woff2" }));
    css += face("Noto Sans SC Texts", weight === "400" ? "1 500" : "501 900", file, ranges(shown));
    const print = join(folder, "print", place.split("/")[1]);
    if (weight === "400") writeFileSync(print, whole);
    else writeFileSync(print, await subset(whole, daily(), { targetFormat: "truetype" }));
  }
  writeFileSync(join(folder, "fonts.css"), slices);
  writeFileSync(join(folder, "kiosk.css"), css + readFileSync(join(folder, "kiosk.css"), "utf8"));
  return [INTER, SLICED, WHOLE];
}
