"""Damages what boards and insoles send at random and decodes it: a WireError or sound values must come out, soon.

    python tests/fuzz_wire.py --bytes 1000000 --seed 7 [--only orphe]

feeds that many damaged bytes into each decoder, prints how many pieces were read and refused, and each failure with the
bytes that make it. What is damaged are the golden vectors and what the encoders make of random samples; decoders that
stand behind a checksum get their damage behind it. 256 pieces that take ten seconds end the run with a trace of
where it hangs; so does a process that grows by 200 MB.
"""

from __future__ import annotations

import argparse
import faulthandler
import resource
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import wire_frames

from firmware_bridge import control, messages
from firmware_bridge.codec import MAX_PAYLOAD, READABLE, Frame, FrameReader
from firmware_bridge.errors import WireError
from firmware_bridge.products import brainco, fau, orphe, sensel, velostat

HANGS_S, GROWS_KB = 10.0, 200 * 1024
KINDS = sorted({vector["type"] for vector in wire_frames.read_vectors("wire")["vectors"]})
NASTY = bytes([0, 1, 0x7F, 0x80, 0xFF, 0x32, 0x35, 0x36, 0x37, 0x38, 0xC3, 0x5A, 0x42, 0x03, 0x05, 0xDB, 0x9F, 0xBF])


@dataclass(frozen=True)
class Target:
    """A decoder, valid pieces to damage, and what its answer must be like (the answer, what is wrong with it)."""

    name: str
    pieces: list[bytes]
    decode: Callable[[bytes], Any]
    wrong: Callable[[Any, bytes], str] = lambda answer, data: ""


# ------------------------------------------------------------------ what is damaged, and what is sound


def vector_bytes(name: str, key: str = "hex") -> list[bytes]:
    return [bytes.fromhex(vector[key]) for vector in wire_frames.read_vectors(name)["vectors"] if key in vector]


