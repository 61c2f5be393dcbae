"""The one error of the wire: bytes that are not what they claim to be."""

from __future__ import annotations


class WireError(ValueError):
    """A frame, packet or message that can't be read, or a value that the wire can't carry.

    Parameters
    ----------
    what : the thing on the wire, e.g. ``"ORPHE notification"``
    expected, found : what the protocol asks for, what came
    hint : what the person can do
    """

    def __init__(self, what: str, expected: str, found: str, hint: str = "") -> None:
        self.what, self.expected, self.found, self.hint = what, expected, found, hint
        super().__init__(f"{what}: expected {expected}, found {found}{'; ' + hint if hint else ''}")

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return type(self), (self.what, self.expected, self.found, self.hint)
