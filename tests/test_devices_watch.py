"""A watched folder: each file once, when it is whole."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import devices
from devices.errors import DeviceError
from devices.specs import parse
from devices.streams import aopen
from devices.types import Status
from devices.watch import Arrival, Refused, Seen, items, step
from footscan.errors import ReadError
from footscan.io import write_geometry
from footscan.types import Mesh

WAIT_S = 20.0
QUICK = "poll=0.02&settle=0.1&give_up=0.3"
TETRA = Mesh(np.array([[0.0, 0, 0], [250, 0, 0], [0, 90, 0], [0, 0, 60]]), [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


def stl(folder: Path, name: str = "foot.stl") -> Path:
    write_geometry(folder / name, TETRA)
    return folder / name


async def collect(folder: Path, count: int, scanner: Callable[[], Any], options: str = QUICK) -> list[Any]:
    """The first things that come while the scanner's program does its work."""
    found: list[Any] = []
    async with asyncio.timeout(WAIT_S), aopen(f"watch:{folder}?{options}") as stream:
        await asyncio.sleep(0.1)
        work = asyncio.create_task(scanner())
        async for item in stream.items():
            found.append(item)
            if len(found) == count:
                break
        await work
    return found


def watch(folder: Path, count: int, scanner: Callable[[], Any], options: str = QUICK) -> list[Any]:
    return asyncio.run(collect(folder, count, scanner, options))


def test_a_file_written_in_pieces_comes_once_and_whole(tmp_path: Path) -> None:
    data = stl(tmp_path).read_bytes()
    folder = tmp_path / "drop"
    folder.mkdir()

    async def scanner() -> None:
        for start in range(0, len(data), 50):
            with open(folder / "scan.stl", "ab") as stream:
                stream.write(data[start : start + 50])
            await asyncio.sleep(0.13)  # each piece looks settled, but is no STL yet
        await asyncio.sleep(0.5)
        stl(folder, "second.stl")

    first, second = watch(folder, 2, scanner, "poll=0.02&settle=0.1&give_up=10")
    assert isinstance(first, Arrival) and first.path.endswith("scan.stl") and first.format == "stl"
    assert isinstance(first.content, Mesh) and len(first.content.faces) == 4
    assert second.path.endswith("second.stl")


def test_a_name_that_is_not_final_is_waited_for(tmp_path: Path) -> None:
    async def scanner() -> None:
        stl(tmp_path, "foot.stl").rename(tmp_path / "foot.stl.part")
        stl(tmp_path, ".hidden.stl")
        await asyncio.sleep(0.4)
        (tmp_path / "foot.stl.part").rename(tmp_path / "left.stl")

    (only,) = watch(tmp_path, 1, scanner)
    assert only.path.endswith("left.stl")


def test_what_stays_unreadable_is_handed_on_as_refused(tmp_path: Path) -> None:
    async def scanner() -> None:
        (tmp_path / "broken.stl").write_bytes(b"solid nothing\n" * 3)

    (only,) = watch(tmp_path, 1, scanner)
    assert isinstance(only, Refused) and isinstance(only.error, ReadError) and "broken.stl" in str(only.error)


def test_a_file_that_is_written_again_comes_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(WAIT_S), aopen(f"watch:{tmp_path}?{QUICK}&existing=yes") as stream:
            for _ in range(3):
                stl(tmp_path)
                async for item in stream:
                    assert item.path.endswith("foot.stl")
                    break

    asyncio.run(main())


def test_what_was_there_before_is_left_alone_unless_it_is_asked_for(tmp_path: Path) -> None:
    stl(tmp_path, "old.stl")

    async def scanner() -> None:
        stl(tmp_path, "new.stl")

    assert [Path(item.path).name for item in watch(tmp_path, 1, scanner)] == ["new.stl"]
    names = {Path(item.path).name for item in watch(tmp_path, 2, scanner, f"{QUICK}&existing=yes")}
    assert names == {"old.stl", "new.stl"}


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path) -> None:
    folder, aside = tmp_path / "drive", tmp_path / "aside"
    folder.mkdir()

    async def scanner() -> None:
        folder.rename(aside)
        await asyncio.sleep(0.3)
        aside.rename(folder)
        stl(folder)

    lost, back, file = watch(folder, 3, scanner)
    assert isinstance(lost, Status) and (lost.kind, back.kind) == ("lost", "connected")
    assert isinstance(file, Arrival)


def test_plain_code_takes_files(tmp_path: Path) -> None:
    with devices.open(f"watch:{tmp_path}?{QUICK}") as folder:
        assert folder.info is None
        assert folder.take(0.2) == []
        stl(tmp_path)
        assert next(iter(folder)).kind == "scan"


def test_no_folder_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(DeviceError, match="expected a folder, found none; make it"):
            await anext(items(parse(f"watch:{tmp_path / 'nonesuch'}")))

    asyncio.run(main())


def test_folders_and_pipes_are_no_files(tmp_path: Path) -> None:
    async def scanner() -> None:
        (tmp_path / "folder.stl").mkdir()
        if hasattr(os, "mkfifo"):
            os.mkfifo(tmp_path / "pipe.stl")
        stl(tmp_path)

    (only,) = watch(tmp_path, 1, scanner)
    assert only.path.endswith("foot.stl")
    shutil.rmtree(tmp_path / "folder.stl")


def test_a_step_reads_only_what_has_settled_and_each_state_once(rng: np.random.Generator) -> None:
    """Whatever a file's sizes do, it is read when and only when it has not changed for the time that was asked."""
    seen: dict[str, Seen] = {}
    sizes = np.repeat(rng.integers(0, 4, 60), rng.integers(1, 12, 60))
    last_change, read_at = 0, []
    for now, size in enumerate(sizes):
        if now and size != sizes[now - 1]:
            last_change = now
        seen, ready, given_up = step(seen, {"f": (int(size), 0, 1)}, float(now), 5.0, 10.0)
        assert not given_up
        if ready:
            assert size > 0 and now - last_change >= 5
            read_at.append(now)
            seen["f"] = Seen(seen["f"].signature, seen["f"].since_s, done=True)
    assert len({int(np.flatnonzero(np.diff(sizes[: at + 1], prepend=-1))[-1]) for at in read_at}) == len(read_at)
