"""StepUP-P150 ``.npz`` (doi:10.20383/103.01285): a walkway of 5 mm cells, 100 Hz. Known from its description only.

A zip with one ``.npy`` array:

- a recording (frames, 720, 240), or of a standing person (frames, 180, 180) cut out of it, in kPa
- footsteps (steps, 101, 75, 40), each turned upright and brought to 101 frames: in kPa (pipeline 1), or with its
  amplitudes brought to 1 too (pipeline 2), which is read as raw

Rows run along the walkway. Read by our own code, no pickle: plain numbers only. Archives may unpack to 64 MB, and to
512 MB where that is at most 100 times their size (``footscan.io.zips``). A whole trial of 9,000 frames of the walkway
is beyond that (6 GB in float32, and nearly empty): cut it in time.
"""

from __future__ import annotations

import math
import re
from pathlib import PurePosixPath

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.layouts import grid_layout
from footscan.io.text import show
from footscan.io.zips import first_member, unpack
from footscan.types import Array, PressureRecording, Recording

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


def array(path: PathLike, data: bytes, name: str = "the array") -> Array:
    """A ``.npy`` file's numbers (format versions 1 to 3), a view of its bytes.

    Raises
    ------
    ReadError : no npy, objects, strings, records or complex numbers, a shape that is not that of the bytes behind it
    """
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
    needed = math.prod(shape) * int(head[3])
    if needed != len(data) - start:
        raise ReadError(path, f"{needed} bytes of numbers", f"{len(data) - start}", _AGAIN, name)
    dtype = np.dtype(f"{head[1].replace('|', '=')}{head[2]}{head[3]}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape, order="F" if head[4] == "True" else "C")
