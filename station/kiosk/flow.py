"""The customer's way as a pure function: where a visit is, what happens, where it is then.

    way = step(Way(lang="zh", purposes=("measure",)), Named("new"))

Nothing here waits, draws or writes. A step that means nothing on the present screen (a second tap, a late reply) is a
``WrongStep``, and the page that belongs to the visit is simply shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from station import trust

Screen: TypeAlias = Literal[
    "consent", "who", "guardian", "prepare", "scan", "score", "walk", "result", "choose", "confirm", "takeaway", "ended"
]
Side: TypeAlias = Literal["left", "right"]
SCREENS: tuple[Screen, ...] = get_args(Screen)
BOTH: tuple[Side, ...] = ("left", "right")
PURPOSES = ("measure", "keep", "research", "contact")  #: what a consent may be for; the first is needed
STANCES = ("standing", "sitting")
LENGTHS = ("full", "sulcus", "three_quarter")
#: reasons of a scan's quality (docs/measures.md) after which it is not used without another look
STOPPING = (
    "moved", "noise", "implausible", "wrong_side", "side_unknown", "too_sparse", "landmark_unseen", "hole",
    "sole_missing", "sock", "trouser", "weight_shift", "two_people",
)  # fmt: skip
#: of those, the ones with which no insole is made at all
REFUSED = (*trust.REFUSED, "two_people")


class WrongStep(ValueError):
    """Something that can't happen on this screen."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a scan: of which foot (or ``both``), and the code of the reason."""

    side: str
    code: str


@dataclass(frozen=True)
class Choice:
    """What the customer chose of the insole: keys of the studio's covers and shoes, and how long it is."""

    cover: str = ""
    length: str = "full"
    shoe: str = ""


@dataclass(frozen=True)
class Way:
    """Where a visit is.

    purposes : what consent was given for; guardian : a guardian gave it
    who      : ``new`` or ``known`` (came back, or another of the family)
    feet     : the feet that are to be scanned; stance : ``standing`` or ``sitting``
    scans    : how often a scan was begun; scanned : the feet that were measured
    walks    : there are sensors to walk on; walk : ``""`` not yet, ``done``, ``left_out``
    made     : ``""`` nothing asked, ``working``, ``done``, ``failed``: the insoles
    trouble  : key of what to tell on the present screen (a device that is away, a file that can't be read)
    """

    screen: Screen = "consent"
    lang: str = "en"
    purposes: tuple[str, ...] = ()
    guardian: bool = False
    who: str = ""
    feet: tuple[Side, ...] = BOTH
    stance: str = "standing"
    scans: int = 0
    scanned: tuple[Side, ...] = ()
    problems: tuple[Problem, ...] = ()
    walks: bool = True
    walk: str = ""
    made: str = ""
    trouble: str = ""
    choice: Choice = field(default_factory=Choice)
    order: str = ""

    @property
    def refused(self) -> bool:
        """True where the scan is no base for an insole."""
        return not self.scanned or any(problem.code in REFUSED for problem in self.problems)


# ------------------------------------------------------------------ what can happen


@dataclass(frozen=True)
class Agreed:
    """Consent was given for these purposes."""

    purposes: tuple[str, ...]


@dataclass(frozen=True)
class Named:
    """Who it is: ``new`` or ``known``; ``minor``: below the age of consent, so a guardian has to agree."""

    who: str
    minor: bool = False


@dataclass(frozen=True)
class Guarded:
    """The guardian agrees."""


@dataclass(frozen=True)
class Prepared:
    """Which feet are scanned, and how the person is."""

    feet: tuple[Side, ...] = BOTH
    stance: str = "standing"


