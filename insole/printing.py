"""Who prints what, and when: plates queued on several printers so that all are done early.

Longest first, each to the printer that is done with it first (Graham 1969, doi:10.1137/0117039); then, as long as the
last printer gets done earlier, a plate goes over to another printer, two are exchanged, or some insoles of a plate are
printed on another printer: what was apart on one plate is apart on two. A pure function, minutes in and minutes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

BETWEEN_MIN = 15.0  #: to take a plate off and begin the next (our choice)
WORTH_MIN = 30.0  #: a plate is divided only where all are done so much earlier
MOST_EXCHANGED = 400  #: plates: with more, single moves leave nothing to gain
NOTHING = 1e-9


@dataclass(frozen=True)
class Printer:
    """``material`` is the card's name of what is loaded; ``speed`` multiplies that of the estimates; ``between_min`` is
    spent before each plate; ``busy_min`` it still prints something else."""

    name: str
    bed_mm: tuple[float, float]
    material: str
    nozzle_mm: float = 0.4
    speed: float = 1.0
    between_min: float = BETWEEN_MIN
    busy_min: float = 0.0

    def takes(self, plate: Plate) -> bool:
        """Whether it has the bed, the nozzle and the material of a plate."""
        room = all(mine >= asked - NOTHING for mine, asked in zip(self.bed_mm, plate.bed_mm))
        return room and self.material == plate.material and abs(self.nozzle_mm - plate.nozzle_mm) < NOTHING

    def lasts_min(self, minutes: float) -> float:
        """How long it is taken by a plate of so many estimated minutes."""
        return self.between_min + minutes / self.speed


@dataclass(frozen=True)
class Plate:
    """What a plate asks of a printer, and the estimated ``minutes`` of each insole on it."""

    minutes: tuple[float, ...]
    bed_mm: tuple[float, float]
    material: str
    nozzle_mm: float = 0.4


@dataclass(frozen=True)
class Run:
    """Some or all insoles (their places in the plate) of a plate on a printer (its place in the list); ``begin_min``
    after ``between_min``, when it starts to print."""

    plate: int
    insoles: tuple[int, ...]
    printer: int
    begin_min: float
    end_min: float


@dataclass(frozen=True)
class Queue:
    """All runs, by printer and time; plates that ``nobody`` takes; when all is done, and before when it can't be."""

    runs: tuple[Run, ...]
    nobody: tuple[int, ...]
    makespan_min: float
    bound_min: float


@dataclass(frozen=True)
class _Job:
    plate: int
    insoles: tuple[int, ...]
    minutes: float


def queue(plates: Sequence[Plate], printers: Sequence[Printer]) -> Queue:
    """Who prints which plate when. The same plates and printers give the same queue."""
    takers = [tuple(k for k, printer in enumerate(printers) if printer.takes(plate)) for plate in plates]
    jobs = [_Job(n, tuple(range(len(p.minutes))), sum(p.minutes)) for n, p in enumerate(plates) if takers[n]]
    lists: list[list[_Job]] = [[] for _ in printers]
    for job in sorted(jobs, key=lambda j: (-j.minutes, j.plate)):
        best = min(takers[job.plate], key=lambda k: (_end(printers[k], [*lists[k], job]), k))
        lists[best].append(job)
    bound = least_min(plates, printers)
    while max(map(_end, printers, lists), default=0.0) > bound + NOTHING and _better(lists, plates, printers, takers):
        pass
    runs = [run for k, printer in enumerate(printers) for run in _runs(k, printer, lists[k])]
    nobody = tuple(n for n in range(len(plates)) if not takers[n])
    return Queue(tuple(runs), nobody, max((run.end_min for run in runs), default=0.0), bound)


def least_min(plates: Sequence[Plate], printers: Sequence[Printer]) -> float:
    """No queue is done before: work over speed of those who may do it; the longest insole on its fastest printer."""
    takers = [frozenset(k for k, printer in enumerate(printers) if printer.takes(plate)) for plate in plates]
    groups = {group for group in takers if group}
    least = 0.0
    for group in {*groups, frozenset().union(*groups)} if groups else set():
        inside = [plate for plate, who in zip(plates, takers) if who and who <= group]
        those = sorted((printers[k] for k in group), key=lambda p: p.between_min + p.busy_min)
        work = sum(sum(plate.minutes) for plate in inside)
        # nobody prints before a first change; more printers than are worth it make no bound
        starts = [0.0, 0.0]
        filled = []
        for printer in those:
            starts[0] += printer.speed
            starts[1] += printer.speed * (printer.between_min + printer.busy_min)
            filled.append((work + starts[1]) / starts[0])
        # each plate needs a change
        changes = len(inside) * min(p.speed * p.between_min for p in those)
        every = (work + changes) / sum(p.speed for p in those)
        least = max(least, min(filled), every)
    for plate, who in zip(plates, takers):
        if who and plate.minutes:
            longest = max(plate.minutes)
            least = max(least, min(printers[k].busy_min + printers[k].lasts_min(longest) for k in who))
    return least


