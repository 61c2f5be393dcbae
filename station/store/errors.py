"""What can go wrong with the store: what was expected, what was found, what to do; no message holds personal data."""

from __future__ import annotations

from station.errors import OUT_OF_ROOM, USAGE, StationError


class StoreError(StationError):
    """Base of the store's errors: exit 3."""


class NotFound(StoreError):
    """Nothing is kept under this id or token."""


class Erased(NotFound):
    """The person was erased: there is a tombstone."""


class Refused(StoreError):
    """What was asked contradicts what is kept, such as a step that an order can't take: exit 2."""

    exit_code = USAGE


class ConsentMissing(Refused):
    """No standing consent for this; ``needs_guardian`` where the person's own is not enough."""

    def __init__(self, message: str, needs_guardian: bool = False) -> None:
        self.needs_guardian = needs_guardian
        super().__init__(message)


class WrongPin(Refused):
    """Not this PIN; ``tries_left`` before a lock."""

    def __init__(self, message: str, tries_left: int) -> None:
        self.tries_left = tries_left
        super().__init__(message)


class Locked(Refused):
    """Too many wrong PINs; ``seconds`` until the next try is looked at."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class StoreFull(StoreError):
    """No room on the disk: nothing of the transaction was kept, what was kept before still is. Exit 4."""

    exit_code = OUT_OF_ROOM


class StoreBusy(StoreError):
    """Another held the store for longer than is waited. Exit 4."""

    exit_code = OUT_OF_ROOM


class Damaged(StoreError):
    """Something kept is not what was put there."""
