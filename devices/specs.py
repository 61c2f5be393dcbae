"""What a person writes to name a source: ``transport:address[?key=value&…]``.

serial:/dev/ttyUSB0?product=sensel      ble:ORPHE-1234?side=left      sim:orphe?seed=1
replay:walk.mcap?speed=2                watch:/scans                  realsense:   depth:/frames
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast
from urllib.parse import parse_qsl

from devices.errors import SpecError
from footscan.types import SIDES, Side

#: transport -> the module that opens it. Where bytes come that a product decodes it has
#:   ``async def connect(spec, product, known) -> Port``   ``known``: the ``PortFacts`` of the link before, else None:
#:                                                         find the same device again, wherever it is now
#:   ``async def recognise(spec) -> str``                  the product's name, for a spec that names none (if it can)
#: and where finished things come (scans, files, a played recording)
#:   ``def items(spec) -> AsyncIterator``                  ends when there is nothing more
TRANSPORTS: Mapping[str, str] = MappingProxyType(
    {
        "serial": "devices.serial_port",
        "ble": "devices.ble",
        "sim": "devices.simulated",
        "replay": "devices.replay",
        "watch": "devices.watch",
        "realsense": "devices.realsense",
        "depth": "devices.depth",
    }
)

#: transport -> its own options; ``products.check`` adds those of the product
OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "serial": ("product", "side", "baud"),
        "ble": ("product", "side", "scan_s", "settle_s", "radio"),
        "sim": (
            "product", "side", "seed", "recording", "radio", "speed", "ppm", "loss", "doubles",
            "burst_s", "drop_every_s",
        ),
        "replay": ("device", "part", "speed"),
        "watch": ("poll", "settle", "give_up", "existing"),
        "realsense": ("width", "height", "fps", "frames", "warm_up", "scans", "near_mm", "far_mm", "edge_mm"),
        "depth": ("near_mm", "far_mm", "edge_mm", "merge", "fx", "fy", "cx", "cy", "mm"),
    }
)  # fmt: skip
#: what an empty address lacks; a camera is the one that is plugged in, a device may be known by its product
ADDRESSES: Mapping[str, str] = MappingProxyType(
    {
        "serial": "a port, as in serial:/dev/ttyUSB0 or serial:COM3",
        "ble": "a name or an address, as in ble:ORPHE-1234, or ?product=",
        "sim": "a product, as in sim:board",
        "replay": "a file, as in replay:walk.mcap",
        "watch": "a folder, as in watch:scans",
        "depth": "a file or a folder, as in depth:frames",
    }
)


@dataclass(frozen=True)
class Spec:
    """A spec, taken apart; ``str()`` gives it back as it was written."""

    transport: str
    address: str
    options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))

    def __str__(self) -> str:
        return self.text or self.name

    @property
    def name(self) -> str:
        """The spec without its options, for messages."""
        return f"{self.transport}:{self.address}"

    @property
    def product(self) -> str:
        """The product that was asked for, or empty."""
        return self.options.get("product", "")

    @property
    def side(self) -> Side:
        """The side that was asked for, or ``unknown``."""
        return cast(Side, self.options.get("side", "unknown"))

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """An option that is a number; SpecError if it is none or out of bounds."""
        text = self.options.get(key)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise SpecError(self, f"{key} from {least:g} to {most:g}", f"{key}={text}", "correct it")
        return value

    def text_of(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """An option that is one of some words; SpecError if it is another."""
        word = self.options.get(key, default)
        if word not in allowed:
            raise SpecError(self, f"{key} to be one of {', '.join(allowed)}", f"{key}={word}", "correct it")
        return word


def parse(text: str | Spec) -> Spec:
    """Take a spec apart.

    Raises
    ------
    SpecError : no transport or one that is not known, options that are no ``key=value``, a key given twice, a side
        that is none
    """
    if isinstance(text, Spec):
        return text
    shape = "transport:address[?key=value&…]"
    known = ", ".join(f"{name}:" for name in TRANSPORTS)
    transport, colon, rest = text.partition(":")
    if not colon:
        raise SpecError(repr(text), shape, "no colon", f"begin with one of {known}")
    if transport not in TRANSPORTS:
        raise SpecError(repr(text), f"one of {known}", f"{transport}:", "correct the transport")
    address, mark, tail = rest.partition("?")
    try:
        pairs = parse_qsl(tail, keep_blank_values=True, strict_parsing=True) if tail else []
    except ValueError as error:
        raise SpecError(repr(text), shape, f"{mark}{tail}", "write options as key=value&key=value") from error
    options = dict(pairs)
    if len(options) != len(pairs):
        raise SpecError(repr(text), "each option once", f"{mark}{tail}", "leave one of them out")
    if options.get("side", "unknown") not in SIDES:
        raise SpecError(repr(text), f"side={'|'.join(SIDES)}", f"side={options['side']}", "correct it")
    return Spec(transport, address, options, text)
