"""What can go wrong with a device: which one, what was expected, what was found, what to do."""

from __future__ import annotations

from footscan.errors import FootscanError, printable


class DeviceError(FootscanError):
    """A device that is absent, refuses, or is not what was asked for. Trying again changes nothing.

    Parameters
    ----------
    device : the spec or place as it was given, e.g. ``serial:/dev/ttyUSB0``
    expected, found : what should be there, what is
    hint : what the person can do
    """

    def __init__(self, device: object, expected: str, found: str, hint: str = "") -> None:
        expected, found = printable(expected), printable(found)
        self.device, self.expected, self.found, self.hint = str(device), expected, found, hint
        tail = f"; {hint}" if hint else ""
        super().__init__(f"{device}: expected {expected}, found {found}{tail}")

    def __reduce__(self) -> tuple[type, tuple[str, ...]]:
        return type(self), (self.device, self.expected, self.found, self.hint)


class SpecError(DeviceError):
    """A spec that means nothing: an unknown option, a value that can't be. Wrong use, not a wrong device."""


class DeviceLost(DeviceError):
    """The link is gone or could not be made this time: unplugged, out of range, switched off. Trying again may help."""


class DeviceTimeout(DeviceLost):
    """The device is there but did not answer, or fell silent, for longer than was allowed."""