def arrays(value: Any) -> Iterator[np.ndarray]:
    """Every array in a record."""
    if isinstance(value, np.ndarray):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from arrays(getattr(value, field.name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from arrays(inner)


def infinite(answer: Any, data: bytes) -> str:
    bad = [a.shape for a in arrays(answer) if a.dtype.kind == "f" and not np.isfinite(a).all()]
    return f"values that are not finite: {bad}" if bad else ""


def read_message(data: bytes) -> Any:
    """The first two bytes say which type and version the rest is a payload of."""
    frame = (
        Frame(KINDS[data[0] % len(KINDS)], data[2:], version=READABLE[data[1] % 2]) if len(data) > 1 else Frame(0, b"")
    )
    message = messages.decode(frame)
    if isinstance(message, control.Control) and message.type == control.HELLO and "board" in message.fields:
        control.read_hello(message)
    return message


def read_stream(data: bytes) -> tuple[list[Frame], int]:
    """In two pieces, and what was passed over."""
    reader = FrameReader()
    frames = reader.feed(data[: len(data) // 2]) + reader.feed(data[len(data) // 2 :]) + reader.finish()
    return frames, reader.skipped


def uncounted(answer: tuple[list[Frame], int], data: bytes) -> str:
    frames, skipped = answer
    held = sum(18 + len(frame.payload) for frame in frames)
    return "" if held + skipped == len(data) else f"{held} + {skipped} bytes of {len(data)}"


def read_brainco_stream(data: bytes) -> int:
    payloads, rest, lost = brainco.read_frames(data)
    return sum(13 + len(payload) for payload in payloads) + len(rest) + lost


def read_sensel_stream(data: bytes) -> int:
    for registers in (None, {sensel.FRAME}):
        answers, rest, lost = sensel.read_answers(data, registers)
    return sum(2 if not a.payload else 5 + len(a.payload) for a in answers) + len(rest) + lost


def too_many(answer: int, data: bytes) -> str:
    return "" if answer <= len(data) else f"{answer} bytes of {len(data)}"


def read_velostat(data: bytes) -> Any:
    state, _ = velostat.heard(velostat.requested(0.0), data, 0.1, 6)
    return state, velostat.decode(data, 3, 2)


def targets() -> list[Target]:
    wire = wire_frames.read_vectors("wire")["vectors"]
    typed = [bytes([KINDS.index(vector["type"]), 0]) + bytes.fromhex(vector["payload"]) for vector in wire]
    brainco_frames = vector_bytes("brainco")
    asked = [v["direction"] == "request" for v in wire_frames.read_vectors("brainco")["vectors"]]
    brainco_payloads = [brainco.read_frames(raw)[0][0] for raw in brainco_frames]
    requests = [payload for payload, is_request in zip(brainco_payloads, asked) if is_request]
    responses = [payload for payload, is_request in zip(brainco_payloads, asked) if not is_request]
    sensel_frames = [
        bytes.fromhex(v["hex"]) for v in wire_frames.read_vectors("sensel")["vectors"] if v["kind"] == "frame"
    ]
    image = np.zeros(sensel.GRIDS[0], np.uint16)
    image[10:30, 20:60] = np.arange(800).reshape(20, 40)
    contacts = np.array([[1, 2, 30.5, 40.25, 12.5, 300.0]])
    sensel_frames.append(sensel.encode_frame(sensel.MorphFrame(3, 5, image, None, contacts, np.ones(3))))
    answers = [sensel.encode_answer(sensel.Answer(0x26, raw), True) for raw in sensel_frames]
    statuses = [orphe.Position(7, 4, 9), orphe.NoData(5, 200), orphe.Done(orphe.START)]
    everything = vector_bytes("wire", "frame")
    return [
        Target("stream", [b"".join(everything), *everything], read_stream, uncounted),
        Target("messages", typed, read_message, infinite),
        Target("orphe", vector_bytes("orphe"), orphe.decode, infinite),
        Target("orphe_status", [orphe.encode_status(s) for s in statuses], orphe.decode_status),
        Target("orphe_request", [orphe.fifo_request([(65_530, 100), (200, 5)])], orphe.decode_request),
        Target("orphe_information", [bytes(range(20))], orphe.decode_device_information),
        Target("fau", vector_bytes("fau"), fau.decode, infinite),
        Target("velostat", [raw for raw in vector_bytes("velostat") if len(raw) == 6], read_velostat),
        Target("brainco_stream", brainco_frames, read_brainco_stream, lambda a, d: "" if a == len(d) else f"{a} bytes"),
        Target("brainco", responses, brainco.decode_response, infinite),
        Target("brainco_request", requests, brainco.decode_request),
        Target(
            "sensel_stream",
            [*answers, *vector_bytes("sensel")],
            read_sensel_stream,
            lambda a, d: "" if a <= len(d) else f"{a} bytes",
        ),
        Target("sensel", sensel_frames, lambda data: sensel.decode_frame(data, int(len(data) < 60)), infinite),
    ]


# ------------------------------------------------------------------ damage


def damaged(pieces: list[bytes], rng: np.random.Generator) -> bytes:
    """One valid piece, or two, with one to six blows."""
    data = bytearray(b"".join(pieces[int(k)] for k in rng.integers(len(pieces), size=int(rng.integers(1, 3)))))
    for _ in range(int(rng.integers(1, 7))):
        at, kind = int(rng.integers(len(data) + 1)), int(rng.integers(7))
        size = int(rng.integers(1, 1 + min(40, max(1, len(data)))))
        if kind == 0 and at < len(data):
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and at < len(data):
            data[at] = NASTY[int(rng.integers(len(NASTY)))]
        elif kind == 2 and at < len(data):
            data[at] = int(rng.integers(256))
        elif kind == 3:
            data[at:at] = rng.bytes(size)
        elif kind == 4:
            del data[at : at + size]
        elif kind == 5:
            data[at:at] = data[at : at + size]
        elif kind == 6 and rng.random() < 0.3:
            del data[at:]
    return bytes(data[: MAX_PAYLOAD + 100])


def run(target: Target, wanted: int, seed: int) -> tuple[int, int, list[str]]:
    """(read, refused, failures) of ``wanted`` damaged bytes or a few more."""
    rng = np.random.default_rng([seed, zlib.crc32(target.name.encode())])
    fed = read = refused = pieces = 0
    failures = []
    while fed < wanted and len(failures) < 5:
        data = damaged(target.pieces, rng)
        fed += len(data) or 1
        if pieces % 256 == 0:
            faulthandler.dump_traceback_later(HANGS_S, exit=True)
        pieces += 1
        try:
            answer = target.decode(data)
        except WireError:
            refused += 1
            continue
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError, Warning) as error:
            failures.append(f"{target.name}: {type(error).__name__} ({error}) from {data.hex()}")
            continue
        read += 1
        if problem := target.wrong(answer, data):
            failures.append(f"{target.name}: {problem} from {data.hex()}")
    faulthandler.cancel_dump_traceback_later()
    return read, refused, failures


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    chosen = [target for target in targets() if target.name.startswith(given.only)]
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bad = 0
    print(f"seed {given.seed}, {given.bytes} bytes each")
    for target in chosen:
        read, refused, failures = run(target, given.bytes, given.seed)
        print(f"{target.name:<20} read {read:>8}  refused {refused:>8}  failures {len(failures)}")
        for failure in failures:
            print("  " + failure[:2000])
        bad += len(failures)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    if grown_kb > GROWS_KB:
        print(f"grew by {grown_kb} kB")
    return int(bad > 0 or grown_kb > GROWS_KB)


if __name__ == "__main__":
    sys.exit(main())
