"""Small recordings of laboratory formats made from numbers, for the tests of their readers: stappone, gaitpdb, pedcad
``.apd``, zebris, StepUP, templates."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np

STAPPONE_STEP = (0.488 * 9.80665, np.deg2rad(0.07) * 1e6)  # mm/s² and µrad/s a count of the inertial sensor


def stappone(
    raw: np.ndarray,
    counts: np.ndarray,
    soles: np.ndarray | None = None,
    corrupt: np.ndarray | None = None,
    start_ms: int = 1_768_494_979_568,
    end: str = "\n",
) -> bytes:
    """raw (n, 12), counts (n, 6) of the inertial sensor's steps (accelerations, rates), 16 ms a packet of a sole."""
    n = len(raw)
    soles = np.ones(n, int) if soles is None else soles
    corrupt = np.zeros(n, int) if corrupt is None else corrupt
    packet = np.zeros(n, int)
    for sole in np.unique(soles):
        packet[soles == sole] = np.arange((soles == sole).sum())
    imu = np.trunc(counts * np.repeat(STAPPONE_STEP, 3)).astype(int)
    names = [f"{what}_{axis}" for what in ("accel", "gyro", "magn") for axis in "xyz"]
    head = ["sole_id", "timestamp", *names, *(f"pressure_{k:02d}" for k in range(1, 13)), "corrupt"]
    rows = np.column_stack(
        [soles, start_ms + 16 * packet, imu, np.zeros((n, 3), int), raw.astype(int), corrupt.astype(int)]
    )
    return end.join([",".join(head), *(",".join(str(v) for v in row) for row in rows.tolist()), ""]).encode()


def gaitpdb(left: np.ndarray, right: np.ndarray, end: str = "\n", step_s: float = 0.01) -> bytes:
    """left, right (n, 8) N in hundredths, as PhysioNet prints them: trailing zeros left out, sums exact."""
    rows = []
    for k, (a, b) in enumerate(zip(np.round(left * 100).astype(int), np.round(right * 100).astype(int))):
        numbers = [*a.tolist(), *b.tolist(), int(a.sum()), int(b.sum())]
        rows.append("\t".join([f"{k * step_s:.4f}", *(f"{n / 100:.2f}".rstrip("0").rstrip(".") for n in numbers)]))
    return end.join([*rows, ""]).encode()


def apd(
    image: np.ndarray,
    frames: np.ndarray | None = None,
    side: str | None = None,
    first: int = 3,
    start: tuple[int, int] = (5, 7),
    end: str = "\n",
    **keys: str,
) -> bytes:
    """A pedcad file of N/cm² (rows, columns), -1 where not loaded; with ``frames`` (n, rows, columns) a dynamic one."""
    rows, columns = image.shape
    technical = {
        "MaxSensorsX": "353",
        "MaxSensorsY": "64",
        "StartSensX": str(start[0]),
        "StartSensY": str(start[1]),
        "SensCountX": str(rows),
        "SensCountY": str(columns),
        "LDistX": "8.46591",
        "LDistY": "7.5",
    }
    general = {"Description": "pedcad Importfile", "UnitDistance": "mm", "UnitPressure": "N/cm2"}
    tables = [("Data", image)]
    if frames is not None:
        general["UnitTime"] = "ms"
        technical |= {"TimeDiff": "10", "MinIdx": str(first), "MaxIdx": str(first + len(frames) - 1)}
        tables += [(f"Data{first + k}", frame) for k, frame in enumerate(frames)]
    customer = {"FirstName": "M"} | ({} if side is None else {"FootSide": side})
    sections = [("General", general), ("Customer", customer), ("Technical", technical)]
    lines = []
    for title, values in sections:
        lines += [f"[{title}]", *(f"{k}={keys.get(k, v)}" for k, v in values.items() if keys.get(k) != ""), ""]
    for title, table in tables:
        lines += [f"[{title}]", *("\t".join("-1" if v < 0 else f"{v:.1f}" for v in row) for row in table.tolist())]
    return end.join([*lines, ""]).encode("latin-1")


def zebris_signal(times: np.ndarray, values: np.ndarray, name: str = "force curve, left", end: str = "\n") -> bytes:
    """values (n, 1) a force curve or (n, 2) a gait line; NaN is an empty field."""
    kind, columns = ("signal", '"value"') if values.shape[1] == 1 else ("signal_2d", '"x","y"')
    rows = [",".join([f"{t:.3f}", *("" if v != v else repr(float(v)) for v in row)]) for t, row in zip(times, values)]
    return end.join(['"type","name"', f'"{kind}","{name}"', "", f'"time",{columns}', *rows, ""]).encode()


def zebris_matrix(image: np.ndarray, name: str = "stance average, left [N/cm²]", end: str = "\n") -> bytes:
    """image (rows, columns), NaN is an empty field."""
    columns = ",".join(f'"x{k + 1}"' for k in range(image.shape[1]))
    rows = [",".join(["0", *("" if v != v else repr(float(v)) for v in row)]) for row in image]
    return end.join(['"type","name"', f'"signal_matrix","{name}"', f'"time",{columns}', *rows, ""]).encode()


def zebris_parameters(values: dict[str, float | str], end: str = "\n") -> bytes:
    names = ",".join(f'"{name}"' for name in values)
    return end.join([f'"type",{names}', '"parameter values",' + ",".join(str(v) for v in values.values()), ""]).encode()


def npy(array: np.ndarray, header: str | None = None, version: int = 1) -> bytes:
    """An npy file; ``header`` instead of the right one."""
    if header is None:
        header = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': {array.shape}, }}"
    size = 10 if version == 1 else 12
    text = header.encode() + b" " * (-(size + len(header) + 1) % 64) + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + array.tobytes()


def npz(members: dict[str, bytes]) -> bytes:
    """A zip of members, deflated, dated 1980."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in members.items():
            package.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()
