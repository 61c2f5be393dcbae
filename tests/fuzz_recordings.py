"""Damages small valid recordings of every format at random and reads them: a ReadError or a sound recording must come
out, soon, in little memory.

    python tests/fuzz_recordings.py --count 2000 --seed 7 --data ../shared/data

prints the seed, and each failure with how to repeat it. What is damaged: recordings that this file makes (``MAKERS``),
what every writer makes of them, and the beginnings of the real samples under ``--data`` (left out where it is absent),
now and then one of those as a whole. Formats come from the table of ``footscan.io``: a new one takes part as soon as it
has a row there and a sample, a writer or a maker.

Sound: parts or channels with frames; finite values, times and places; time that runs forwards; something valid. Slow is
over ten seconds, large is a peak of memory above a gigabyte. An error that is no ReadError or ScanError ends the run
with a note on how to repeat the case; a case of a minute ends it with a trace of where it hangs.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import io
import json
import re
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lab_files
import numpy as np
import recorded_files
import recording_texts
import test_io_novel as novel
import vendor_files
from fuzz_scans import own_peak_kb

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from footscan.errors import ReadError, ScanError
from footscan.io import FORMATS, Format, detect, parquet, read_recording
from footscan.io.files import HEAD_BYTES
from footscan.io.layouts import grid_layout, pedar_layout
from footscan.types import Channel, Event, PressureRecording, Recording, SensorLayout

SLOW_S, HANGS_S, LARGE_KB = 10.0, 60.0, 1024**2
SMALL_BYTES, PIECE_LINES, PIECE_BYTES = 12_000, 300, 24_000
SMALL_SAMPLE = 300_000
RARE = 0.02  # of the cases damage a whole large sample
RECORDINGS = tuple(row for row in FORMATS if row.kind == "recording")
HAS_ARROW = importlib.util.find_spec("pyarrow") is not None

NASTY_WORDS = [b"-", b"B", b"-1.000", b"nan", b"-inf", b"1e999", b"1,5", b"0,000", b"-1", b"0", b"1e8", b"0x10", b"1_0"]
NASTY_WORDS += [b"4294967295", b"99999999999999999999", b"2147483648", b"-2147483648", b"65536", b"1e-400", b"1e38"]
NASTY_WORDS += [
    b"",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b",",
    b";",
    b"#",
    b'"',
    b"@@",
    b"[",
    b"}",
    b"=",
    b"\xff",
    b"\0",
    b"\xb2",
]
NASTY_INTS = [0, 1, 2, 12, 13, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1]
NASTY_FLOATS = [np.nan, np.inf, -np.inf, 3.4e38, 1e9, -0.0]
WORD_ENDS = b' \t\r\n",:;/[]{}<>='


@dataclass(frozen=True)
class Sample:
    """A recording to damage; ``row`` is its format, ``whole`` True where its reader takes it undamaged."""

    row: Format
    name: str
    data: bytes
    whole: bool = True


# ------------------------------------------------------------------ what is damaged


def _rng() -> np.random.Generator:
    return np.random.default_rng(9)


def _walk(frames: int, cells: int, seed: int = 5) -> np.ndarray:
    return np.round(np.random.default_rng(seed).uniform(0, 300, (frames, cells)) / 2.5) * 2.5


def _image(seed: int = 6) -> np.ndarray:
    image = np.round(np.random.default_rng(seed).uniform(-8, 30, (5, 4)), 1)
    return np.where(image < 0, -1.0, image)


def recordings() -> list[Recording]:
    """Small recordings of our own: insoles, a grid with missing cells, channels and marks."""
    time_s = np.arange(1, 4) / 50
    feet = [PressureRecording(_walk(3, 99), "kPa", time_s, pedar_layout("x", s), side=s) for s in ("left", "right")]
    grid = grid_layout(3, 2, 5.0, 5.0)
    values = _walk(4, 6)
    masked = PressureRecording(values, "raw", np.arange(4.0), grid, valid=values > 40)
    plate = PressureRecording(values, "kPa", np.arange(4.0), grid, full_scale=1000.0)
    zones = SensorLayout(np.arange(6.0).reshape(3, 2), positions="arbitrary")
    forces = PressureRecording(_walk(3, 3), "N", time_s, zones, side="left")
    channel = Channel("acceleration", "m/s^2", np.arange(2.0), np.array([[1.0, np.nan], [2.0, 3.0]]))
    marks = (Event("heel_strike", 0.5, "left"),)
    return [
        Recording(tuple(feet), format="pedar", source="walk.asc"),
        Recording((plate,), format="fscan", source="plate_L"),
        Recording((masked, forces), (channel,), marks, "2024-01-01T10:00:00Z", format="x", notes=("a note",)),
    ]


def _footscan() -> list[list[str | float]]:
    frames = np.round(_walk(2, 12).reshape(2, 4, 3) / 20, 1)
    return vendor_files.footscan_rows([("right", (3, 4), frames), ("left", (9, 1), frames)])


def _pliance(pictures: bool) -> bytes:
    return novel.pliance_text(_walk(4, 6), novel.mat(2, 3), pictures=pictures)


def _apd_frames() -> np.ndarray:
    return np.stack([_image(7), _image(8)])


#: format -> small valid files of it
MAKERS: dict[str, list[Callable[[], bytes]]] = {
    "pedar": [lambda: recording_texts.pedar(_walk(3, 5), _walk(3, 5))],
    "fscan": [
        lambda: recording_texts.fscan(np.floor(_walk(3, 12)).reshape(3, 4, 3), np.eye(4, 3, dtype=bool)),
        lambda: recording_texts.fscan(np.floor(_walk(2, 6)).reshape(2, 3, 2), end="\n", UNITS="raw"),
    ],
    "stappone": [
        lambda: lab_files.stappone(_walk(4, 12), np.arange(24).reshape(4, 6) - 9, np.array([1, 2, 1, 2])),
        lambda: lab_files.stappone(_walk(3, 12), np.ones((3, 6)), corrupt=np.array([0, 1, 0]), end="\r\n"),
    ],
    "footscan": [
        lambda: vendor_files.compound(vendor_files.workbook(vendor_files.as_cells(_footscan()), _rng())),
        lambda: vendor_files.as_text(_footscan()),
    ],
    "pliance": [lambda: _pliance(True), lambda: _pliance(False)],
    "loadsol": [lambda: novel.loadsol_text(novel.zones(_rng(), 5), novel.zones(_rng(), 5))],
    "gaitpdb": [lambda: lab_files.gaitpdb(_walk(4, 8), _walk(4, 8, 7))],
    "apd": [
        lambda: lab_files.apd(_image()),
        lambda: lab_files.apd(_apd_frames().max(axis=0), _apd_frames(), side="R", end="\r\n"),
    ],
    "mcap": [
        recorded_files.mcap,
        lambda: recorded_files.mcap(checked=False),
        lambda: recorded_files.mcap(ended=False, checked=False),
    ],
    "zebris": [
        lambda: lab_files.zebris_signal(np.arange(3) / 100, _walk(3, 1)),
        lambda: lab_files.zebris_signal(np.arange(3) / 100, np.where(_walk(3, 2) > 99, np.nan, 5.5), "COP gait line R"),
        lambda: lab_files.zebris_matrix(np.where(_image() < 0, np.nan, _image())),
        lambda: lab_files.zebris_parameters({"Kraft, Vorfuß, links [%]": 48.2, "COP, x [mm]": 3, "Messdauer [sek]": 5}),
    ],
    "stepup": [
        lambda: lab_files.npz({"arr_0.npy": lab_files.npy(_walk(2, 180 * 180).reshape(2, 180, 180).astype("<u2"))}),
        lambda: lab_files.npz({"arr_0.npy": lab_files.npy(_walk(1, 303_000).reshape(1, 101, 75, 40).astype("|u1"))}),
    ],
}


def _written(row: Format, folder: Path) -> list[bytes]:
    """What the format's writer makes of our recordings, where it can hold them."""
    if not row.writable or (row.name == "parquet" and not HAS_ARROW):
        return []
    found, path = [], folder / f"written{row.suffixes[0]}"
    for recording in recordings():
        try:
            row.load().write(path, recording)
        except ValueError:  # the format can't hold it
            continue
        found.append(path.read_bytes())
    return found


