"""What can go wrong at the roof, and the exit code of everything that can go wrong below it."""

from __future__ import annotations

import errno
from collections.abc import Iterable

DONE, SOME_FAILED, USAGE, NOTHING_DONE, OUT_OF_ROOM, DEVICE, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_UNWRITABLE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOENT,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EBUSY, errno.EXDEV, errno.ENOTEMPTY, errno.EINVAL,
}  # fmt: skip


class StationError(Exception):
    """Base of the roof's own errors; ``exit_code`` is what the command ends with."""

    exit_code = NOTHING_DONE


class UsageError(StationError):
    """The command was asked for something that it can't mean: exit 2."""

    exit_code = USAGE


class FolderError(StationError):
    """An order's folder that can't or must not be written: exit 2."""

    exit_code = USAGE


class NothingDoneError(StationError):
    """Every item failed; ``lines`` says why, a line each: exit 3."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("; ".join(self.lines))


def known(error: BaseException) -> bool:
    """True for what is raised on purpose or by the machine's limits; False for a mistake in the program."""
    from footscan.errors import FootscanError

    return isinstance(error, (StationError, FootscanError, OSError, MemoryError, KeyboardInterrupt))


def exit_code(error: BaseException) -> int:
    """The exit code of docs/commands.md for an error that ended the command."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, StationError):
        return error.exit_code
    if _is_device_error(error):
        return DEVICE
    if isinstance(error, (MemoryError, TimeoutError)):
        return OUT_OF_ROOM
    if isinstance(error, OSError):
        if error.errno in _FULL:
            return OUT_OF_ROOM
        return USAGE if error.errno in _UNWRITABLE else NOTHING_DONE
    return NOTHING_DONE


def _is_device_error(error: BaseException) -> bool:
    from devices.errors import DeviceError

    return isinstance(error, DeviceError)


def one_line(text: str) -> str:
    """Printable, on one line: what a file holds must not be able to move the cursor."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def lines(error: BaseException) -> tuple[str, ...]:
    """What a person reads about an error: a line an item, each with file, expected, found, what to do."""
    if isinstance(error, NothingDoneError):
        return tuple(one_line(line) for line in error.lines)
    if isinstance(error, KeyboardInterrupt):
        return ("interrupted: nothing of the unfinished order was kept",)
    if isinstance(error, MemoryError):
        return (f"out of memory ({one_line(str(error)) or 'no detail'}): give smaller scans or one foot at a time",)
    if isinstance(error, OSError):
        return (_os_line(error),)
    if known(error):
        return (one_line(str(error)),)
    return (
        f"{type(error).__name__}: {one_line(str(error))}: a mistake in plantar; run again with --debug and report it",
    )


def _os_line(error: OSError) -> str:
    where = one_line(str(error.filename)) if error.filename is not None else "the output"
    found = error.strerror or str(error)
    if error.errno in _FULL:
        return f"{where}: expected room to write, found: {found}; free some space or choose another place"
    if error.errno in _UNWRITABLE:
        return f"{where}: expected a place that can be written, found: {found}; choose another place"
    return one_line(f"{where}: expected to read or write it, found: {found}")