@dataclass(frozen=True)
class Scanned:
    """Feet were found in the scan and measured."""

    sides: tuple[Side, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Failed:
    """The screen's own work failed; ``trouble`` is the key of what to say."""

    trouble: str


@dataclass(frozen=True)
class Accepted:
    """The scan is to be used as it is."""


@dataclass(frozen=True)
class Redo:
    """The screen's own work again."""


@dataclass(frozen=True)
class Walked:
    """A walk was recorded."""


@dataclass(frozen=True)
class WalkLeftOut:
    """No walk."""


@dataclass(frozen=True)
class Made:
    """The insoles are designed."""


@dataclass(frozen=True)
class Continue:
    """On from a page that only shows."""


@dataclass(frozen=True)
class Chosen:
    """Cover, length, shoe."""

    choice: Choice


@dataclass(frozen=True)
class Confirmed:
    """The order is placed under this name."""

    order: str


@dataclass(frozen=True)
class Back:
    """To the screen before."""


@dataclass(frozen=True)
class Finished:
    """The customer is done, or has left."""


Event: TypeAlias = (
    Agreed | Named | Guarded | Prepared | Scanned | Failed | Accepted | Redo | Walked | WalkLeftOut | Made | Continue
    | Chosen | Confirmed | Back | Finished
)  # fmt: skip


# ------------------------------------------------------------------ the way


def step(way: Way, event: Event) -> Way:
    """The visit after an event. WrongStep where it can't happen now, ValueError for a value that there is not."""
    if isinstance(event, Finished):
        return replace(way, screen="ended", trouble="")
    if way.screen == "ended":
        raise WrongStep(f"a visit that has ended can't take {type(event).__name__}")
    if isinstance(event, Back):
        return _back(way)
    after = _ON[way.screen](way, event)
    if after is None:
        raise WrongStep(f"{type(event).__name__} can't happen on the screen {way.screen}")
    return after


def _consent(way: Way, event: Event) -> Way | None:
    if not isinstance(event, Agreed):
        return None
    unknown = set(event.purposes) - set(PURPOSES)
    if unknown or PURPOSES[0] not in event.purposes:
        raise ValueError(f"purposes must hold {PURPOSES[0]} and be of {', '.join(PURPOSES)}, got {event.purposes}")
    return replace(way, screen="who", purposes=tuple(p for p in PURPOSES if p in event.purposes), trouble="")


def _who(way: Way, event: Event) -> Way | None:
    if isinstance(event, Failed):
        return replace(way, trouble=event.trouble)
    if not isinstance(event, Named):
        return None
    if event.who not in ("new", "known"):
        raise ValueError(f"who must be new or known, got {event.who!r}")
    return replace(way, screen="guardian" if event.minor else "prepare", who=event.who, trouble="")


def _guardian(way: Way, event: Event) -> Way | None:
    return replace(way, screen="prepare", guardian=True) if isinstance(event, Guarded) else None


def _prepare(way: Way, event: Event) -> Way | None:
    if not isinstance(event, Prepared):
        return None
    feet = tuple(side for side in BOTH if side in event.feet)
    if not feet or len(feet) != len(event.feet) or event.stance not in STANCES:
        raise ValueError(f"feet must be left, right or both, stance {' or '.join(STANCES)}, got {event}")
    return _scanning(replace(way, feet=feet, stance=event.stance))


def _scanning(way: Way) -> Way:
    """On the screen of the scan, with nothing of an earlier one."""
    clean = replace(way, scanned=(), problems=(), walk="", made="", trouble="")
    return replace(clean, screen="scan", scans=way.scans + 1)


def _scan(way: Way, event: Event) -> Way | None:
    if isinstance(event, Redo):
        return _scanning(way)
    if isinstance(event, Failed):
        return replace(way, screen="score", trouble=event.trouble)
    if not isinstance(event, Scanned):
        return None
    found = replace(way, scanned=tuple(side for side in way.feet if side in event.sides), problems=event.problems)
    stopped = found.scanned != way.feet or any(problem.code in STOPPING for problem in event.problems)
    return replace(found, screen="score") if stopped else _walking(found)


def _score(way: Way, event: Event) -> Way | None:
    if isinstance(event, Redo):
        return _scanning(way)
    return _walking(way) if isinstance(event, Accepted) and not way.refused else None


def _walking(way: Way) -> Way:
    """Who sits does not walk, nor does anybody without sensors."""
    if not _can_walk(way):
        return _resulting(replace(way, walk="left_out"))
    return replace(way, screen="walk", walk="", made="", trouble="")


def _can_walk(way: Way) -> bool:
    return way.walks and way.stance != "sitting"


def _walk(way: Way, event: Event) -> Way | None:
    if isinstance(event, Redo):
        return replace(way, walk="", made="", trouble="")
    if way.walk == "done":  # it was walked, and the customer came back to look at it
        return replace(way, screen="result", trouble="") if isinstance(event, Continue) else None
    if isinstance(event, Failed):
        return replace(way, trouble=event.trouble)
    if isinstance(event, (Walked, WalkLeftOut)):
        return _resulting(replace(way, walk="done" if isinstance(event, Walked) else "left_out"))
    return None


def _resulting(way: Way) -> Way:
    return replace(way, screen="result", made="working", trouble="")


def _result(way: Way, event: Event) -> Way | None:
    if isinstance(event, Made):
        return replace(way, made="done", trouble="")
    if isinstance(event, Failed):
        return replace(way, made="failed", trouble=event.trouble)
    if isinstance(event, Redo):
        return _scanning(way)
    return replace(way, screen="choose") if isinstance(event, Continue) and way.made == "done" else None


def _choose(way: Way, event: Event) -> Way | None:
    if not isinstance(event, Chosen):
        return None
    if event.choice.length not in LENGTHS:
        raise ValueError(f"length must be one of {', '.join(LENGTHS)}, got {event.choice.length!r}")
    return replace(way, screen="confirm", choice=event.choice, trouble="")


def _confirm(way: Way, event: Event) -> Way | None:
    if isinstance(event, Failed):
        return replace(way, trouble=event.trouble)
    if isinstance(event, Redo):
        return replace(way, trouble="")
    return replace(way, screen="takeaway", order=event.order, trouble="") if isinstance(event, Confirmed) else None


def _takeaway(way: Way, event: Event) -> Way | None:
    return None


_ON = {
    "consent": _consent, "who": _who, "guardian": _guardian, "prepare": _prepare, "scan": _scan, "score": _score,
    "walk": _walk, "result": _result, "choose": _choose, "confirm": _confirm, "takeaway": _takeaway,
}  # fmt: skip


#: screen -> the one before; the way from a result leads to the walk where there can be one
_BEFORE: Mapping[Screen, Screen] = {
    "who": "consent", "guardian": "who", "prepare": "who", "scan": "prepare", "score": "prepare", "walk": "prepare",
    "choose": "result", "confirm": "choose",
}  # fmt: skip


def _back(way: Way) -> Way:
    if way.screen == "result" and _can_walk(way):
        return replace(way, screen="walk", trouble="") if way.walk == "done" else _walking(way)
    if way.screen == "result":
        return replace(way, screen="prepare", trouble="")
    if way.screen not in _BEFORE:
        raise WrongStep(f"there is no way back from {way.screen}")
    return replace(way, screen=_BEFORE[way.screen], trouble="")


# ------------------------------------------------------------------ as it is kept


def to_json(way: Way) -> dict[str, Any]:
    """Plain values, as they are kept between two steps."""
    return asdict(way)


def from_json(data: Mapping[str, Any]) -> Way:
    """The visit that ``to_json`` wrote. ValueError for anything else."""
    try:
        known = dict(data)
        known["choice"] = Choice(**known["choice"])
        known["problems"] = tuple(Problem(**item) for item in known["problems"])
        for name in ("purposes", "feet", "scanned"):
            known[name] = tuple(known[name])
        way = Way(**known)
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected a visit's state, found none: {error}") from error
    if way.screen not in SCREENS:
        raise ValueError(f"screen must be one of {', '.join(SCREENS)}, got {way.screen!r}")
    return way
