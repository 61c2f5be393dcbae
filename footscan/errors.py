"""The family of errors: what was read, what was expected, what was found, what to do."""

from __future__ import annotations


class FootscanError(Exception):
    """Base of everything that footscan raises on purpose."""


class ReadError(FootscanError, ValueError):
    """A file that can't be read as what it claims to be.

    Parameters
    ----------
    file : path or name as it was given
    expected, found : what the format asks for, what stands there
    hint : what the person can do
    offset : byte or line where it was noticed, e.g. ``"line 12"`` or ``"byte 84"``
    """

    def __init__(self, file: object, expected: str, found: str, hint: str = "", offset: str = "") -> None:
        expected, found, offset = (printable(words) for words in (expected, found, offset))
        self.file, self.expected, self.found, self.hint, self.offset = str(file), expected, found, hint, offset
        place = f" at {offset}" if offset else ""
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{file}{place}: expected {expected}, found {found}{tail}")

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        # the default would call __init__ with the one joined message: worker processes must hand the error back whole
        return type(self), (self.file, self.expected, self.found, self.hint, self.offset)


def printable(words: str) -> str:
    """Words of a damaged file, fit for one line of a message."""
    return (
        words if words.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
    )


class ScanError(FootscanError):
    """The data were read, but can't support the answer that was asked of them."""
