"""Velostat mats (serial, Arduino or ESP32): the host sends one byte, the board answers rows × cols raw bytes.

Source: the sketches that people build on, e.g. github.com/slakshmi98/ITAS- (16 × 16, 115,200 baud, a line of text when
it starts, ``A`` asks for a frame, column by column). There is no sync and no checksum: a frame is what follows a
request, by its length, and silence before the length is reached means that bytes were lost. A byte lost unnoticed
shifts an image by a cell; only the next request puts it right. The boards have no clock and no counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from firmware_bridge.errors import WireError

Array: TypeAlias = npt.NDArray[Any]

REQUEST = b"A"
BAUD = 115_200
ROWS, COLS = 16, 16
SILENCE_S = 0.25  #: a longer pause inside a frame ends it; at 115,200 baud a byte takes 87 µs


def decode(data: bytes, rows: int = ROWS, cols: int = COLS) -> Array:
    """(frames, rows, cols) uint8 of answers joined (n × rows × cols bytes, column by column); WireError else."""
    if rows < 1 or cols < 1 or not data or len(data) % (rows * cols):
        hint = "a byte was lost or the mat has another size: give rows and cols"
        raise WireError("Velostat frame", f"a multiple of {rows} × {cols} bytes", f"{len(data)}", hint)
    return np.frombuffer(data, np.uint8).reshape(-1, cols, rows).transpose(0, 2, 1)


def encode(images: Array) -> bytes:
    """The answers of a board, joined: ``images`` (frames, rows, cols) or (rows, cols) uint8."""
    cells = np.asarray(images)
    if cells.dtype != np.uint8 or cells.ndim not in (2, 3) or not cells.size:
        raise WireError("Velostat frame", "(rows, cols) of uint8", f"{cells.dtype.name} of shape {cells.shape}")
    return np.ascontiguousarray(np.swapaxes(cells, -1, -2)).tobytes()


@dataclass(frozen=True, slots=True)
class Answer:
    """What has come since the last request: ``frame`` once it is whole; ``started_s`` and ``heard_s`` on the caller's
    clock; ``lost`` bytes thrown away because the rest never came, or came without a request."""

    data: bytes = b""
    started_s: float = 0.0
    heard_s: float = 0.0
    lost: int = 0


def requested(at_s: float, before: Answer | None = None) -> Answer:
    """The state after a request: what an earlier one left unfinished is lost (a banner, too, where it came before)."""
    return Answer(b"", at_s, at_s, 0 if before is None else before.lost + len(before.data))


def heard(answer: Answer, data: bytes, at_s: float, cells: int = ROWS * COLS) -> tuple[Answer, bytes | None]:
    """What bytes at ``at_s`` make of an answer: the new state, and the frame where it is whole now.

    Bytes beyond a frame were not asked for: they are lost. So is a piece after which ``SILENCE_S`` passed.
    """
    held, lost = answer.data, answer.lost
    if held and at_s - answer.heard_s > SILENCE_S:
        held, lost = b"", lost + len(held)
    whole = held + data
    if len(whole) < cells:
        return Answer(whole, answer.started_s, at_s, lost), None
    return Answer(b"", answer.started_s, at_s, lost + len(whole) - cells), whole[:cells]


def silent(answer: Answer, at_s: float) -> bool:
    """Whether nothing has come for so long that the mat must be asked again."""
    return at_s - answer.heard_s > SILENCE_S
