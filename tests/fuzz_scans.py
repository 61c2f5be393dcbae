"""Damages small valid scan files at random and reads them: a ReadError or a sound scan must come out, soon, in little
memory.

    python tests/fuzz_scans.py --count 2000 --seed 7        prints the seed, and each failure with how to repeat it

Sound: at least one point, all finite and within the limit, face indices in range. Slow is over ten seconds, large is a
peak of memory above a gigabyte. An error that is no ReadError ends the run with a note on how to repeat the case.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
from scan_files import Sample, glb, package, samples

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from footscan.errors import ReadError
from footscan.io import read_geometry
from footscan.io.validate import MAX_ABS_MM
from footscan.types import Mesh, PointCloud

SLOW_S, LARGE_KB = 10.0, 1024**2
NASTY_WORDS = [b"nan", b"-inf", b"1e999", b"-1", b"0", b"4294967295", b"99999999999999999999", b"1e8", b"0x10", b"1_0"]
NASTY_WORDS += [
    b"",
    b" ",
    b"\n",
    b",",
    b"#",
    b"/",
    b"3000000000",
    b"2147483648",
    b"-2147483648",
    b"1e-400",
    b"\xff",
    b"\0",
]
NASTY_INTS = [0, 1, 2, 12, 13, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1]
NASTY_FLOATS = [np.nan, np.inf, -np.inf, 3.4e38, 1e9, -0.0]


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to four injuries."""
    for _ in range(int(rng.integers(1, 5))):
        data = _injured(data, other, rng)
    return data


def _injured(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    if not data:
        return other
    at = int(rng.integers(len(data)))
    size = int(rng.choice([1, 2, 4, 12, 50, len(data)]))
    match int(rng.integers(10)):
        case 0:  # a bit
            return data[:at] + bytes((data[at] ^ (1 << int(rng.integers(8))),)) + data[at + 1 :]
        case 1:  # bytes
            return data[:at] + rng.bytes(size) + data[at + size :]
        case 2:  # cut off
            return data[:at]
        case 3:  # left out
            return data[:at] + data[at + size :]
        case 4:  # twice
            return data[: at + size] + data[at:]
        case 5:  # a piece of another
            start = int(rng.integers(len(other)))
            return data[:at] + other[start : start + size] + data[at:]
        case 6:  # an odd integer
            value = struct.pack(str(rng.choice(["<I", ">I"])), int(rng.choice(NASTY_INTS)))
            return data[:at] + value + data[at + 4 :]
        case 7:  # an odd float
            value = struct.pack(str(rng.choice(["<f", ">f", "<d"])), float(rng.choice(NASTY_FLOATS)))
            return data[:at] + value + data[at + len(value) :]
        case 8:  # an odd word for a word
            return _other_word(data, NASTY_WORDS[int(rng.integers(len(NASTY_WORDS)))], at)
        case _:  # a word in front
            return data[:at] + NASTY_WORDS[int(rng.integers(len(NASTY_WORDS)))] + data[at:]


def _other_word(data: bytes, word: bytes, at: int) -> bytes:
    """The word around a place replaced (words end at spaces, quotes, commas, brackets)."""
    ends = b' \t\r\n",:/[]{}<>='
    start = max((data.rfind(bytes((end,)), 0, at) for end in ends), default=-1) + 1
    stop = min((found for end in ends if (found := data.find(bytes((end,)), at)) >= 0), default=len(data))
    return data[:start] + word + data[stop:]


def case(number: int, seed: int, valid: list[Sample]) -> tuple[Sample, str, bytes]:
    """Case ``number`` of a run: the sample, the suffix that the file gets, the damaged bytes."""
    rng = np.random.default_rng((seed, number))
    sample, other = (valid[int(i)] for i in rng.integers(len(valid), size=2))
    suffix = sample.suffix if rng.random() < 0.9 else str(rng.choice([s.suffix for s in valid] + ["", ".dat"]))
    if sample.format == "3mf" and rng.random() < 0.7:  # a whole package of damaged parts
        parts = _parts(sample.data)
        name = str(rng.choice(sorted(parts)))
        data = package(parts | {name: mutated(parts[name].encode(), other.data, rng).decode("latin-1")})
    elif sample.suffix == ".glb" and rng.random() < 0.7:  # a whole container of a damaged document
        length = struct.unpack("<I", sample.data[12:16])[0]
        text, binary = sample.data[20 : 20 + length], sample.data[28 + length :]
        data = glb(mutated(text, other.data, rng), mutated(binary, other.data, rng) if rng.random() < 0.3 else binary)
    else:
        data = mutated(sample.data, other.data, rng)
    return sample, suffix, data


def _parts(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def verdict(path: Path) -> str:
    """ "refused", "read", or what is wrong with the reader."""
    begun = time.perf_counter()
    try:
        found = read_geometry(path)
    except ReadError as error:
        message = str(error)
        if str(path) not in message or "\n" in message:
            return f"WRONG: a message that does not name the file on one line: {message!r}"
        result = "refused"
    else:
        result = _unsound(found) or "read"
    seconds = time.perf_counter() - begun
    return f"WRONG: slow, {seconds:.1f} s" if seconds > SLOW_S else result


def _unsound(found: PointCloud | Mesh) -> str | None:
    points = found.vertices if isinstance(found, Mesh) else found.points
    if len(points) == 0 or not (np.abs(points) < MAX_ABS_MM).all():
        return "WRONG: no points, or not finite, or beyond the limit"
    if isinstance(found, Mesh) and (len(found.faces) == 0 or found.faces.min() < 0 or found.faces.max() >= len(points)):
        return "WRONG: no faces or indices out of range"
    if isinstance(found, PointCloud) and found.normals is not None and not np.isfinite(found.normals).all():
        return "WRONG: normals that are not finite"
    return None


def run(count: int, seed: int, folder: Path, first: int = 0) -> tuple[Counter[str], list[str]]:
    """Cases ``first`` to ``first + count``: how many were read and refused, and a line for each failure."""
    valid = samples()
    tally: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(first, first + count):
        sample, suffix, data = case(number, seed, valid)
        path = folder / f"case{suffix}"
        path.write_bytes(data)
        again = f"{sample.name}, repeat with --first {number} --count 1 --seed {seed}"
        try:
            result = verdict(path)
        except BaseException as error:
            error.add_note(again)
            raise
        path.unlink()
        tally[result.split(":")[0]] += 1
        if result.startswith("WRONG"):
            wrong.append(f"{result} ({again})")
    return tally, wrong


def own_peak_kb() -> int:
    """The most memory that this process has had (the kernel's getrusage counts what its parent held)."""
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1])


def main() -> int:
    """Run, print, and say by the exit code whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args()
    print(f"fuzz_scans: {chosen.count} cases from {chosen.first}, seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tally, wrong = run(chosen.count, chosen.seed, Path(folder), chosen.first)
    peak_kb = own_peak_kb()
    if peak_kb > LARGE_KB:
        wrong.append(f"large: a peak of {peak_kb} KB")
    print("\n".join(wrong), end="\n" if wrong else "")
    print(json.dumps(dict(tally) | {"peak_kb": peak_kb}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
