"""The main job as one pure function of an order: scans and recordings -> measurements, loads, prescriptions, insoles.

``make`` writes nothing and prints nothing; ``station.writing`` puts what it returns into an order's folder. One item
that fails never stops the others: it is in ``failed``, and what was not done for lack of input is in ``left_out``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from footscan.errors import FootscanError, ScanError
from station.errors import UsageError
from station.helper import Helper, share
from station.orders import sha256
from station.results import Analysed, Failure, LeftOut, Measured, Source, ended_early

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis
    from footscan.types import Foot, Load, Mesh, Recording, RegionLoads, Side
    from insole import CheckReport, InsoleDesign, InsolePrescription
    from insole.prediction import Prediction
    from insole.zones import Zoning

BOTH: tuple[Side, Side] = ("left", "right")
Role = Literal["left", "right", "pair", "measurements"]
TRIANGLES = 100_000  #: of an insole, about
Tell = Callable[..., None]  #: tell("make.designing", side="left") before each piece of work


def silent(key: str, **values: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Order:
    """What is asked: at least one scan; ``pair`` instead of ``left`` and ``right``, ``measurements`` instead of scans.

    ``preset_file``: where a preset of one's own is, when ``preset`` is not its path; ``triangles``: about how many an
    insole has; ``sd``: False leaves out the measures' uncertainty, in about half the time; ``any_quality``: False where
    nobody looks at the scans (``station.trust``).
    """

    left: Source | None = None
    right: Source | None = None
    pair: Source | None = None
    pressure: tuple[Source, ...] = ()
    rx: Source | None = None
    preset: str = "everyday"
    unit: str = "auto"
    load: Load = "unknown"
    measurements: Source | None = None
    preset_file: Source | None = None
    triangles: int = TRIANGLES
    sd: bool = True
    any_quality: bool = True

    def __post_init__(self) -> None:
        if self.pair is not None and (self.left is not None or self.right is not None):
            raise UsageError(
                "--pair: expected both feet in this one file, found --left or --right too; give one or the other"
            )
        if self.measurements is not None and self.scans[0][0] != "measurements":
            raise UsageError("expected scans or measurements, found both; give one or the other")
        if not self.scans:
            raise UsageError("expected a scan, found none; give --left, --right or --pair")
        if self.left is not None and self.right is not None and _same(self.left, self.right):
            raise UsageError(
                f"{self.left.name}: expected one file a foot, found the same twice; give --pair for both in one file"
            )

    @property
    def scans(self) -> tuple[tuple[Role, Source], ...]:
        """Role and source of each scan, or of the measurements instead."""
        roles: tuple[tuple[Role, Source | None], ...] = (
            ("left", self.left),
            ("right", self.right),
            ("pair", self.pair),
            ("measurements", self.measurements),
        )
        return tuple((role, source) for role, source in roles if source is not None)

    @property
    def sources(self) -> tuple[tuple[str, Source], ...]:
        """Role and source of every input file."""
        rest = [("pressure", s) for s in self.pressure]
        if self.rx is not None:
            rest.append(("rx", self.rx))
        if self.preset.endswith(".toml"):  # one's own, by its path
            rest.append(("preset", self.preset_file or Source.given(self.preset)))
        return (*self.scans, *rest)

    @property
    def pieces(self) -> int:
        """How many pieces of work ``make`` tells of."""
        return 1 + len(self.pressure) + 3


def _same(a: Source, b: Source) -> bool:
    return a.path.exists() and b.path.exists() and a.path.samefile(b.path)


@dataclass(frozen=True, eq=False)
class Insole:
    """One insole, ready to be written: what was asked, shape, solid (mm, foot frame), verdict, zones of infill; the
    pressure that it will give, or why nobody can say."""

    prescription: InsolePrescription
    design: InsoleDesign
    mesh: Mesh
    checks: CheckReport
    zoning: Zoning | None = None
    prediction: Prediction | None = None
    no_prediction: str = ""


@dataclass(frozen=True, eq=False)
class Made:
    """Everything that came of an order, by side (left before right)."""

    order: Order
    scans: tuple[Measured, ...] = ()
    feet: Mapping[Side, Foot] = field(default_factory=dict)
    walks: tuple[Analysed, ...] = ()
    loads: Mapping[Side, RegionLoads] = field(default_factory=dict)
    insoles: Mapping[Side, Insole] = field(default_factory=dict)
    failed: tuple[Failure, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    inputs: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        for name in ("feet", "loads", "insoles"):
            value = getattr(self, name)
            object.__setattr__(self, name, MappingProxyType({s: value[s] for s in BOTH if s in value}))


def make(order: Order, tell: Tell = silent, helper: Helper | None = None, predicting: bool = False) -> Made:
    """Do the whole job in memory; without a single insole where every foot failed.

    ``helper`` only makes it quicker; ``predicting``: the pressure that each insole will give, too. UsageError for a
    preset that does not exist, ReadError or DesignError for a prescription file that can't be read.
    """
    from insole import read_prescription

    preset = order.preset if order.preset_file is None else str(order.preset_file.path)
    check_preset(preset)
    edits = read_prescription(order.rx.path) if order.rx is not None else {}
    # the scans are the long part: with two of them, each has a process of its own
    ways = {role: partial(find, role, source, order.unit, order.load, order.sd) for role, source in order.scans}
    tell("make.measuring", name=", ".join(source.name for _, source in order.scans))
    scans = list(share(helper if len(ways) > 1 else None, ways).values())
    feet, failed, left_out = _sort(order, scans)
    walks, loads, heard, more_failed, more_left_out = _walks(order, tuple(feet), tell)
    failed, left_out = [*failed, *more_failed], [*left_out, *more_left_out]
    insoles: dict[Side, Insole] = {}
    for side, foot in feet.items():
        tell("make.designing", side=side)
        source = next(s.name for role, s in order.scans if role in (side, "pair", "measurements"))
        try:
            insoles[side] = _insole(
                foot, loads.get(side), preset, _edits(edits, side), order.triangles, heard.get(side)
            )
        except FootscanError as error:
            failed.append(Failure.of(f"{source} ({side})", error))
    if predicting and insoles:
        tell("make.predicting")
        foretold = share(helper, {s: partial(_foretold, i, feet[s], heard.get(s)) for s, i in insoles.items()})
        insoles = {s: replace(i, prediction=foretold[s][0], no_prediction=foretold[s][1]) for s, i in insoles.items()}
    measured = tuple(scan.measured for scan in scans if scan.measured is not None)
    return Made(order, measured, feet, walks, loads, insoles, tuple(failed), tuple(left_out), inputs(order))


def check_preset(preset: str) -> None:
    """UsageError for a name that no preset has."""
    from insole.errors import DesignError
    from insole.prescription import read_preset

    try:
        read_preset(preset)
    except DesignError as error:
        raise UsageError(f"--{error}") from error


def _edits(edits: Mapping[str, Mapping[str, Any]], side: Side) -> dict[str, Any]:
    return {**edits.get("both", {}), **edits.get(side, {})}


def _insole(
    foot: Foot,
    loads: RegionLoads | None,
    preset: str,
    edits: Mapping[str, Any],
    triangles: int,
    heard: Heard | None,
) -> Insole:
    from insole import check_mesh, design, plan_zones, prescribe, solid

    prescription = prescribe(foot.measurements, loads, preset=preset, edits=edits)
    if prescription.met_pad_shape == "bar" and prescription.met_pad_height_mm and heard is not None:
        front = _bar_front(foot, heard)
        prescription = prescribe(foot.measurements, loads, preset=preset, edits=edits, bar_front_mm=front)
    shape = design(foot, prescription, triangles)
    mesh = solid(shape)
    checks = check_mesh(mesh)
    if not checks.ok:
        wrong = next(item for item in checks.items if not (item.ok or item.advice))
        raise ScanError(
            f"expected an insole that can be printed, found: {wrong.message}; check the scan or the prescription"
        )
    return Insole(prescription, shape, mesh, checks, plan_zones(shape, foot, loads))


def _bar_front(foot: Foot, heard: Heard) -> tuple[tuple[float, float], ...] | None:
    """Where the walk says that a bar begins; None where it does not say."""
    from insole import bar_front_of_walk, stance_instants

    try:
        return bar_front_of_walk(foot, stance_instants(*heard, foot))
    except (FootscanError, ValueError):
        return None


def _foretold(insole: Insole, foot: Foot, heard: Heard | None) -> tuple[Prediction | None, str]:
    """The pressure that an insole will give, or why nobody can say."""
    from insole import predict, stance_instants

    if heard is None or insole.zoning is None:
        return None, "no recording says how this foot presses"
    try:
        return predict(insole.design, insole.zoning, foot, stance_instants(*heard, foot)), ""
    except FootscanError as error:
        return None, str(error)


# ------------------------------------------------------------------ scans


@dataclass(frozen=True, eq=False)
class Found:
    """What came of one scan."""

    measured: Measured | None
    feet: Mapping[Side, Foot]
    failed: tuple[Failure, ...]


def find(role: Role, source: Source, unit: str, load: Load, sd: bool = True) -> Found:
    """Read and measure one scan, or read the measures; what fails is in ``failed``."""
    from footscan import find_feet, read_scan

    if role == "measurements":
        return _given(source)
    try:
        scan = replace(read_scan(source.path, unit=unit), source=source.name)
        feet, problems = _choose(role, find_feet(scan, "auto" if role == "pair" else role, load, sd))
    except FootscanError as error:
        return Found(None, {}, (Failure.of(source.name, error),))
    failed = tuple(Failure.of(source.name, ScanError(problem)) for problem in problems)
    measured = Measured(source.name, scan.sha256, scan.unit, tuple(foot.measurements for foot in feet.values()))
    return Found(measured if feet else None, feet, failed)


def _given(source: Source) -> Found:
    """Feet of known measures that nobody scanned."""
    from footscan import usual_foot
    from station.measured import read_feet

    try:
        measures = read_feet(source.path)
        feet = {foot.side: usual_foot(foot) for foot in measures}
    except FootscanError as error:
        return Found(None, {}, (Failure.of(source.name, error),))
    return Found(Measured(source.name, sha256(source.path), "mm", measures), feet, ())


def _sort(order: Order, scans: Sequence[Found]) -> tuple[dict[Side, Foot], list[Failure], list[LeftOut]]:
    """The feet of all scans, left before right; what failed; the feet that no scan was given of."""
    feet: dict[Side, Foot] = {}
    for scan in scans:
        feet |= scan.feet
    roles: set[str] = {role for role, _ in order.scans}
    if "measurements" in roles:
        roles |= set(feet)
    left_out = [LeftOut("no_scan", {"side": side}) for side in BOTH if "pair" not in roles and side not in roles]
    failed = [failure for scan in scans for failure in scan.failed]
    return {side: feet[side] for side in BOTH if side in feet}, failed, left_out


def _choose(role: Role, feet: Iterable[Foot]) -> tuple[dict[Side, Foot], list[str]]:
    """The feet of a scan that the order can use, and what is wrong with the others.

    ScanError where a file given for one foot holds several.
    """
    feet = tuple(feet)
    if role != "pair":
        if len(feet) != 1:
            raise ScanError(f"expected one foot, found {len(feet)}; give a file with both feet as --pair")
        return {feet[0].side: feet[0]}, []
    chosen: dict[Side, Foot] = {}
    problems: list[str] = []
    for side in BOTH:
        of_side = [foot for foot in feet if foot.side == side]
        if len(of_side) == 1:
            chosen[side] = of_side[0]
        else:
            problems.append(
                f"expected one {side} foot, found {len(of_side)} among {len(feet)}; "
                "give each foot's own file as --left and --right"
            )
    return chosen, problems


# ------------------------------------------------------------------ recordings

Heard = tuple["Recording", "RecordingAnalysis"]


def _walks(
    order: Order, sides: tuple[Side, ...], tell: Tell
) -> tuple[tuple[Analysed, ...], dict[Side, RegionLoads], dict[Side, Heard], list[Failure], list[LeftOut]]:
    """What was analysed; by side the loads of the best walk, and that walk; what failed, what was left out."""
    from footscan import read_recording
    from footscan.pressure import analyse, region_loads

    walks: list[Analysed] = []
    loads: dict[Side, RegionLoads] = {}
    heard: dict[Side, Heard] = {}
    failed: list[Failure] = []
    left_out: list[LeftOut] = []
    for source in order.pressure:
        tell("make.walk", name=source.name)
        try:
            recording = read_recording(source.path)
            analysis = analyse(recording)
            if not any(step.used for step in analysis.steps):
                raise ScanError(
                    f"expected a walk, found {no_step(analysis)}; record a few steps or leave this file out"
                )
            of_file = region_loads(analysis)
        except FootscanError as error:
            failed.append(Failure.of(source.name, error))
            continue
        walks.append(Analysed(source.name, sha256(source.path), analysis))
        if ended_early(source.name, recording) is not None:
            left_out.append(LeftOut("ended_early", {"name": source.name}))
        if {step.side for step in analysis.steps} == {"unknown"}:
            left_out.append(LeftOut("unknown_side", {"name": source.name}))
        for side in BOTH:
            if side in of_file and _better(of_file[side], loads.get(side)):
                loads[side], heard[side] = of_file[side], (recording, analysis)
    return tuple(walks), loads, heard, failed, left_out + _unsaid(order, sides, loads)


def no_step(analysis: RecordingAnalysis) -> str:
    """Why a recording holds no step that counts."""
    if not analysis.steps:
        return "no step: " + analysis.reasons.get("steps", "nobody stood on it")
    why = sorted({step.reasons.get("used", "not complete") for step in analysis.steps})
    return f"no step that counts among {len(analysis.steps)}: {', '.join(why)}"


def _unsaid(order: Order, sides: tuple[Side, ...], loads: Mapping[Side, RegionLoads]) -> list[LeftOut]:
    """What the recordings together do not say of the feet."""
    if not order.pressure:
        return [LeftOut("no_recording")]
    left_out = []
    for side in sides:
        if side not in loads:
            left_out.append(LeftOut("no_step_of", {"side": side}))
        elif loads[side].quantity != "pressure":
            left_out.append(LeftOut("no_pressure", {"side": side, "quantity": loads[side].quantity}))
    return left_out


def _better(new: RegionLoads, old: RegionLoads | None) -> bool:
    """Pressure before forces, in a shoe before on a plate, then the one with more steps; else the first one given."""

    def rank(loads: RegionLoads) -> tuple[bool, bool, int]:
        return loads.quantity == "pressure", loads.in_shoe, loads.steps

    return old is None or rank(new) > rank(old)


def inputs(order: Order) -> tuple[Mapping[str, Any], ...]:
    """Role, name, SHA-256 and size of every input file."""
    return tuple(
        {"role": role, "source": source.name, "sha256": sha256(source.path), "bytes": source.path.stat().st_size}
        for role, source in order.sources
        if source.path.is_file()
    )
