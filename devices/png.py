"""Grey PNG images of 8 or 16 bits, as depth cameras are saved: strict, bounded, without another library.

W3C Recommendation PNG (third edition): chunks with CRC-32, one zlib stream, a filter a row. Palettes, colours and
interlaced images hold no depth and are refused.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from footscan.errors import ReadError
from footscan.types import Array

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PIXELS = 64_000_000


def read_png(data: bytes, name: object) -> Array:
    """(rows, columns) uint8 or uint16 of a grey PNG; ``name`` for messages. ReadError for anything else."""
    if data[:8] != SIGNATURE:
        raise ReadError(name, "a PNG image", data[:8].hex(" ") or "nothing", "save the depth as 16-bit grey PNG")
    width = height = depth = 0
    packed: list[bytes] = []
    at = 8
    while True:
        kind, body, at = _chunk(data, at, name)
        if kind == b"IHDR" and not width:
            width, height, depth = _header(body, name)
        elif not width:
            raise ReadError(name, "IHDR as the first chunk", repr(kind))
        elif kind == b"IDAT":
            packed.append(body)
        elif kind == b"IEND":
            break
    row_bytes = width * depth // 8
    whole = height * (row_bytes + 1)
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(b"".join(packed), whole + 1)
    except zlib.error as error:
        raise ReadError(name, "a zlib stream", str(error), "copy the file again") from error
    if len(raw) != whole:
        raise ReadError(name, f"{whole} bytes of pixels", f"{len(raw)} or more", "copy the file again")
    rows = _unfiltered(np.frombuffer(raw, np.uint8).reshape(height, row_bytes + 1), depth // 8, name)
    return rows if depth == 8 else rows.view(">u2").astype(np.uint16)


def write_png(image: Array) -> bytes:
    """A grey PNG of (rows, columns) uint8 or uint16."""
    if image.ndim != 2 or image.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
        raise ValueError(f"image must be (rows, columns) uint8 or uint16, got {image.shape} {image.dtype}")
    height, width = image.shape
    depth = 8 * image.dtype.itemsize
    body = image.astype(f">u{image.dtype.itemsize}").view(np.uint8).reshape(height, -1)
    raw = np.hstack([np.zeros((height, 1), np.uint8), body]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 6)), (b"IEND", b""))
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _chunk(data: bytes, at: int, name: object) -> tuple[bytes, bytes, int]:
    """Kind, body and end of the chunk at that byte."""
    if at + 12 > len(data):
        raise ReadError(name, "a chunk", "the end of the file", "copy the file again", f"byte {at}")
    size = int.from_bytes(data[at : at + 4], "big")
    end = at + 12 + size
    if end > len(data):
        raise ReadError(name, f"{size} bytes of a chunk", f"{len(data) - at - 12}", "copy the file again", f"byte {at}")
    kind, body = data[at + 4 : at + 8], data[at + 8 : end - 4]
    if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
        raise ReadError(name, "a chunk with its CRC", "another CRC", "copy the file again", f"byte {at}")
    return kind, body, end


def _header(body: bytes, name: object) -> tuple[int, int, int]:
    if len(body) != 13:
        raise ReadError(name, "13 bytes of IHDR", f"{len(body)}")
    width, height, depth, colour, _packing, _filters, interlaced = struct.unpack(">IIBBBBB", body)
    if colour or depth not in (8, 16) or interlaced:
        found = f"{depth} bits, colour type {colour}{', interlaced' if interlaced else ''}"
        raise ReadError(name, "a grey image of 8 or 16 bits", found, "save the depth itself, not a picture of it")
    if not 0 < width * height <= MOST_PIXELS:
        raise ReadError(name, f"1 to {MOST_PIXELS} pixels", f"{width} x {height}")
    return width, height, depth


def _unfiltered(rows: Array, step: int, name: object) -> Array:
    """Bytes (rows, n) of rows (rows, 1 + n) that begin with their filter; ``step`` bytes a pixel."""
    done = np.zeros((len(rows), rows.shape[1] - 1), np.uint8)
    above = np.zeros(done.shape[1], np.uint8)
    for row, out in zip(rows, done):
        kind, line = int(row[0]), row[1:]
        if kind == 0:
            out[:] = line
        elif kind == 1:  # left: a running sum a byte lane
            for lane in range(step):
                out[lane::step] = np.cumsum(line[lane::step], dtype=np.uint8)
        elif kind == 2:  # up
            out[:] = line + above
        elif kind in (3, 4):
            out[:] = np.frombuffer(_leaned(line.tobytes(), above.tobytes(), step, kind), np.uint8)
        else:
            raise ReadError(name, "a row filter from 0 to 4", str(kind), "copy the file again")
        above = out
    return done


def _leaned(line: bytes, above: bytes, step: int, kind: int) -> bytearray:
    """The filters that need each byte before the next: average (3) and Paeth (4)."""
    out = bytearray(line)
    for k, byte in enumerate(line):
        a, b = (out[k - step] if k >= step else 0), above[k]
        if kind == 3:
            out[k] = (byte + (a + b) // 2) & 255
            continue
        c = above[k - step] if k >= step else 0
        p = a + b - c
        to_a, to_b, to_c = abs(p - a), abs(p - b), abs(p - c)
        out[k] = (byte + (a if to_a <= to_b and to_a <= to_c else b if to_b <= to_c else c)) & 255
    return out
