"""Takes pictures of every screen of the kiosk into docs/img/kiosk, and some of them as one picture,
docs/img/kiosk.webp: `python docs/kiosk_screens.py`.

Both languages, on a portrait screen, a landscape screen and a phone, as a real kiosk on simulated devices shows them to
a real browser. A picture is as large as the screen, that of a long page as long as the page; all of them reduced, so
that they stay small together.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))

from kiosk_browser import SIZES, Kiosk, Visitor, chromium, kiosk

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "img" / "kiosk"
MOST_BYTES = 6_000_000  #: all together
WIDTHS = {"portrait": 540, "landscape": 800, "phone": 390}  #: of a picture, px
QUALITY = 80
SETTLE_MS = 700  #: until 3D and letters stand on a size that is new
STEPS_MS = 2500  #: until something was pressed
STUDIO = "steps = 60\n"  #: so that a walk goes on until its pictures are taken
#: the first scan is bad, so that every screen is seen; both take a moment, to be seen on every size
OPTIONS = ("--scan", "sim:feet?seed=4&seconds=6&fault=moved")
LONG = ("result",)


def keep(data: bytes, folder: Path, screen: str, lang: str, size: str) -> None:
    """A picture of a screen (PNG), small, under its name."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    high = round(picture.height * WIDTHS[size] / picture.width)
    small = picture.resize((WIDTHS[size], high), Image.Resampling.LANCZOS)
    small.save(folder / f"{screen}_{lang}_{size}.webp", quality=QUALITY, method=6)


def asked(doc: str | None, folder: Path, words: Sequence[str] | None) -> argparse.Namespace:
    """Which languages, into which folder; it is there then."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0] if doc else None)
    parser.add_argument("--folder", type=Path, default=folder)
    parser.add_argument("--lang", action="append", choices=("en", "zh"))
    args = parser.parse_args(words)
    args.folder.mkdir(parents=True, exist_ok=True)
    return args


def weighed(folder: Path, most_bytes: int) -> int:
    """Says how many pictures there are; the exit code: 1 where they are too large together."""
    sizes = [path.stat().st_size for path in folder.glob("*.webp")]
    print(f"{len(sizes)} pictures, {sum(sizes) / 1e6:.1f} MB")
    return 0 if sum(sizes) <= most_bytes else 1


@dataclass(frozen=True)
class Camera:
    """Takes pictures of what a visitor sees."""

    folder: Path
    lang: str

    def take(self, visitor: Visitor, screen: str) -> None:
        """On every size, largest first; the visitor's own size afterwards."""
        if screen == "walk":
            visitor.page.locator(".heatmap[data-state=walking]").wait_for()
            visitor.page.wait_for_timeout(STEPS_MS)
        for size, (width, height) in SIZES.items():
            visitor.page.set_viewport_size({"width": width, "height": height})
            visitor.page.wait_for_timeout(SETTLE_MS)
            if screen in LONG:  # its buttons float over its end, not over its middle
                visitor.page.evaluate("document.querySelector('.actions').style.position = 'static'")
            data = visitor.page.screenshot(full_page=screen in LONG, animations="disabled")
            keep(data, self.folder, screen, self.lang, size)
        width, height = visitor.size
        visitor.page.set_viewport_size({"width": width, "height": height})
        if screen == "walk":
            visitor.page.locator("form[action$=enough] button").click()


def customer(one: Kiosk, lang: str, folder: Path) -> None:
    """Every screen of the customer's way, and what stands beside it."""
    camera = Camera(folder, lang)
    with chromium(one) as browser, Visitor(browser, one, at=camera.take) as visitor:
        visitor.walk(lang)
        page = visitor.page
        page.locator("[popovertarget=erase]").first.click()
        camera.take(visitor, "erase")
        page.locator("#erase form button").click()
        page.locator("main[data-screen=erased]").wait_for()
        camera.take(visitor, "erased")
    with chromium(one) as browser, Visitor(browser, one) as visitor:
        visitor.begin(lang)
        visitor.page.locator("#code").fill("no such card")
        visitor.page.locator("form:has(#code) button").click()
        visitor.page.locator(".note").wait_for()
        camera.take(visitor, "card")
        visitor.page.locator("form[action*=minor] button").click()
        visitor.reached("guardian")
        camera.take(visitor, "guardian")
        visitor.page.locator("[popovertarget=leave]").first.click()
        camera.take(visitor, "leave")
        visitor.page.locator("#leave form button").click()
        visitor.reached("welcome")
    with chromium(one) as browser, Visitor(browser, one) as visitor:
        visitor.walk(lang, feet="left", stance="sitting")
        camera.take(visitor, "one_foot")
        visitor.open(str(visitor.page.locator("a[href*='/t/']").first.get_attribute("href")).rpartition("/")[0])
        camera.take(visitor, "phone")
        visitor.open("/t/nothing")
        camera.take(visitor, "error")


# ------------------------------------------------------------------ one picture of it all

TOGETHER = ROOT / "docs" / "img" / "kiosk.webp"
ROOM, LIGHT, FRAME, SHADE = (1600, 900), (213, 227, 224), (18, 30, 36), (14, 34, 40)
#: picture, left and top corner, width and height, of the frame around it and of its corners, px
SHOWN = (
    ("walk_en_portrait", (70, 60), (439, 780), 10, 22),
    ("result_en_landscape", (585, 60), (592, 370), 10, 22),
    ("score_en_landscape", (585, 470), (592, 370), 10, 22),
    ("choose_zh_phone", (1258, 150), (277, 600), 9, 34),
)


def rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """A mask with soft edges."""
    large = Image.new("L", (2 * size[0], 2 * size[1]))
    ImageDraw.Draw(large).rounded_rectangle((0, 0, large.width - 1, large.height - 1), 2 * radius, fill=255)
    return large.resize(size, Image.Resampling.LANCZOS)


def together(folder: Path, place: Path) -> None:
    """Some screens side by side, as they stand in a studio and in a hand."""
    room = Image.new("RGB", ROOM, LIGHT)
    for name, (left, top), (wide, high), edge, corner in SHOWN:
        with Image.open(folder / f"{name}.webp") as taken:
            screen = taken.convert("RGB").resize((wide, round(taken.height * wide / taken.width)))
        box = rounded((wide + 2 * edge, high + 2 * edge), corner)
        shadow = Image.new("L", ROOM)
        shadow.paste(box.point([round(0.34 * k) for k in range(256)]), (left - edge, top - edge + 18))
        room.paste(SHADE, (0, 0, *ROOM), shadow.filter(ImageFilter.GaussianBlur(22)))
        room.paste(FRAME, (left - edge, top - edge, left + wide + edge, top + high + edge), box)
        room.paste(screen.crop((0, 0, wide, high)), (left, top), rounded((wide, high), corner - edge))
    room.save(place, quality=86, method=6)


def main(words: Sequence[str] | None = None) -> int:
    args = asked(__doc__, FOLDER, words)
    for lang in args.lang or ("en", "zh"):
        with tempfile.TemporaryDirectory() as place:
            studio = Path(place) / "studio"
            studio.mkdir()
            (studio / "studio.toml").write_text(STUDIO, encoding="utf-8")
            with kiosk(studio, *OPTIONS) as one:
                customer(one, lang, args.folder)
    if args.folder == FOLDER and not args.lang:
        together(FOLDER, TOGETHER)
    return weighed(args.folder, MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
