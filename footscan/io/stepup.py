"""StepUP-P150 ``.npz`` (doi:10.20383/103.01285): a walkway of 5 mm cells, 100 Hz. Known from its description only.

A zip with one ``.npy`` array:

- a recording (frames, 720, 240), or of a standing person (frames, 180, 180) cut out of it, in kPa
- footsteps (steps, 101, 75, 40), each turned upright and brought to 101 frames: in kPa (pipeline 1), or with its
  amplitudes brought to 1 too (pipeline 2), which is read as raw

Rows run along the walkway. Read by our own code, no pickle: plain numbers only. Archives may unpack to 64 MB, and to
512 MB where that is at most 100 times their size (``footscan.io.zips``). A whole trial of 9,000 frames of the walkway
is beyond that (6 GB in float32, and nearly empty): read it in blocks (``blocks``), or cut it in time.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np

from footscan.errors import ReadError
from footscan.io.blocks import MAX_BLOCKS_BYTES, Blocks, frames_in_block
from footscan.io.files import PathLike, open_input, read_bytes
from footscan.io.layouts import grid_layout
from footscan.io.text import show
from footscan.io.zips import ZIP_DAMAGE, first_member, unpack
from footscan.types import Array, PressureRecording, Recording, SensorLayout

NAME = "stepup"
SUFFIXES = (".npz",)
WRITABLE = False

PITCH_MM = 5.0
RATE_HZ = 100.0
STANCE_FRAMES = 101
GAP_S = 1.0  #: put between the end of a footstep and the start of the next, which the file does not time
_PLATES = ((720, 240), (180, 180))
_STEP = (75, 40)
_MAX_KPA = 1e5
_MAX_HEADER = 65536
_MAGIC = b"\x93NUMPY"
_KINDS = "float16, 32 or 64, or integers of 8, 16 or 32 bits"
_HEADER = re.compile(
    r"\{\s*'descr':\s*'([<>|=])([fiu])([1248])',\s*'fortran_order':\s*(True|False),\s*"
    r"'shape':\s*\(\s*((?:\d{1,10}\s*,\s*)*(?:\d{1,10})?)\s*,?\s*\),?\s*\}\s*"
)
_AGAIN = "download the file again"
_CODE = "this layout is known from public descriptions only, no sample of it has been read"
_COLUMNS = "the first column is taken to lie at the left of a walk along the rows"
_RESAMPLED = "each footstep was brought to 101 frames: its own duration is not in the file, a frame is put at 0.01 s"
_SCALED = "amplitudes of the footsteps were brought to 1: values are raw"


def sniff(head: bytes, size: int) -> bool:
    """A zip whose first member is a ``.npy`` array."""
    return first_member(head).endswith(".npy")


def read(path: PathLike) -> Recording:
    """One PressureRecording of a plate. Footsteps follow each other with a gap of ``GAP_S`` between.

    Raises
    ------
    ReadError : no zip of one array, an array of objects or of another shape, sizes that don't fit the bytes, negative
        or not finite pressures, nothing loaded
    """
    members = unpack(path, read_bytes(path), ".npy")
    if len(members) != 1:
        raise ReadError(path, "one array", f"{len(members)}", "save the arrays apart")
    (name, data), *_ = members.items()
    numbers = array(path, data, show(PurePosixPath(name).name))
    plate = numbers.ndim == 3 and numbers.shape[1:] in _PLATES
    steps = numbers.ndim == 4 and numbers.shape[1:] == (STANCE_FRAMES, *_STEP)
    if (not plate and not steps) or not len(numbers):
        expected = "an array (frames, 720, 240), (frames, 180, 180) or (steps, 101, 75, 40)"
        raise ReadError(path, expected, show(numbers.shape), "this is another array")
    rows, columns = numbers.shape[-2:]
    with np.errstate(over="ignore"):
        values = numbers.reshape(-1, rows * columns).astype(np.float32, copy=False)
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and 0 < high <= _MAX_KPA):
        raise ReadError(path, f"pressures from 0 to {_MAX_KPA:g} kPa, some loaded", f"{low:g} to {high:g}", _AGAIN)
    scaled = steps and high <= 1.0
    notes = (_CODE, _COLUMNS, *([_RESAMPLED] if steps else []), *([_SCALED] if scaled else []))
    part = PressureRecording(
        values,
        "raw" if scaled else "kPa",
        _times(len(numbers)) if steps else np.arange(float(len(numbers))) / RATE_HZ,
        grid_layout(rows, columns, PITCH_MM, PITCH_MM, frame="plate", toes_first=False),
    )
    return Recording((part,), format=NAME, source=str(path), notes=notes)


def _times(steps: int) -> Array:
    """(steps * 101,) s: each footstep takes 1 s, then a gap."""
    within = np.arange(float(STANCE_FRAMES)) / RATE_HZ
    starts = np.arange(float(steps)) * ((STANCE_FRAMES - 1) / RATE_HZ + GAP_S)
    return np.asarray((starts[:, None] + within).ravel())


def blocks(path: PathLike) -> Blocks:
    """A recording of a plate, however long, some frames at a time; raises the same while they are read. Footsteps, and
    numbers in Fortran order, can only be read whole."""

    def frames() -> Iterator[tuple[int, PressureRecording]]:
        with _member(path) as stream:
            dtype, found = _plate_header(path, stream)
            if found != shape:
                raise ReadError(path, f"{shape} as before", f"{found}", "the file changed while it was read: try again")
            cells, high = shape[1] * shape[2], 0.0
            step = frames_in_block(cells)
            for start in range(0, shape[0], step):
                n = min(step, shape[0] - start)
                data = stream.read(n * cells * dtype.itemsize)
                if len(data) != n * cells * dtype.itemsize:
                    raise ReadError(path, f"{shape[0]} frames", f"{start + len(data) // cells} or less", _AGAIN)
                values = np.frombuffer(data, dtype).reshape(n, cells)
                high = max(high, _check(path, values))
                yield 0, _plate(layout, values, np.arange(float(start), float(start + n)) / RATE_HZ)
            if stream.read(1):
                raise ReadError(path, f"{shape[0]} frames", "more", _AGAIN)
            if not high:
                raise ReadError(path, "some pressure", "none", _AGAIN)

    with _member(path) as stream:
        _, shape = _plate_header(path, stream)
    layout = grid_layout(shape[1], shape[2], PITCH_MM, PITCH_MM, frame="plate", toes_first=False)
    empty = _plate(layout, np.empty((0, shape[1] * shape[2]), np.float32), np.empty(0))
    return Blocks((empty,), frames, format=NAME, source=str(path), notes=(_CODE, _COLUMNS))


def _plate(layout: SensorLayout, values: Array, time_s: Array) -> PressureRecording:
    with np.errstate(over="ignore"):
        numbers = values.astype(np.float32, copy=False)
    return PressureRecording(numbers, "kPa", time_s, layout)


def _check(path: PathLike, values: Array) -> float:
    """The highest; ReadError for what is no pressure."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= _MAX_KPA):
        raise ReadError(path, f"pressures from 0 to {_MAX_KPA:g} kPa, some loaded", f"{low:g} to {high:g}", _AGAIN)
    return high


