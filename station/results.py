"""What came of each input: measured, analysed, failed or left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import one_line

if TYPE_CHECKING:
    from footscan.pressure import RecordingAnalysis
    from footscan.types import FootMeasurements, Recording


@dataclass(frozen=True)
class Source:
    """An input file: where it is, and the ``name`` that every output gives it (as the person gave it)."""

    path: Path
    name: str

    @classmethod
    def given(cls, text: str) -> Source:
        """A path as it stands on the command line."""
        return cls(Path(text), text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))


@dataclass(frozen=True)
class Failure:
    """One item that could not be done: its source, the kind of error, one line that says all."""

    source: str
    error: str
    message: str

    @classmethod
    def of(cls, source: str, error: Exception) -> Failure:
        """From the error that was raised; the line names the source even where the error does not."""
        message = one_line(str(error))
        return cls(source, type(error).__name__, message if source in message else f"{source}: {message}")


@dataclass(frozen=True)
class LeftOut:
    """Something that was not done without anything having failed: its text is ``left_out.<code>``."""

    code: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Measured:
    """One scan: the unit that it was taken to be in, and the feet found in it."""

    source: str
    sha256: str
    unit: str
    feet: tuple[FootMeasurements, ...]


@dataclass(frozen=True, eq=False)
class Analysed:
    """One recording and what was found in it; ``notes`` what its reader assumed, ``mask`` how the feet were divided,
    ``calibration`` how raw readings became kPa."""

    source: str
    sha256: str
    analysis: RecordingAnalysis
    notes: tuple[str, ...] = ()
    mask: str = "auto"
    calibration: str | None = None


def ended_early(name: str, recording: Recording) -> str | None:
    """A line about a recorder that was stopped hard; None where the recording is whole."""
    told = (note for note in recording.notes if note.startswith("the recording ended early"))
    return next((f"{name}: {note}" for note in told), None)
