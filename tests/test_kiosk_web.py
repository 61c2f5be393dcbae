"""What the kiosk's pages load: built from a lock without hosts, the same bytes each time, with all licences; the
elements in a real browser under the kiosk's own policy, and nothing asked of anybody else."""

from __future__ import annotations

import filecmp
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footscan.types import Mesh
from station import fonts

ROOT = Path(__file__).resolve().parents[1]
WEB, BUILD = ROOT / "web", ROOT / "station" / "kiosk" / "static" / "build"
LOCK = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
CHROMIUM = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
#: bytes of our own that a page may load; the result's models come on top: 3 MB in all
MOST_SCRIPTS, MOST_STYLES, MOST_FONTS = 900_000, 150_000, 600_000


def packages(shipped: bool) -> dict[str, Any]:
    """Of the lock: those that pages carry, or all."""
    found = {place.rpartition("node_modules/")[2]: entry for place, entry in LOCK["packages"].items() if place}
    return {name: entry for name, entry in found.items() if not (shipped and entry.get("dev"))}


@pytest.fixture(scope="module")
def built(tool: Callable[[str], str]) -> Path:
    """The pages as `make pages` builds them: nothing to do where they are up to date."""
    tool("npm")
    done = subprocess.run([tool("node"), str(WEB / "build.mjs")], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return BUILD


# ------------------------------------------------------------------ the lock and the build


def test_the_lock_names_no_host_and_pins_everything_by_hash() -> None:
    text = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in text and '"resolved"' not in text
    assert "omit-lockfile-registry-resolved=true" in (WEB / ".npmrc").read_text(encoding="utf-8").splitlines()
    assert all(entry["integrity"].startswith("sha512-") for entry in packages(shipped=False).values())
    about = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    for name, version in (about["dependencies"] | about["devDependencies"]).items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version) and packages(shipped=False)[name]["version"] == version, name


def test_everything_that_is_shipped_has_its_licence_beside_it(built: Path) -> None:
    told = (built / "licences.txt").read_text(encoding="utf-8")
    carried = set(json.loads((built / "build.json").read_text(encoding="utf-8"))["packages"])
    assert carried <= set(packages(shipped=True))
    for name in carried:
        assert f"{name} {packages(shipped=True)[name]['version']} (" in told, name
    for words in ("MIT License", "Apache License", "SIL OPEN FONT LICENSE", "Zero-Clause BSD"):
        assert words.lower() in told.lower(), words


