"""LZF, the compression of binary_compressed PCD files (M. A. Lehmann's LibLZF 3.6 stream format).

A control byte below 32 copies that many + 1 bytes from the input; any other copies 2 + (its top three bits) bytes, 7
meaning that a further byte is added, from (its low five bits · 256 + the next byte) + 1 bytes back in the output.
"""

from __future__ import annotations

#: three bytes of input make at most 264 of output
MAX_RATIO = 88


def decompress(data: bytes, size: int) -> bytes:
    """Unpack to exactly ``size`` bytes; ValueError, with the byte of the input, for a stream that does not give
    them."""
    if size > MAX_RATIO * len(data):
        raise ValueError(f"{len(data)} bytes can't hold {size}")
    out = bytearray()
    at, end = 0, len(data)
    while at < end:
        control = data[at]
        at += 1
        if control < 32:
            stop = at + control + 1
            if stop > end:
                raise ValueError(f"the stream ends within a run at byte {at}")
            out += data[at:stop]
            at = stop
        else:
            length = control >> 5
            if at + (length == 7) >= end:
                raise ValueError(f"the stream ends within a copy at byte {at}")
            if length == 7:
                length += data[at]
                at += 1
            length += 2
            start = len(out) - ((control & 31) << 8) - data[at] - 1
            at += 1
            if start < 0:
                raise ValueError(f"a copy from before the start at byte {at}")
            piece = out[start : start + length]
            if len(piece) < length:  # the copy reads what it writes: a pattern repeats
                piece = (piece * (length // len(piece) + 1))[:length]
            out += piece
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"it gives {'more' if len(out) > size else str(len(out))} bytes than the {size} announced")
    return bytes(out)
