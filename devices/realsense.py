"""Intel RealSense depth cameras: `realsense:` (the one that is plugged in) or `realsense:SERIAL`.

Options: ``width height fps`` (as near as the camera has), ``frames`` (15) whose middle becomes one scan, ``warm_up``
(15) frames that are thrown away while the exposure settles, ``scans`` (1; 0: until closed), ``near_mm``, ``far_mm``,
``edge_mm`` as in `devices.depth`. Needs the extra `cameras`.

The depth stream as the sensor gives it: no filter of the vendor's, which would invent or move points.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import numpy as np

from devices.depth import FAR_MM, NEAR_MM, Intrinsics, depth_to_cloud, median_depth
from devices.errors import DeviceError, DeviceLost, DeviceTimeout
from devices.ports import Candidate, choose
from devices.specs import Spec
from footscan.types import Array, Scan

FRAME_S = 5.0  #: the first frame after a start may take this long
QUEUE = 16


def library() -> Any:
    """pyrealsense2; DeviceError where the extra is missing."""
    try:
        import pyrealsense2
    except ImportError as error:
        hint = "install it: pip install 'plantar[cameras]'"
        raise DeviceError("realsense:", "the extra cameras", str(error), hint) from error
    return pyrealsense2


def connected() -> Sequence[Any]:
    """Every RealSense camera that is plugged in."""
    return list(library().context().query_devices())


def candidate(device: Any) -> Candidate:
    """For a list or a choice."""
    rs = library()
    return Candidate(
        _fact(device, rs.camera_info.serial_number),
        _fact(device, rs.camera_info.name),
        _fact(device, rs.camera_info.serial_number),
        _fact(device, rs.camera_info.usb_type_descriptor),
    )


def _fact(device: Any, key: Any) -> str:
    return str(device.get_info(key)) if device.supports(key) else ""


async def items(spec: Spec, devices: Callable[[], Sequence[Any]] = connected) -> AsyncIterator[Scan]:
    """A `Scan` for each capture.

    Raises
    ------
    DeviceError : the extra is missing, several cameras and none named, no depth stream, in use by another program
    DeviceLost : no such camera, or it is unplugged; DeviceTimeout : no frame for 5 s
    """
    found = await asyncio.to_thread(devices)
    if not found:
        hint = "plug it into a USB 3 port; on Linux the udev rules of librealsense must be installed"
        raise DeviceLost(spec, "a RealSense camera", "none plugged in", hint)
    named = {candidate(device).place: device for device in found}
    one = choose(str(spec), spec.address, [candidate(device) for device in found]) if spec.address else None
    if one is None and len(found) > 1:
        listed = ", ".join(sorted(candidate(device).line() for device in found))
        raise DeviceError(spec, "one RealSense camera", listed, "name one: realsense:SERIAL")
    device = named[one.place] if one else found[0]
    size = tuple(int(spec.number(key, default, 1, 10_000)) for key, default in SIZE)
    frames, scans = int(spec.number("frames", 15, 1, 1000)), int(spec.number("scans", 1, 0, 1e9))
    limits = spec.number("near_mm", NEAR_MM, 0.0, 1e5), spec.number("far_mm", FAR_MM, 0.0, 1e5)
    edge_mm = spec.number("edge_mm", 0.0, 0.0, 1e5) or None
    with _streaming(spec, device, size) as (queue, camera):
        for _ in range(int(spec.number("warm_up", 15, 0, 1000))):
            await asyncio.to_thread(_frame, spec, queue)
        made = 0
        while not scans or made < scans:
            images = [await asyncio.to_thread(_frame, spec, queue) for _ in range(frames)]
            cloud = depth_to_cloud(median_depth(np.stack(images)), camera, *limits, edge_mm)
            yield Scan(cloud, source=f"realsense:{candidate(device).place}")
            made += 1


SIZE = (("width", 640), ("height", 480), ("fps", 30))


@contextlib.contextmanager
def _streaming(spec: Spec, device: Any, size: tuple[int, ...]) -> Iterator[tuple[Any, Intrinsics]]:
    """The camera's depth frames in a queue, while the block runs."""
    rs = library()
    sensor, profile = _depth_profile(spec, device, size)
    queue = rs.frame_queue(QUEUE)
    try:
        sensor.open(profile)
        sensor.start(queue)
    except RuntimeError as error:
        raise DeviceError(spec, "a camera that is free", str(error), "close the program that uses it") from error
    try:
        yield queue, intrinsics(profile, float(sensor.get_option(rs.option.depth_units)))
    finally:
        with contextlib.suppress(RuntimeError):  # unplugged meanwhile
            sensor.stop()
            sensor.close()


def _depth_profile(spec: Spec, device: Any, size: tuple[int, ...]) -> tuple[Any, Any]:
    """The sensor and its 16-bit depth profile that is nearest to width, height, frames a second."""
    rs = library()
    found = [
        (sensor, profile.as_video_stream_profile())
        for sensor in device.query_sensors()
        for profile in sensor.get_stream_profiles()
        if profile.stream_type() == rs.stream.depth and profile.format() == rs.format.z16
    ]
    if not found:
        raise DeviceError(spec, "a camera with a depth stream", candidate(device).line(), "name another camera")
    return min(
        found,
        key=lambda f: (abs(f[1].width() - size[0]), abs(f[1].height() - size[1]), abs(f[1].fps() - size[2])),
    )


def intrinsics(profile: Any, depth_units_m: float) -> Intrinsics:
    """Of a depth profile; ``depth_units_m`` metres a unit. DeviceError for a lens model that no depth stream has."""
    rs = library()
    raw = profile.as_video_stream_profile().get_intrinsics()
    models = {
        rs.distortion.none: "none",
        rs.distortion.brown_conrady: "brown_conrady",
        rs.distortion.inverse_brown_conrady: "inverse_brown_conrady",
    }
    if raw.model not in models and any(raw.coeffs):
        raise DeviceError("realsense:", f"a lens of {', '.join(models.values())}", str(raw.model))
    return Intrinsics(
        raw.width,
        raw.height,
        raw.fx,
        raw.fy,
        raw.ppx,
        raw.ppy,
        depth_units_m * 1000.0,
        tuple(float(k) for k in raw.coeffs),
        models.get(raw.model, "none"),
    )


def _frame(spec: Spec, queue: Any) -> Array:
    """The next image (rows, columns) uint16, a copy."""
    try:
        frame = queue.wait_for_frame(round(FRAME_S * 1000))
    except RuntimeError as error:
        hint = "plug it in again, into a USB 3 port"
        raise DeviceTimeout(spec, f"a frame within {FRAME_S:g} s", str(error), hint) from error
    return np.array(np.asanyarray(frame.get_data()), dtype=np.uint16)
