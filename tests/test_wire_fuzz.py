"""Damaged bytes into every decoder of firmware_bridge: refused in one line or sound, soon, in little memory."""

from __future__ import annotations

import subprocess
import sys

import fuzz_wire
import numpy as np
import pytest

NAMES = [target.name for target in fuzz_wire.targets()]


def fuzz(count: int, seed: int, only: str = "") -> None:
    command = [sys.executable, "-W", "error", fuzz_wire.__file__, "--bytes", str(count), "--seed", str(seed)]
    done = subprocess.run([*command, "--only", only], capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_damaged_bytes_are_refused_or_sound(seed: int) -> None:
    fuzz(100_000, seed)


@pytest.mark.prove
@pytest.mark.parametrize("name", NAMES)
def test_ten_million_damaged_bytes_are_refused_or_sound(name: str, seed: int) -> None:
    fuzz(10_000_000, seed, name)


def test_what_is_damaged_was_sound() -> None:
    for target in fuzz_wire.targets():
        for piece in target.pieces:
            assert not target.wrong(target.decode(piece), piece), target.name


def test_a_piece_is_the_same_each_time(seed: int) -> None:
    for target in fuzz_wire.targets():
        both = [fuzz_wire.damaged(target.pieces, np.random.default_rng(seed)) for _ in range(2)]
        assert both[0] == both[1]


def test_unsound_answers_are_noticed() -> None:
    broken = fuzz_wire.Target("x", [b"abc"], lambda data: np.array([np.nan]), fuzz_wire.infinite)
    assert len(fuzz_wire.run(broken, 100, 1)[2]) == 5
    crash = fuzz_wire.Target("x", [b"abc"], lambda data: data[1000])
    assert "IndexError" in fuzz_wire.run(crash, 100, 1)[2][0]
    assert "bytes of" in fuzz_wire.uncounted(([], 2), b"abc")