@contextmanager
def _member(path: PathLike) -> Iterator[IO[bytes]]:
    """The one array of an archive as a stream."""
    with open_input(path, MAX_BLOCKS_BYTES) as (stream, _):
        try:
            package = zipfile.ZipFile(stream)
            names = [member for member in package.infolist() if member.filename.lower().endswith(".npy")]
            if len(names) != 1 or names[0].flag_bits & 1:
                raise ReadError(path, "one array, not encrypted", f"{len(names)} arrays", "save the arrays apart")
            with package.open(names[0]) as array_stream:
                yield array_stream
        except ReadError:  # of the one who reads
            raise
        except ZIP_DAMAGE as error:
            raise ReadError(path, "a zip archive", show(str(error)), _AGAIN) from error


def _plate_header(path: PathLike, stream: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """What the array is; the stream stands behind its header then."""
    head = stream.read(12)
    if head[:6] == _MAGIC and head[6:7] == b"\x01":  # its length has two bytes, two of the header were taken
        head += stream.read(max(0, int.from_bytes(head[8:10], "little") - 2))
    else:
        head += stream.read(min(_MAX_HEADER, int.from_bytes(head[8:12], "little")))
    _, dtype, shape, fortran = _npy_header(path, head, "the array")
    if fortran or len(shape) != 3 or shape[1:] not in _PLATES or not shape[0]:
        expected = "an array (frames, 720, 240) or (frames, 180, 180) in C order"
        raise ReadError(path, expected, show(shape), "read it whole")
    return dtype, shape


def array(path: PathLike, data: bytes, name: str = "the array") -> Array:
    """A ``.npy`` file's numbers (format versions 1 to 3), a view of its bytes.

    Raises
    ------
    ReadError : no npy, objects, strings, records or complex numbers, a shape that is not that of the bytes behind it
    """
    start, dtype, shape, fortran = _npy_header(path, data, name)
    needed = math.prod(shape) * dtype.itemsize
    if needed != len(data) - start:
        raise ReadError(path, f"{needed} bytes of numbers", f"{len(data) - start}", _AGAIN, name)
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if fortran else "C")


def _npy_header(path: PathLike, data: bytes, name: str) -> tuple[int, np.dtype[Any], tuple[int, ...], bool]:
    """Where the numbers begin, what they are, the shape, whether the first index runs fastest."""
    if data[:6] != _MAGIC or len(data) < 12 or data[6] not in (1, 2, 3):
        raise ReadError(path, "an npy array of version 1 to 3", show(data[:8]), _AGAIN, name)
    wide = data[6] > 1
    length = int.from_bytes(data[8 : 12 if wide else 10], "little")
    start = (12 if wide else 10) + length
    if length > _MAX_HEADER or start > len(data):
        raise ReadError(path, f"a header within {len(data)} bytes", f"{length} bytes", _AGAIN, name)
    head = _HEADER.fullmatch(data[start - length : start].decode("latin-1"))
    if head is None or head[2] + head[3] in ("f1", "i8", "u8"):
        found = show(data[start - length : start])
        raise ReadError(path, f"a header of plain numbers ({_KINDS})", found, _AGAIN, name)
    shape = tuple(int(n) for n in head[5].replace(" ", "").split(",") if n)
    dtype = np.dtype(f"{head[1].replace('|', '=')}{head[2]}{head[3]}")
    return start, dtype, shape, head[4] == "True"
