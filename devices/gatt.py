"""What a simulated Bluetooth device offers, as plain records: services and their characteristics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Attributed:
    """One characteristic: its UUID (16 bits as "2a19" or 128), its properties ("read", "write",
    "write-without-response", "notify", "indicate"), and what a read gives."""

    uuid: str
    properties: Sequence[str]
    value: bytes | Callable[[], bytes] = b""


#: UUID of a service → its characteristics
Services: TypeAlias = Mapping[str, Sequence[Attributed]]
