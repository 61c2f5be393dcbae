"""What a page sees while work goes on, and the sources behind it: nothing is lost, nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from store_customers import agree

from devices.errors import DeviceError
from footscan.io import read_recording
from station.errors import UsageError
from station.kiosk.flow import STOPPING, Choice, Scanned, Way, to_json
from station.kiosk.foot_file import foot_bytes, read_foot
from station.kiosk.live import MOST_WAITING, Channel
from station.kiosk.processing import Workers
from station.kiosk.settings import Settings
from station.kiosk.sources import WatchedFolder, check_spec, scanner, side_of
from station.kiosk.texts import FOLDER, Words, catalogue
from station.kiosk.views import cuts, day, moment, problems, stages
from station.kiosk.walks import walker
from station.store import files, open_store, visits


async def heard(channel: Channel) -> list[str | bytes]:
    return [frame async for frame in channel.frames()]


def test_whoever_comes_late_sees_it_all_and_the_end(rng: np.random.Generator) -> None:
    clouds = [rng.bytes(12 * int(rng.integers(1, 50))) for _ in range(20)]

    async def scanned() -> tuple[list[str | bytes], list[str | bytes]]:
        channel = Channel(replay=True)
        early = asyncio.create_task(heard(channel))
        await asyncio.sleep(0)
        for n, cloud in enumerate(clouds):
            channel.show(cloud)
            channel.tell(state="scanning", progress=n / len(clouds))
            await asyncio.sleep(0)
        late = asyncio.create_task(heard(channel))
        await asyncio.sleep(0)
        channel.tell(state="done")
        channel.close()
        return await early, await late

    early, late = asyncio.run(scanned())
    for frames in (early, late):
        assert [frame for frame in frames if isinstance(frame, bytes)] == clouds
        assert json.loads([frame for frame in frames if isinstance(frame, str)][-1])["state"] == "done"


def test_a_slow_reader_misses_frames_but_never_the_end() -> None:
    async def flooded() -> list[str | bytes]:
        channel = Channel(replay=False)
        reader = channel.frames()
        first = await anext(reader)
        waiting = asyncio.create_task(anext(reader))
        await asyncio.sleep(0)
        for n in range(10 * MOST_WAITING):
            channel.show(bytes([n % 256]))
        channel.close()
        return [first, await waiting, *[frame async for frame in reader]]

    frames = asyncio.run(flooded())
    assert len(frames) <= MOST_WAITING + 3 and frames[-1] == bytes([(10 * MOST_WAITING - 1) % 256])


def test_a_channel_that_is_over_says_so_at_once() -> None:
    async def after() -> list[str | bytes]:
        channel = Channel(replay=False)
        channel.tell(state="done")
        channel.close()
        return await asyncio.wait_for(heard(channel), 5)

    assert json.loads(str(asyncio.run(after())[-1]))["state"] == "done"


# ------------------------------------------------------------------ sources


@pytest.mark.parametrize(
    ("name", "side"),
    [("left.ply", "left"), ("scan_R.stl", "right"), ("Anna-L-2.obj", "left"), ("rightleft.ply", "unknown"),
     ("scan7.ply", "unknown"), ("左脚.ply", "left"), ("lr.ply", "unknown"), ("LEFT_FOOT.PLY", "left")],
)  # fmt: skip
def test_a_file_s_name_says_whose_foot_it_is_or_nothing(name: str, side: str) -> None:
    assert side_of(name) == side


@pytest.mark.parametrize(
    "spec", ["sim:orphe", "serial:/dev/x", "nonsense", "sim:feet?seconds=-1", "sim:feet?fault=x", "watch:/x?poll=0"]
)
def test_a_scanner_that_is_none_is_refused_before_anybody_comes(spec: str) -> None:
    with pytest.raises(UsageError, match="sources"):
        check_spec(spec)


@pytest.mark.parametrize("specs", [("sim:feet",), ("depth:/x",), ("nonsense",), ("sim:board?side=middle",)])
def test_a_walk_s_device_that_is_none_is_refused_before_anybody_comes(specs: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"sources\.walk"):
        walker(specs)


def test_a_folder_s_new_files_are_taken_when_they_are_whole(tmp_path: Path, rng: np.random.Generator) -> None:
    left, right = rng.bytes(3000), rng.bytes(2000)
    (tmp_path / "old_left.stl").write_bytes(b"of somebody else")

    async def dropped() -> dict[str, bytes]:
        eye = scanner(f"watch:{tmp_path}?poll=0.02&settle=0.1", Workers(1))
        channel = Channel(replay=True)
        task = asyncio.create_task(eye.scan(("left", "right"), channel))
        await asyncio.sleep(0.1)
        with open(tmp_path / "a_right.stl", "wb") as file:
            for part in (right[:700], right[700:]):  # written bit by bit
                file.write(part)
                file.flush()
                await asyncio.sleep(0.06)
        (tmp_path / "a_left.stl.part").write_bytes(left)
        await asyncio.sleep(0.2)
        assert not task.done() and channel.state["state"] == "scanning"
        (tmp_path / "a_left.stl.part").rename(tmp_path / "a_left.stl")
        return await asyncio.wait_for(task, 10)

    assert asyncio.run(dropped()) == {"left.stl": left, "right.stl": right}


def test_one_file_may_hold_both_feet_and_a_folder_may_be_away(tmp_path: Path) -> None:
    async def one(feet: tuple[str, ...]) -> dict[str, bytes]:
        eye = scanner(f"watch:{tmp_path}?poll=0.02&settle=0", Workers(1))
        task = asyncio.create_task(eye.scan(feet, Channel(replay=True)))
        await asyncio.sleep(0.08)
        (tmp_path / f"scan{len(feet)}.PLY").write_bytes(b"both")
        return await asyncio.wait_for(task, 10)

    assert list(asyncio.run(one(("left", "right")))) == ["pair.ply"]
    assert list(asyncio.run(one(("right",)))) == ["right.ply"]
    eye = scanner(f"watch:{tmp_path}/none", Workers(1))
    assert isinstance(eye, WatchedFolder)
    with pytest.raises(DeviceError, match="folder"):
        asyncio.run(eye.scan(("left",), Channel(replay=True)))


def run_walk(
    work: Callable[[Channel, asyncio.Event], Awaitable[dict[str, bytes]]],
) -> tuple[dict[str, bytes], Channel]:
    async def walked() -> tuple[dict[str, bytes], Channel]:
        channel = Channel(replay=False)
        files = await asyncio.wait_for(work(channel, asyncio.Event()), 60)
        return files, channel

    return asyncio.run(walked())


def test_a_walk_ends_after_its_steps_and_reads_back(tmp_path: Path, seed: int) -> None:
    one = walker([f"sim:board?side={side}&seed={seed % 1000}&speed=2" for side in ("left", "right")])
    assert one is not None
    files, channel = run_walk(lambda channel, enough: one.walk(4, channel, enough))
    assert channel.state["steps"] >= 4 and len(channel.state["layout"]["cells"]) == 256
    (tmp_path / "walk.mcap").write_bytes(files["walk.mcap"])
    recording = read_recording(tmp_path / "walk.mcap")
    assert {part.side for part in recording.pressure} == {"left", "right"}
    for part in recording.pressure:
        assert part.unit == "kPa" and part.values.max() > 50


def test_whoever_says_enough_is_heard() -> None:
    one = walker(["sim:board?side=left&seed=1"])
    assert one is not None

    async def stopped() -> dict[str, bytes]:
        channel, enough = Channel(replay=False), asyncio.Event()
        task = asyncio.create_task(one.walk(60, channel, enough))
        while channel.state["state"] != "walking":
            await asyncio.sleep(0.02)
        enough.set()
        return await asyncio.wait_for(task, 20)

    assert asyncio.run(stopped())["walk.mcap"][:5] == b"\x89MCAP"


def test_a_device_that_is_away_is_told() -> None:
    one = walker(["serial:/dev/nothing-here?product=sensel"])
    assert one is not None
    with pytest.raises(DeviceError):
        run_walk(lambda channel, enough: one.walk(4, channel, enough))


# ------------------------------------------------------------------ words and files


def test_every_language_says_the_same_things() -> None:
    for part in sorted({path.name.split(".")[0] for path in FOLDER.glob("*.json")}):
        english, chinese = catalogue(part, "en"), catalogue(part, "zh")
        assert english.keys() == chinese.keys()
        for key, text in english.items():
            assert text and chinese[key]
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", chinese[key])), key


def test_nothing_promises_health() -> None:
    words = (
        "treat",
        "cure",
        "heal",
        "prevent",
        "pain",
        "correct",
        "therap",
        "medical",
        "治疗",
        "预防",
        "疼",
        "矫",
        "医",
    )
    for lang in ("en", "zh"):
        told = " ".join(catalogue("kiosk", lang).values()).lower()
        assert not [word for word in words if re.search(rf"(?<![a-z]){word}", told)]


def test_every_template_s_words_are_there() -> None:
    used: set[str] = set()
    for path in (FOLDER.parent / "templates").rglob("*.html"):
        if "staff" not in path.parts:
            used |= set(re.findall(r'say\("([\w.-]+)"(?! ~)', path.read_text(encoding="utf-8")))
    assert used and not {key for key in used if not Words("en").has(key)}


@pytest.mark.parametrize("code", STOPPING)
def test_every_reason_to_stop_has_words_and_something_to_do(code: str) -> None:
    from station.kiosk.flow import Problem

    way = Way(scanned=("left",), problems=(Problem("left", code), Problem("right", code)))
    for lang in ("en", "zh"):
        told = problems(way, Words(lang))
        assert any(item["what"] == Words(lang)(f"problem.{code}") and item["do"] for item in told)
        assert any("left" in item or item["do"] for item in told)  # the right foot that was not found, too


def test_the_progress_line_knows_every_screen() -> None:
    for screen in ("consent", "who", "guardian", "prepare", "scan", "score", "walk", "result", "choose", "confirm"):
        assert sum(stage["now"] for stage in stages(screen, Words("en"))) == 1


def test_a_choice_becomes_a_prescription_s_fields() -> None:
    from station.kiosk.desk import Desk

    desk = Desk.__new__(Desk)
    desk.settings = Settings()
    assert desk.edits(Way()) == ("everyday", {})
    assert desk.edits(Way(choice=Choice("leather", "sulcus", "dress"))) == (
        "dress", {"cover_thickness_mm": 1.5, "length": "sulcus"},
    )  # fmt: skip


def test_a_new_scan_s_skin_is_its_own(tmp_path: Path) -> None:
    """What the screen shows after scanning again is the new foot."""
    from station.kiosk.desk import Desk

    way = Way(screen="scan", purposes=("measure",), who="new", feet=("left",))
    with open_store(tmp_path / "studio") as store:
        visit = visits.start(store, "en")
        agree(store, visit.person_id, "measure")
        visits.save(store, visit.id, "scan", {"way": to_json(way)})
        for role in ("left.glb", "right.glb"):
            files.put(store, visit.id, role, b"of the first scan")

        async def scanned() -> None:
            desk = Desk(store, Settings(), Workers(1), scanner("upload:", Workers(1)), None)
            event, after = await desk._kept(visit.id, Scanned(("left",)), {"left.foot": b"of the second"}, "scan")
            assert event == Scanned(("left",)) and after is not None and after.screen == "walk"

        asyncio.run(scanned())
        assert [file.role for file in files.of_visit(store, visit.id)] == ["left.foot", "right.glb"]


def test_one_is_not_many_and_a_day_is_said() -> None:
    for lang, one, many in (("en", "step", "steps"), ("zh", "步", "步")):
        say = Words(lang)
        assert [say.many("walk.steps", count) for count in (0, 1, 2)] == [many, one, many]
        assert say.many("erased.pending", 1) and "2" in say.many("erased.pending", 2, count=2)
    noon = datetime(2026, 11, 22, 12, 5).astimezone()
    assert (day(noon, Words("en")), moment(noon, Words("zh"))) == ("22 November 2026", "2026年11月22日 12:05")


def test_a_chosen_length_ends_where_it_is_made_to_end() -> None:
    stored = {"left": [{"key": "foot_breadth_mm", "mm": 100.0, "points": [[180.0, -40.0, 9.0], [150.0, 50.0, 8.0]]},
                       {"key": "foot_length_mm", "mm": 250.0, "points": []}]}  # fmt: skip
    told = json.loads(cuts(stored, "left"))
    assert told["ball"] == stored["left"][0]["points"]
    assert told["ahead"]["three_quarter"] < 0.0 < told["ahead"]["sulcus"] and "full" not in told["ahead"]
    assert cuts(stored, "right") == ""  # no ball, nothing to be cut


def test_a_foot_comes_back_out_of_its_file_as_it_was() -> None:
    from footscan import usual_foot
    from footscan.errors import ReadError
    from footscan.types import FootMeasurements, Measure

    foot = usual_foot(FootMeasurements({"foot_length_mm": Measure(262.0)}, "left"))
    data = foot_bytes(foot)
    again = read_foot(data)
    assert again.side == "left" and again.measurements.values == foot.measurements.values
    assert np.abs(again.cloud.points - foot.cloud.points).max() < 1e-4
    np.testing.assert_array_equal(again.T_foot_scanner, foot.T_foot_scanner)
    assert again.landmarks.points.keys() == foot.landmarks.points.keys()
    assert [p.method for p in again.footprints] == [p.method for p in foot.footprints]
    for bad in (b"", data[:2000], data[:-30], b"PK\x03\x04" + data[4:200]):
        with pytest.raises(ReadError):
            read_foot(bad)