def _taken(row: Format, path: Path, data: bytes) -> bool:
    path.write_bytes(data)
    try:
        row.load().read(path)
    except (ReadError, ScanError):
        return False
    return True


def _piece(row: Format, data: bytes, path: Path) -> tuple[bytes, bool]:
    """A small part of a real recording that its reader takes: as ``THINNED`` has it, or the shortest beginning of whole
    lines; else its first kilobytes."""
    if row.name in THINNED and _taken(row, path, thin := THINNED[row.name](data)):
        return thin, True
    stop = 0
    for _ in range(PIECE_LINES):
        stop = data.find(b"\n", stop) + 1
        if not 0 < stop < PIECE_BYTES:
            break
        if _taken(row, path, data[:stop]):
            return data[:stop], True
    return data[:SMALL_BYTES], False


def _first_frames_of_pedar(data: bytes) -> bytes:
    lines = data.split(b"\n")[:13]
    total = re.sub(rb"(total time \[secs\]:\s*)[\d.]+", rb"\g<1>0.030", lines[2])
    return b"\n".join([*lines[:2], total, *lines[3:], b""])


def _first_frames_of_fscan(data: bytes) -> bytes:
    marks = [mark.start() for mark in re.finditer(rb"^Frame ", data, re.M)]
    first = re.search(rb"^START_FRAME (\d+)", data, re.M)
    assert first is not None
    head = re.sub(rb"(END_FRAME )\d+", rb"\g<1>%d" % (int(first[1]) + 1), data[: marks[0]])
    return head + data[marks[0] : marks[2]] + b"@@\r\n"


