"""Depth images to points: known planes, ray-cast feet, files strict in what they take, and a RealSense in software."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from depth_views import look_at, moved, seen
from scipy.spatial import ConvexHull, cKDTree

from devices import depth, png, realsense
from devices.depth import Intrinsics, depth_to_cloud, median_depth
from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.png import read_png, write_png
from devices.specs import parse
from footscan.errors import ReadError
from footscan.synth import FootSpec, make_foot
from footscan.synth.scanning import sample_surface
from footscan.types import Array, PointCloud, Scan

WIDTH, HEIGHT, F = 320, 240, 280.0
CAMERA = Intrinsics(WIDTH, HEIGHT, F, F, 161.3, 118.2)


def collected(items: AsyncIterator[Scan], most: int = 100) -> list[Scan]:
    async def gather() -> list[Scan]:
        async with asyncio.timeout(20.0):
            return [scan async for scan in items][:most]

    return asyncio.run(gather())


def cloud_of(scan: Scan) -> PointCloud:
    assert isinstance(scan.geometry, PointCloud)
    return scan.geometry


def foot_view(rng: np.random.Generator) -> tuple[Any, Array, Array]:
    """A foot, T_camera_world and its depth image from a random place above."""
    foot = make_foot(FootSpec())
    middle = foot.mesh.vertices.mean(axis=0)
    turn, height_deg = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(25, 80))
    away = np.array([np.cos(turn) * np.cos(height_deg), np.sin(turn) * np.cos(height_deg), np.sin(height_deg)])
    T = look_at(middle + rng.uniform(450, 600) * away, middle)
    return foot, T, seen(foot.mesh, T, (WIDTH, HEIGHT), F, (CAMERA.cx, CAMERA.cy))


# ------------------------------------------------------------------ geometry


def test_a_tilted_plane_comes_back_where_it_stands(rng: np.random.Generator) -> None:
    """z = d / (n . ray): every point satisfies n . p = d, and each pixel looks along its own ray."""
    normal = np.array([*rng.uniform(-0.4, 0.4, 2), 1.0])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.dstack([(columns - CAMERA.cx) / F, (rows - CAMERA.cy) / F, np.ones_like(rows)])
    z = 500.0 / (rays @ normal)
    points = depth_to_cloud(z, CAMERA).points
    assert len(points) == WIDTH * HEIGHT
    np.testing.assert_allclose(points @ normal, 500.0, atol=1e-9)
    np.testing.assert_allclose(points[:, :2] / points[:, 2:] * F + [CAMERA.cx, CAMERA.cy], columns_rows(), atol=1e-9)


def columns_rows() -> Array:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return np.column_stack([columns.ravel(), rows.ravel()])


def test_a_ray_cast_foot_lies_on_the_foots_skin(rng: np.random.Generator) -> None:
    foot, T, image = foot_view(rng)
    cloud = depth_to_cloud(image, CAMERA)
    x, y, z = moved(T, foot.mesh.vertices).T
    outline = ConvexHull(np.column_stack([F * x / z + CAMERA.cx, F * y / z + CAMERA.cy]))
    assert 0.5 * outline.volume < (image > 0).sum() < 1.02 * outline.volume + 50  # "volume" is the area in a plane
    assert len(cloud.points) == (image > 0).sum()
    in_world = moved(np.linalg.inv(T), cloud.points)
    # an upright half millimetre of skin, sampled apart from the image
    skin, _ = sample_surface(foot.mesh, 300_000, rng, np.inf)
    away_mm, _ = cKDTree(skin).query(in_world)
    assert np.median(away_mm) < 0.35
    assert away_mm.max() < 1.5


def test_millimetres_do_not_depend_on_the_cameras_unit(rng: np.random.Generator) -> None:
    _, _, image = foot_view(rng)
    tenths = np.rint(image * 10.0).astype(np.uint16)
    fine = depth_to_cloud(tenths, Intrinsics(WIDTH, HEIGHT, F, F, CAMERA.cx, CAMERA.cy, 0.1))
    np.testing.assert_allclose(fine.points, depth_to_cloud(tenths / 10.0, CAMERA).points, atol=1e-9)


def test_distortion_and_its_inverse_undo_each_other(rng: np.random.Generator) -> None:
    bent = tuple(rng.uniform(-1, 1, 5) * [0.08, 0.02, 0.002, 0.002, 0.005])
    camera = Intrinsics(WIDTH, HEIGHT, F, F, CAMERA.cx, CAMERA.cy, 1.0, bent, "brown_conrady")
    x, y = depth.rays(camera)
    back_x, back_y = depth._bent(x, y, bent)
    plain_x, plain_y = depth.rays(CAMERA)
    assert max(abs(back_x - plain_x).max(), abs(back_y - plain_y).max()) < 1e-6
    inverse = Intrinsics(WIDTH, HEIGHT, F, F, CAMERA.cx, CAMERA.cy, 1.0, bent, "inverse_brown_conrady")
    np.testing.assert_array_equal(depth.rays(inverse)[0], depth._bent(plain_x, plain_y, bent)[0])


def test_only_what_lies_between_near_and_far_and_off_the_edges() -> None:
    image = np.full((HEIGHT, WIDTH), 800.0)
    image[50:100, 60:160] = 400.0
    image[0], image[1], image[2] = 0.0, np.nan, 5000.0
    assert len(depth_to_cloud(image, CAMERA).points) == (HEIGHT - 3) * WIDTH
    assert len(depth_to_cloud(image, CAMERA, far_mm=500.0).points) == 50 * 100
    # the pixels on both sides of the step go, and row 3 beside the far one
    kept = depth_to_cloud(image, CAMERA, edge_mm=50.0)
    assert len(kept.points) == (HEIGHT - 4) * WIDTH - (2 * (50 + 100) - 4) - 2 * (50 + 100)
    with pytest.raises(ValueError, match=r"depth must be \(240, 320\), got \(10, 10\)"):
        depth_to_cloud(np.ones((10, 10)), CAMERA)


def test_the_middle_of_many_images_forgets_what_few_of_them_saw(rng: np.random.Generator) -> None:
    truth = rng.uniform(300, 900, (40, 30)).astype(np.float32)
    images = np.repeat(truth[None], 9, axis=0)
    images[0] = 0.0
    images[1] = 5_000.0
    images[2] = 1.0
    np.testing.assert_array_equal(median_depth(images), truth)
    images[:5, 0, 0] = [0, 0, 0, 0, 0]
    assert median_depth(images)[0, 0] == 0.0
    order = rng.permutation(9)
    np.testing.assert_array_equal(median_depth(images[order]), median_depth(images))
    np.testing.assert_allclose(median_depth(np.array([[[1.0]], [[3.0]]])), [[2.0]])


# ------------------------------------------------------------------ files


def test_png_as_other_programs_write_it(rng: np.random.Generator) -> None:
    image = pytest.importorskip("PIL.Image")
    smooth = np.cumsum(rng.integers(-3, 4, (60, 47)), axis=1) + 1000  # so that every row filter is used
    for pixels in (smooth.astype(np.uint16), rng.integers(0, 65536, (31, 5)).astype(np.uint16)):
        packed = io.BytesIO()
        image.fromarray(pixels).save(packed, "PNG")
        np.testing.assert_array_equal(read_png(packed.getvalue(), "x"), pixels)
        np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(write_png(pixels)))), pixels)
    grey = rng.integers(0, 256, (20, 33)).astype(np.uint8)
    np.testing.assert_array_equal(read_png(write_png(grey), "x"), grey)
    packed = io.BytesIO()
    image.fromarray(np.dstack([grey] * 3)).save(packed, "PNG")
    with pytest.raises(ReadError, match="a grey image of 8 or 16 bits, found 8 bits, colour type 2"):
        read_png(packed.getvalue(), "x")


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_every_row_filter_of_png(kind: int, rng: np.random.Generator) -> None:
    """Filtered here by the formulas of the standard, apart from the reader."""
    pixels = rng.integers(0, 65536, (6, 9)).astype(np.uint16)
    raw = pixels.astype(">u2").view(np.uint8).reshape(6, 18).astype(int)
    left = np.hstack([np.zeros((6, 2), int), raw[:, :-2]])
    above = np.vstack([np.zeros((1, 18), int), raw[:-1]])
    corner = np.hstack([np.zeros((6, 2), int), above[:, :-2]])
    p = left + above - corner
    near = np.argmin([abs(p - left), abs(p - above), abs(p - corner)], axis=0)  # the first of equals
    guess = [0 * raw, left, above, (left + above) // 2, np.choose(near, [left, above, corner])][kind]
    rows = np.hstack([np.full((6, 1), kind), (raw - guess) % 256]).astype(np.uint8)
    np.testing.assert_array_equal(png._unfiltered(rows, 2, "x").view(">u2"), pixels)


def test_damaged_images_are_refused_and_break_nothing(rng: np.random.Generator, tmp_path: Path) -> None:
    pixels = rng.integers(0, 2000, (16, 12)).astype(np.uint16)
    packed = io.BytesIO()
    np.save(packed, pixels)
    for name, whole in (("a.png", write_png(pixels)), ("b.npy", packed.getvalue())):
        file = tmp_path / name
        refused = 0
        for turn in range(400):
            data = bytearray(whole)
            if name == "b.npy" and turn % 2:  # pixels have no sum: only the header can be caught
                data[int(rng.integers(128))] ^= int(rng.integers(1, 256))
            for _ in range(int(rng.integers(1, 5))):
                data[int(rng.integers(len(data)))] = int(rng.integers(256))
            if turn % 3 == 0:
                data = data[: int(rng.integers(1, len(data)))]
            file.write_bytes(data)
            try:
                assert depth.read_depth(file).ndim == 2
            except ReadError:
                refused += 1
        assert refused > 100
        file.write_bytes(whole)
        np.testing.assert_array_equal(depth.read_depth(file), pixels)


def test_npy_that_is_no_image_is_refused(tmp_path: Path) -> None:
    odd = (np.zeros((2, 3, 4)), np.zeros((3, 4), complex), np.asfortranarray(np.ones((3, 4))), np.array([["a"]]))
    for array in odd:
        np.save(tmp_path / "x.npy", array)
        with pytest.raises(ReadError, match="one image"):
            depth.read_depth(tmp_path / "x.npy")
    np.save(tmp_path / "x.npy", np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(ReadError, match="one image"):
        depth.read_depth(tmp_path / "x.npy")


def test_a_folder_of_images_gives_a_scan_each_or_one_of_all(rng: np.random.Generator, tmp_path: Path) -> None:
    _, _, image = foot_view(rng)
    tenths = np.rint(image * 10.0).astype(np.uint16)
    (tmp_path / "b.png").write_bytes(write_png(tenths))
    np.save(tmp_path / "a.npy", tenths)
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DeviceError, match=r"the camera's intrinsics, found no intrinsics\.json"):
        collected(depth.items(parse(f"depth:{tmp_path}")))
    facts = {"width": WIDTH, "height": HEIGHT, "fx": F, "fy": F, "ppx": CAMERA.cx, "ppy": CAMERA.cy, "mm_per_unit": 0.1}
    (tmp_path / "intrinsics.json").write_text(json.dumps(facts))
    scans = collected(depth.items(parse(f"depth:{tmp_path}")))
    assert [Path(scan.source).name for scan in scans] == ["a.npy", "b.png"]
    assert all(len(scan.sha256) == 64 for scan in scans)
    expected = depth_to_cloud(tenths / 10.0, CAMERA).points
    for scan in scans:
        np.testing.assert_allclose(cloud_of(scan).points, expected, atol=1e-9)
    (merged,) = collected(depth.items(parse(f"depth:{tmp_path}?merge=1")))
    np.testing.assert_allclose(cloud_of(merged).points, expected, atol=1e-4)
    options = f"fx={F}&cx={CAMERA.cx}&cy={CAMERA.cy}&mm=0.1&far_mm=500"
    (one,) = collected(depth.items(parse(f"depth:{tmp_path / 'b.png'}?{options}")))
    np.testing.assert_allclose(cloud_of(one).points, expected[expected[:, 2] <= 500.0], atol=1e-9)
    facts["width"] = 10
    (tmp_path / "intrinsics.json").write_text(json.dumps(facts))
    with pytest.raises(ReadError, match="240 x 10 pixels, found 240 x 320"):
        collected(depth.items(parse(f"depth:{tmp_path}")))
    for text in ("[1]", "{}", '{"width": "x"}', "{", '{"width":1,"height":1,"fx":NaN,"fy":1,"cx":0,"cy":0}'):
        (tmp_path / "intrinsics.json").write_text(text)
        with pytest.raises(ReadError):
            collected(depth.items(parse(f"depth:{tmp_path}")))
    with pytest.raises(DeviceError, match="no such file"):
        collected(depth.items(parse(f"depth:{tmp_path / 'nothing'}")))


# ------------------------------------------------------------------ RealSense


class SoftCamera:
    """librealsense's own software device, that shows one image again and again."""

    def __init__(self, image: Array, serial: str = "0042", coeffs: tuple[float, ...] = (0.0,) * 5) -> None:
        rs = pytest.importorskip("pyrealsense2")
        self.rs, self.image = rs, image
        self.device = rs.software_device()
        self.device.register_info(rs.camera_info.name, "Soft D4")
        self.device.register_info(rs.camera_info.serial_number, serial)
        self.sensor = self.device.add_sensor("Depth")
        raw = rs.intrinsics()
        raw.height, raw.width = image.shape
        raw.fx, raw.fy, raw.ppx, raw.ppy = F, F, CAMERA.cx, CAMERA.cy
        raw.model, raw.coeffs = rs.distortion.brown_conrady, list(coeffs)
        stream = rs.video_stream()
        stream.type, stream.fmt, stream.fps, stream.bpp = rs.stream.depth, rs.format.z16, 30, 2
        stream.index, stream.uid, stream.intrinsics = 0, 0, raw
        stream.height, stream.width = image.shape
        self.profile = self.sensor.add_video_stream(stream).as_video_stream_profile()
        self.sensor.add_read_only_option(rs.option.depth_units, 0.0001)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> SoftCamera:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.thread.join()

    def _show(self) -> None:
        number = 0
        while not self.ended.wait(0.004):
            frame = self.rs.software_video_frame()
            frame.pixels, frame.stride, frame.bpp = self.image, self.image.shape[1] * 2, 2
            frame.timestamp, frame.frame_number = number * 33.3, number
            frame.domain, frame.profile = self.rs.timestamp_domain.hardware_clock, self.profile
            self.sensor.on_video_frame(frame)
            number += 1