def test_the_build_is_the_same_bytes_again(built: Path, tool: Callable[[str], str], tmp_path: Path) -> None:
    again = tmp_path / "again"
    command = [tool("node"), str(WEB / "build.mjs"), "--force", "--out", str(again)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    first, second = (sorted(p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file()) for f in (built, again))
    assert first == second
    assert filecmp.cmpfiles(built, again, first, shallow=False)[1:] == ([], [])
    sizes = json.loads((built / "build.json").read_text(encoding="utf-8"))["files"]
    assert sizes == {name: (built / name).stat().st_size for name in first if name != "build.json"}


def test_what_has_not_changed_is_not_built_again(built: Path, tool: Callable[[str], str]) -> None:
    before = (built / "build.json").stat().st_mtime_ns
    done = subprocess.run([tool("node"), str(WEB / "build.mjs")], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
    assert (built / "build.json").stat().st_mtime_ns == before


def test_setup_without_npm_says_so_and_goes_on(tool: Callable[[str], str], tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes((ROOT / "Makefile").read_bytes())
    for name in ("sh", "python3"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(tool(name))
    done = subprocess.run(
        [tool("make"), "pages"], cwd=tmp_path, env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "npm is not here: the kiosk's pages are left out\n")


# ------------------------------------------------------------------ letters


def texts() -> set[str]:
    """Every letter of the Chinese texts."""
    places = [*(ROOT / "station" / "lang").glob("*.json"), *(ROOT / "station").glob("**/texts/*.json")]
    return {
        letter for place in places for letter in place.read_text(encoding="utf-8") if "\u4e00" <= letter <= "\u9fff"
    }


def test_one_small_file_a_weight_has_all_letters_of_our_texts(built: Path) -> None:
    style = (built / "kiosk.css").read_text(encoding="utf-8")
    faces = re.findall(r'"Noto Sans SC Texts";.*?url\(fonts/([\w-]+\.woff2)\).*?unicode-range:([^}]+)}', style)
    assert len(faces) == 2
    for file, ranges in faces:
        assert (built / "fonts" / file).stat().st_size < 400_000
        codes: set[int] = set()
        for part in ranges.split(","):
            low, _, high = part.strip().removeprefix("U+").partition("-")
            codes |= set(range(int(low, 16), int(high or low, 16) + 1))
        assert {ord(letter) for letter in texts()} <= codes


def test_the_pdf_font_has_all_letters_of_our_texts_and_of_names(built: Path) -> None:
    folder = fonts.chinese()
    assert folder == built / "print"
    had = fonts.letters(folder)
    assert {ord(letter) for letter in texts() | set("王小明璟祎鑫淼龘")} <= had
    assert 0x1F600 not in had and 0xFFFF not in had


# ------------------------------------------------------------------ colours


def contrast(one: str, other: str) -> float:
    """WCAG 2.2: relative luminances of two colours, #rrggbb."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_letters_and_controls_stand_out_from_their_ground() -> None:
    style = (WEB / "src" / "kiosk.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", style))
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    for ground in ("paper", "surface", "accent-soft"):
        for letters in ("ink", "faint", "accent", "good", "warn", "bad", "left", "right", "tape"):
            if ground != "accent-soft" or letters in ("ink", "faint"):
                assert contrast(colours[letters], colours[ground]) >= 4.5, (letters, ground)
    assert contrast(colours["accent-ink"], colours["accent"]) >= 4.5
    for ground in ("paper", "surface"):
        assert contrast(colours["line-strong"], colours[ground]) >= 3.0, ground
    staff = (WEB / "src" / "styles" / "staff.css").read_text(encoding="utf-8")
    badges = re.findall(r"background: (#[0-9a-f]{6}); color: (#[0-9a-f]{6})", staff)
    assert len(badges) >= 4 and all(contrast(*badge) >= 4.5 for badge in badges)


# ------------------------------------------------------------------ in a browser


def blob(rings: int = 24, around: int = 40) -> Mesh:
    """Half of an egg with its middle on the floor, about as large as a foot, foot frame."""
    v, u = np.meshgrid(
        np.linspace(0, np.pi / 2, rings), np.linspace(0, 2 * np.pi, around, endpoint=False), indexing="ij"
    )
    shape = [130 + 130 * np.sin(v) * np.cos(u), 48 * np.sin(v) * np.sin(u), 90 * np.cos(v)]
    k = np.arange(rings - 1)[:, None] * around
    a, b = k + np.arange(around), k + (np.arange(around) + 1) % around
    faces = np.concatenate([np.stack([a, a + around, b], -1), np.stack([b, a + around, b + around], -1)]).reshape(-1, 3)
    return Mesh(np.stack(shape, axis=-1).reshape(-1, 3), faces, "foot")


@pytest.fixture(scope="module")
def gallery(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The gallery on loopback over small data of its own."""
    import uvicorn

    from station.glb import coloured_glb_bytes

    data = tmp_path_factory.mktemp("gallery")
    mesh = blob()
    model = coloured_glb_bytes(mesh, np.zeros(len(mesh.faces), dtype=bool))
    ring = [[180, 60 * np.cos(t), 40 + 30 * np.sin(t)] for t in np.linspace(0, 6.28, 30)]
    tapes = {"tapes": [{"key": "ball_girth_mm", "label": "Ball girth", "text": "245 mm", "points": ring}]}
    for side in ("left", "right"):
        (data / f"{side}.glb").write_bytes(model)
        (data / f"{side}.insole.glb").write_bytes(model)
        (data / f"{side}.en.json").write_text(json.dumps(tapes), encoding="utf-8")
    cells = [[x * 20.0, y * 20.0, 20.0, 20.0] for y in range(5) for x in range(3)]
    (data / "layout.json").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    drawn = {"cells": cells, "values": list(range(0, 150, 10)), "full_scale_kpa": 300, "cop": [[20, 10], [22, 70]]}
    (data / "peaks.json").write_text(json.dumps(drawn), encoding="utf-8")
    series = [{"name": "Left", "side": "left", "values": [1, 2, 3]}]
    (data / "bars.json").write_text(json.dumps({"unit": "kPa", "categories": ["a", "b", "c"], "series": series}))
    (data / "force.json").write_text(json.dumps({"unit": "N", "time_s": [0, 1, 2], "series": series}))
    np.save(data / "cloud.npy", mesh.vertices.astype("<f4"))
    np.save(data / "walk.npy", np.tile(np.arange(15, dtype=np.uint8), (140, 1)))
    sys.path.insert(0, str(WEB / "gallery"))
    try:
        from serve import app
    finally:
        sys.path.remove(str(WEB / "gallery"))
    server = uvicorn.Server(uvicorn.Config(app(data), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(200):
        if server.started:
            break
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser(tool: Callable[[str], str]) -> Iterator[Any]:
    """Debian's own Chromium without a head, drawing 3D in software."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=tool("chromium"), args=list(CHROMIUM))
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, gallery: str) -> Iterator[Any]:
    """A page that notes what it says and asks for; both must be clean at the end."""
    context = browser.new_context(viewport={"width": 900, "height": 700}, reduced_motion="reduce")
    opened = context.new_page()
    opened.said, opened.asked = [], []
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.on("request", lambda request: opened.asked.append(request.url))
    yield opened
    context.close()
    assert [text for text in opened.said if "GPU stall" not in text and "GL Driver" not in text] == []
    assert all(url.startswith((gallery, "data:", "blob:")) for url in opened.asked)


def test_every_element_draws_under_the_strict_policy_and_a_page_weighs_little(page: Any, gallery: str) -> None:
    weights: dict[str, int] = {}
    page.on("response", lambda r: weights.update({r.url: len(r.body())}) if "/static/build/" in r.url else None)
    page.goto(f"{gallery}/result.html?lang=en")
    for name, count, state in (
        ("foot", 2, "ready"),
        ("insole", 2, "ready"),
        ("heatmap", 1, "done"),
        ("chart", 2, "ready"),
    ):
        for k in range(count):
            page.locator(f"plantar-{name}[data-state={state}]").nth(k).wait_for(timeout=20_000)
    label = page.locator(".solid-label").first
    label.click()
    assert label.get_attribute("aria-pressed") == "true" and label.inner_text().split() == [
        "Ball",
        "girth",
        "245",
        "mm",
    ]
    assert page.locator("plantar-chart tbody td").first.text_content() == "1 kPa"
    kinds = {"js": MOST_SCRIPTS, "css": MOST_STYLES, "woff2": MOST_FONTS}
    kinds["js"] += (BUILD / "chunks" / next(p.name for p in BUILD.glob("chunks/chart-*.js"))).stat().st_size
    for kind, most in kinds.items():
        assert sum(size for url, size in weights.items() if url.endswith("." + kind)) < most, (kind, weights)


def test_the_preview_and_the_heat_map_say_when_they_are_done(page: Any, gallery: str) -> None:
    page.add_init_script("document.addEventListener('plantar-done', (e) => { document.body.id = e.detail.state; })")
    for name, element in (("scan", "plantar-preview"), ("walk", "plantar-heatmap")):
        page.goto(f"{gallery}/{name}.html?lang=en")
        page.locator("body#done").wait_for(timeout=20_000)
        assert page.locator(f"{element}[data-state=done]").count() == 1


PARTS = ("welcome", "consent", "who", "prepare", "score", "takeaway")


def serious(page: Any, address: str) -> list[tuple[str, str]]:
    """What axe finds on a page that keeps somebody out."""
    page.goto(address)
    page.evaluate((WEB / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']}).then((r) => r.violations)")
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]


def test_nothing_serious_is_found_by_axe_in_a_part(page: Any, gallery: str, rng: np.random.Generator) -> None:
    name = PARTS[rng.integers(len(PARTS))]
    assert serious(page, f"{gallery}/{name}.html?lang=zh") == [], name


@pytest.mark.prove
def test_nothing_serious_is_found_by_axe_in_any_part(page: Any, gallery: str) -> None:
    for name in PARTS:
        for lang in ("en", "zh"):
            assert serious(page, f"{gallery}/{name}.html?lang={lang}") == [], name


def test_without_webgl_a_foot_is_a_flat_picture(page: Any, gallery: str) -> None:
    page.add_init_script(
        "const own = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext = "
        "function (kind, ...more) { return kind.startsWith('webgl') ? null : own.call(this, kind, ...more); }"
    )
    page.goto(f"{gallery}/result.html?lang=en")
    page.locator("plantar-foot[data-state=poster]").nth(1).wait_for(timeout=20_000)
    picture = page.locator("plantar-foot canvas").first
    assert picture.get_attribute("aria-label") == "Left foot"
    drawn = picture.evaluate(
        "(canvas) => canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[3]"
    )
    assert drawn == 255