def _first_frames_of_moticon(data: bytes) -> bytes:
    lines = data.split(b"\n")
    start = next(k for k, line in enumerate(lines) if not line.startswith(b"#"))
    lines = lines[: start + 4]
    return re.sub(rb"(# Duration: )[\d:.]+", rb"\g<1>00:00.030", b"\n".join([*lines, b""]))


def _first_frames_of_c3d(data: bytes) -> bytes:
    begin = (int.from_bytes(data[16:18], "little") - 1) * 512
    first, last = (int.from_bytes(data[at : at + 2], "little") for at in (6, 8))
    frames = last - first + 1
    row = (len(data) - begin) // frames
    head = data[:8] + struct.pack("<H", first + 1) + data[10:begin].replace(struct.pack("<H", frames), b"\2\0")
    return head + data[begin : begin + 2 * row]


#: format -> a few frames out of a real recording, its header brought to that
THINNED: dict[str, Callable[[bytes], bytes]] = {
    "pedar": _first_frames_of_pedar,
    "fscan": _first_frames_of_fscan,
    "moticon": _first_frames_of_moticon,
    "c3d": _first_frames_of_c3d,
}


def samples(data: Path | None, folder: Path) -> list[Sample]:
    """All that is to be damaged, in a fixed order."""
    made: list[Sample] = []
    for row in RECORDINGS:
        tiny = [make() for make in MAKERS.get(row.name, [])] + _written(row, folder)
        made += [Sample(row, f"{row.name} {k}", bytes_) for k, bytes_ in enumerate(tiny)]
    path = folder / "piece"
    for real in sorted(data.glob("pressure/*/*")) if data is not None else []:
        if not real.is_file() or real.stat().st_size == 0:
            continue
        content = real.read_bytes()
        row = next((r for r in RECORDINGS if r.load().sniff(content[:HEAD_BYTES], len(content))), None)
        if row is None:
            continue
        piece, whole = _piece(row, content, path)
        made.append(Sample(row, f"the beginning of {real.name}", piece, whole))
        if not whole:
            made.append(Sample(row, real.name, content))
    path.unlink(missing_ok=True)
    return made