def test_a_realsense_gives_the_foot_that_it_sees(rng: np.random.Generator) -> None:
    _, _, image = foot_view(rng)
    tenths = np.rint(image * 10.0).astype(np.uint16)
    with SoftCamera(tenths) as camera:
        spec = parse("realsense:?frames=3&warm_up=2&scans=2&far_mm=1500")
        scans = collected(realsense.items(spec, lambda: [camera.device]))
    assert [scan.source for scan in scans] == ["realsense:0042"] * 2
    expected = depth_to_cloud(tenths / 10.0, CAMERA, far_mm=1500.0).points
    for scan in scans:
        np.testing.assert_allclose(cloud_of(scan).points, expected, atol=1e-3)


def test_no_camera_several_and_one_that_falls_silent_are_said(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = rng.integers(1, 2000, (HEIGHT, WIDTH)).astype(np.uint16)
    one, two = SoftCamera(image, "0001"), SoftCamera(image, "0002")
    with pytest.raises(DeviceLost, match="a RealSense camera, found none plugged in"):
        collected(realsense.items(parse("realsense:"), lambda: []))
    with pytest.raises(DeviceError, match=r"one RealSense camera, found 0001 .*0002"):
        collected(realsense.items(parse("realsense:"), lambda: [one.device, two.device]))
    with pytest.raises(DeviceLost, match="a device named 0003"):
        collected(realsense.items(parse("realsense:0003"), lambda: [one.device, two.device]))
    monkeypatch.setattr(realsense, "FRAME_S", 0.2)
    with pytest.raises(DeviceTimeout, match=r"a frame within 0.2 s"):  # nobody shows a frame
        collected(realsense.items(parse("realsense:0002"), lambda: [one.device, two.device]))
    assert list(realsense.connected()) == []  # the real search, where nothing is plugged in


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrealsense2", None)
    with pytest.raises(DeviceError, match=r"install it: pip install 'plantar\[cameras\]'"):
        collected(realsense.items(parse("realsense:")))
