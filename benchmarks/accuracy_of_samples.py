"""The sample feet of the shared data: what is measured of each, how its file format and its points matter."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import families
import numpy as np
from figures_of_accuracy import LIMITS

import footscan
from footscan.feet import SAMPLES_PER_MM2, find_feet
from footscan.measures import KEYS
from footscan.meshes import area_mm2, sample_surface
from footscan.page import png
from footscan.types import Foot, FootMeasurements, Mesh, PointCloud

SCANS = families.ROOT.parent / "shared" / "data" / "scans"
KINDS = (".stl", ".obj", ".ply", ".glb")
PICTURE_PX = 1100
ADULT = ("standing_adult_left/left_foot.stl", "standing_adult_left/left_foot.obj")
SAME_MM, FEWER_MM, ADULT_MM = 0.3, 0.5, (275.6, 1.5)  #: asked: between formats, of a tenth of the points, its length


def real_feet(folder: Path) -> Iterator[str]:
    """The chapter on real feet; its pictures are put into ``folder``. Nothing where the shared data are absent."""
    if not SCANS.is_dir():
        return
    yield "## Real feet\n"
    found: dict[str, Foot] = {}
    yield "| scan | side | score | reasons |\n|---|---|---|---|"
    for path in sorted(p for p in SCANS.glob("*/*") if p.suffix in KINDS):
        name = path.relative_to(SCANS).as_posix()
        try:
            foot = find_feet(footscan.read_scan(path))[0]
        except (footscan.ScanError, footscan.ReadError) as error:
            yield f"| {name} | – | – | refused: {reason(error, path)} |"
            continue
        found[name] = foot
        m = foot.measurements
        yield f"| {name} | {m.side} | {m.score} | {', '.join(r.code for r in m.reasons) or 'none'} |"
    yield ""
    if set(ADULT) <= set(found):
        yield from adult(found)
    yield "Values ± `sd_total` (with a scanner's and the stance's own share) / `sd`; load unknown.\n"
    for group in dict.fromkeys(name.split("/")[0] for name in found):
        yield from table({n: f.measurements for n, f in found.items() if n.startswith(group + "/") and n != ADULT[1]})
    for name, foot in found.items():
        if name != ADULT[1]:
            picture = f"accuracy_{name.rsplit('.', 1)[0].replace('/', '_')}.png"
            (folder / picture).write_bytes(portrait(foot))
            yield f"![{name}, measured](img/{picture})\n"


def reason(error: Exception, path: Path) -> str:
    """The message without the path of this machine."""
    return str(error).removeprefix(f"{path}: ")


def table(feet: Mapping[str, FootMeasurements]) -> Iterator[str]:
    """A row a measure, a column a scan."""
    yield "| measure | " + " | ".join(name.rsplit("/", 1)[1] for name in feet) + " |"
    yield "|---|" + "---|" * len(feet)
    for key in KEYS:
        cells = []
        for m in feet.values():
            value = m.values[key]
            if isinstance(value.value, float) and value.sd is not None and value.sd_total is not None:
                places = 1 if key.endswith(("_mm", "_deg", "_ml")) else 3
                cells.append(f"{value.value:.{places}f} ± {value.sd_total:.{places}f} / {value.sd:.{places + 1}f}")
            else:
                cells.append("–" if value.value is None else str(value.value))
        yield f"| `{key}` | " + " | ".join(cells) + " |"
    yield ""


def apart(a: FootMeasurements, b: FootMeasurements) -> tuple[float, str]:
    """The largest difference of two results and its measure (those with a limit)."""
    return max((abs(x - y), k) for k in LIMITS if (x := a[k]) is not None and (y := b[k]) is not None)


def verdict(kept: bool) -> str:
    return "" if kept else " **Missed.**"


def adult(feet: Mapping[str, Foot]) -> Iterator[str]:
    """STL against OBJ, its length, a tenth of the points against all of them."""
    first, second = (feet[name].measurements for name in ADULT)
    most, key = apart(first, second)
    yield (
        f"- Standing adult, STL against OBJ: `{key}` differs most, by {most:.2f} mm or degrees"
        f" (asked ≤ {SAME_MM} mm).{verdict(most <= SAME_MM)}"
    )
    tip = feet[ADULT[0]].landmarks.points["longest_toe"]
    straight = float(np.hypot(tip[0], tip[1]))
    length, most = ADULT_MM
    yield (
        f"- Its length is {first['foot_length_mm']:.1f} mm along `{first.values['foot_length_mm'].method}`; straight"
        f" from the pternion to the foremost toe {straight:.1f} mm"
        f" (asked {length} ± {most}).{verdict(abs(straight - length) <= most)}"
    )
    scan = footscan.read_scan(SCANS / ADULT[0])
    if not isinstance(scan.geometry, Mesh):
        return
    dense = int(SAMPLES_PER_MM2 * area_mm2(scan.geometry))
    results = []
    for count in (dense, dense // 10):
        cloud = PointCloud(sample_surface(scan.geometry, count=count, seed=1).points)
        results.append(find_feet(replace(scan, geometry=cloud))[0].measurements)
    most, key = apart(*results)
    off = {k: abs(x - y) for k in LIMITS if (x := results[0][k]) is not None and (y := results[1][k]) is not None}
    wide = ", ".join(f"`{k}` {d:.2f}" for k, d in off.items() if d > FEWER_MM)
    yield (
        f"- {dense // 10:,} points of its skin against {dense:,}: the length differs by {off['foot_length_mm']:.2f} mm,"
        f" most differs `{key}` with {most:.2f} mm or degrees (asked ≤ {FEWER_MM} mm)."
        f"{verdict(not wide)}{' Beyond it: ' + wide + '.' if wide else ''}\n"
    )


def portrait(foot: Foot) -> bytes:
    """The measured foot from three sides, made small for the page."""
    from PIL import Image

    from footscan.plot_feet import measured_views

    image = Image.open(io.BytesIO(png(measured_views(foot)))).convert("RGB")
    image = image.resize((PICTURE_PX, round(image.height * PICTURE_PX / image.width)), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