# ------------------------------------------------------------------ damage


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to four injuries."""
    for _ in range(int(rng.choice([1, 1, 2, 4]))):
        data = _injured(data, other, rng) if data else other
    return data


def _injured(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(data)))
    size = int(rng.choice([1, 2, 4, 12, 50, len(data)]))
    nasty = NASTY_WORDS[int(rng.integers(len(NASTY_WORDS)))]
    kind = int(rng.integers(16))
    if kind < 8:
        return data[:at] + _other_bytes(kind, data[at:], size, other, rng)
    if kind < 11:  # an odd word for a word
        return _other_word(data, nasty, at)
    if kind == 11:  # a word in front
        return data[:at] + nasty + data[at:]
    if kind < 14:
        return _other_lines(data, rng)
    if kind == 14:  # numbers like those of another country, one or all
        return data.replace(b".", b",") if rng.random() < 0.3 else data[:at] + data[at:].replace(b".", b",", 1)
    whole = [data.replace(b"\r\n", b"\n"), data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r"), data.rstrip()]
    whole += [b"\xef\xbb\xbf" + data, data + b"\0" * size, data.decode("latin-1").encode("utf-16")]
    return whole[int(rng.integers(len(whole)))]  # other line ends, a byte order mark, NULs behind


def _other_bytes(kind: int, rest: bytes, size: int, other: bytes, rng: np.random.Generator) -> bytes:
    """What follows a place, injured."""
    match kind:
        case 0:  # a bit
            return bytes((rest[0] ^ (1 << int(rng.integers(8))),)) + rest[1:]
        case 1:  # bytes
            return rng.bytes(min(size, 4096)) + rest[size:]
        case 2:  # cut off
            return b""
        case 3:  # left out
            return rest[size:]
        case 4:  # twice
            return rest[:size] + rest
        case 5:  # a piece of another
            start = int(rng.integers(len(other)))
            return other[start : start + min(size, 4096)] + rest
        case 6:  # an odd integer
            return struct.pack(str(rng.choice(["<I", ">I"])), int(rng.choice(NASTY_INTS))) + rest[4:]
        case _:  # an odd float
            value = struct.pack(str(rng.choice(["<f", ">f", "<d"])), float(rng.choice(NASTY_FLOATS)))
            return value + rest[len(value) :]


def _other_word(data: bytes, word: bytes, at: int) -> bytes:
    """The word around a place replaced."""
    start = max(data.rfind(bytes((end,)), 0, at) for end in WORD_ENDS) + 1
    near = data[at : at + 256]
    stop = min((found for end in WORD_ENDS if (found := near.find(bytes((end,)))) >= 0), default=len(near))
    return data[:start] + word + data[at + stop :]


def _other_lines(data: bytes, rng: np.random.Generator) -> bytes:
    """A line or a few left out, doubled, swapped or put elsewhere."""
    lines = data.split(b"\n")
    first, second = (int(k) for k in rng.integers(len(lines), size=2))
    count = int(rng.choice([1, 1, 2, 10]))
    match int(rng.integers(4)):
        case 0:
            del lines[first : first + count]
        case 1:
            lines[first:first] = lines[first : first + count]
        case 2:
            lines[first], lines[second] = lines[second], lines[first]
        case _:
            moved = lines[first : first + count]
            del lines[first : first + count]
            lines[second:second] = moved
    return b"\n".join(lines)


def _zipped(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A whole archive of damaged members."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = str(rng.choice(sorted(members)))
    head, rest = members[name][:128], members[name][128:]
    whole = mutated(head, other, rng) + rest if rng.random() < 0.7 else mutated(head + rest, other, rng)
    return lab_files.npz(members | {name: whole})


def _sealed(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A Parquet file of ours, damaged under a seal that fits: what only the checks behind the seal can notice."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little") - parquet._SEAL_BYTES
    whole = data[:start] + data[start + parquet._SEAL_BYTES :]
    damaged = mutated(whole, other, rng)
    at = len(damaged) - 8 - int.from_bytes(damaged[-8:-4], "little")
    return parquet._sealed(damaged) if at >= 4 else damaged


def case(number: int, seed: int, valid: list[Sample]) -> tuple[Sample, str, bytes, bool]:
    """Case ``number`` of a run: the sample, the suffix, the damaged bytes, and whether the format is to be found."""
    rng = np.random.default_rng((seed, number))
    small = [sample for sample in valid if len(sample.data) <= SMALL_SAMPLE]
    large = [sample for sample in valid if len(sample.data) > SMALL_SAMPLE]
    names = sorted({sample.row.name for sample in small})
    if large and rng.random() < RARE:
        sample = large[int(rng.integers(len(large)))]
    else:  # each format as often as the others
        own = [sample for sample in small if sample.row.name == names[number % len(names)]]
        sample = own[int(rng.integers(len(own)))]
    other = small[int(rng.integers(len(small)))].data
    if sample.data.startswith(b"PK\x03\x04") and rng.random() < 0.7:
        data = _zipped(sample.data, other, rng)
    elif sample.row.name == "parquet" and rng.random() < 0.7:
        data = _sealed(sample.data, other, rng)
    else:
        data = mutated(sample.data, other, rng)
    suffix = sample.row.suffixes[0] if rng.random() < 0.9 else str(rng.choice(["", ".dat", ".txt", ".csv", ".asc"]))
    return sample, suffix, data, bool(rng.random() < 0.3)


# ------------------------------------------------------------------ what must come out


def verdict(path: Path, row: Format | None) -> str:
    """ "refused", "read", or what is wrong with the reader (``row``; None: the one that ``footscan.io`` finds)."""
    begun = time.perf_counter()
    try:
        found = read_recording(path) if row is None else row.load().read(path)
    except (ReadError, ScanError) as error:
        message = str(error)
        if str(path) not in message or "\n" in message:
            return f"WRONG: a message that does not name the file on one line: {message!r}"
        result = "refused"
    else:
        result = unsound(found) or "read"
    seconds = time.perf_counter() - begun
    return f"WRONG: slow, {seconds:.1f} s" if seconds > SLOW_S else result


def unsound(found: Recording) -> str | None:
    """What a reader should not have handed on, None if all is well."""
    if not found.pressure and not found.channels:
        return "WRONG: an empty recording"
    wrong = [problem for part in found.pressure if (problem := _unsound_part(part))]
    for channel in found.channels:
        if not len(channel.time_s) or not channel.values.size:
            wrong.append(f"no values in {channel.name}")
        if not np.isfinite(channel.time_s).all() or np.isinf(channel.values).any():
            wrong.append(f"times or values of {channel.name} that are not finite")
    if not all(np.isfinite(event.time_s) for event in found.events):
        wrong.append("marks at no time")
    if not all(isinstance(note, str) for note in found.notes):
        wrong.append("notes that are no text")
    return f"WRONG: {'; '.join(wrong)}" if wrong else None


def _unsound_part(part: PressureRecording) -> str | None:
    if not part.values.size:
        return "no frames or no cells"
    if not np.isfinite(part.values).all() or not np.isfinite(part.layout.xy_mm).all():
        return "values or places that are not finite"
    if not (np.isfinite(part.time_s).all() and (np.diff(part.time_s) > 0).all()):
        return "time that does not run forwards"
    if part.valid is not None and not part.valid.any():
        return "nothing valid"
    return None


def run(
    count: int, seed: int, folder: Path, first: int = 0, data: Path | None = None
) -> tuple[Counter[str], list[str], Counter[str]]:
    """Cases ``first`` to ``first + count``: how many were read and refused, a line for each failure, how many of each
    format were read."""
    valid = samples(data, folder)
    wrong = [
        f"WRONG: {s.name} is not taken undamaged" for s in valid if s.whole and not _taken(s.row, folder / "w", s.data)
    ]
    tally: Counter[str] = Counter()
    taken: Counter[str] = Counter({sample.row.name: 0 for sample in valid})
    for number in range(first, first + count):
        sample, suffix, data_, search = case(number, seed, valid)
        path = folder / f"case{suffix}"
        path.write_bytes(data_)
        again = f"{sample.name}, repeat with --first {number} --count 1 --seed {seed}"
        faulthandler.dump_traceback_later(HANGS_S, exit=True)
        try:
            result = verdict(path, _row_to_read(path, sample) if search else sample.row)
        except BaseException as error:
            error.add_note(again)
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
        path.unlink()
        tally[result.split(":")[0]] += 1
        taken[sample.row.name] += result == "read"
        if result.startswith("WRONG"):
            wrong.append(f"{result} ({again})")
    return tally, wrong, taken


def _row_to_read(path: Path, sample: Sample) -> Format | None:
    """None, unless what was damaged now looks like a file that only an extra reads."""
    try:
        found = detect(path)
    except ReadError:
        return None
    return sample.row if found.name == "parquet" and not HAS_ARROW else None


def main() -> int:
    """Run, print, and say by the exit code whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--data", type=Path, default=None)
    chosen = parser.parse_args()
    print(f"fuzz_recordings: {chosen.count} cases from {chosen.first}, seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        tally, wrong, taken = run(chosen.count, chosen.seed, Path(folder), chosen.first, chosen.data)
    peak_kb = own_peak_kb()
    if peak_kb > LARGE_KB:
        wrong.append(f"large: a peak of {peak_kb} KB")
    print("\n".join(wrong), end="\n" if wrong else "")
    print(json.dumps({**tally, "peak_kb": peak_kb, "read_of": taken}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