def share_out(
    minutes: Sequence[float], sizes: Sequence[float], fits: Sequence[Sequence[bool]], speeds: Sequence[float]
) -> list[int | None]:
    """Which bed each insole is laid out for, so that the printers of all beds have work for as long.

    Parameters
    ----------
    minutes, sizes : of each insole; the larger ones go to the larger beds
    fits : for each insole, which of the beds take it, the beds by rising size
    speeds : how much the printers of each bed do together

    None for what fits no bed.
    """
    room = [sum(minutes) * speed / sum(speeds) for speed in speeds] if sum(speeds) > 0 else [0.0] * len(speeds)
    beds: list[int | None] = [None] * len(minutes)
    order = sorted(range(len(minutes)), key=lambda k: (-sizes[k], k))
    # those that have no choice first: they take room
    for k in sorted(order, key=lambda k: sum(fits[k]) > 1):
        possible = [bed for bed, fit in enumerate(fits[k]) if fit]
        if possible:
            open_ = [bed for bed in possible if room[bed] >= 0.5 * minutes[k]]
            beds[k] = (
                max(open_) if open_ else max(possible, key=lambda bed: (room[bed] / max(speeds[bed], NOTHING), bed))
            )
            room[beds[k] or 0] -= minutes[k]
    return beds


# ------------------------------------------------------------------ inside


def _end(printer: Printer, jobs: Iterable[_Job]) -> float:
    """When a printer is done; 0 without work."""
    lasts = [printer.lasts_min(job.minutes) for job in jobs]
    return printer.busy_min + sum(lasts) if lasts else 0.0


def _better(
    lists: list[list[_Job]], plates: Sequence[Plate], printers: Sequence[Printer], takers: Sequence[tuple[int, ...]]
) -> bool:
    """Takes work off the printer that is done last, if then it and the other are done earlier; False where none is."""
    ends = [_end(printer, jobs) for printer, jobs in zip(printers, lists)]
    last = max(range(len(ends)), key=lambda k: (ends[k], -k))
    best: tuple[float, int, list[_Job], list[_Job]] | None = None
    for other, mine, theirs in _changes(lists, last, takers, plates, ends, printers):
        end = max(_end(printers[last], mine), _end(printers[other], theirs))
        divided = len(mine) + len(theirs) > len(lists[last]) + len(lists[other])
        gain = ends[last] - end
        if gain > (WORTH_MIN if divided else NOTHING) and (best is None or end < best[0] - NOTHING):
            best = (end, other, mine, theirs)
    if best is None:
        return False
    _, other, lists[last], lists[other] = best
    return True


def _changes(
    lists: list[list[_Job]],
    last: int,
    takers: Sequence[tuple[int, ...]],
    plates: Sequence[Plate],
    ends: Sequence[float],
    printers: Sequence[Printer],
) -> Iterator[tuple[int, list[_Job], list[_Job]]]:
    """Other printer, and what both would have: moves, exchanges, divided plates."""
    exchange = sum(map(len, lists)) <= MOST_EXCHANGED
    for k, job in enumerate(lists[last]):
        rest = [*lists[last][:k], *lists[last][k + 1 :]]
        for other in takers[job.plate]:
            if other == last:
                continue
            yield other, rest, [*lists[other], job]
            for n, back in enumerate(lists[other]) if exchange else ():
                if last in takers[back.plate]:
                    yield other, [*rest, back], [*lists[other][:n], *lists[other][n + 1 :], job]
            for stays, goes in _divided(job, plates[job.plate], ends, last, other, printers):
                yield other, [*rest, stays], [*lists[other], goes]


def _divided(
    job: _Job, plate: Plate, ends: Sequence[float], last: int, other: int, printers: Sequence[Printer]
) -> Iterator[tuple[_Job, _Job]]:
    """A plate in two: the shortest insoles go, one, two, … of them, as long as the other printer is done before."""
    by_length = sorted(job.insoles, key=lambda k: (plate.minutes[k], k))
    for count in range(1, len(by_length)):
        goes = by_length[:count]
        minutes = sum(plate.minutes[k] for k in goes)
        if max(ends[other], printers[other].busy_min) + printers[other].lasts_min(minutes) >= ends[last]:
            return
        stays = tuple(sorted(set(job.insoles) - set(goes)))
        yield _Job(job.plate, stays, job.minutes - minutes), _Job(job.plate, tuple(sorted(goes)), minutes)


def _runs(number: int, printer: Printer, jobs: Sequence[_Job]) -> Iterator[Run]:
    """In the plates' order."""
    at = printer.busy_min
    for job in sorted(jobs, key=lambda j: (j.plate, j.insoles)):
        end = at + printer.lasts_min(job.minutes)
        yield Run(job.plate, job.insoles, number, at + printer.between_min, end)
        at = end
