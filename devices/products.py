"""The table of products: a name, and the module that speaks its language, imported when it is asked for.

A package of somebody else adds one by an entry point of the group ``plantar.devices`` that names its ``PRODUCT``; it
can't replace one of ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from devices.errors import DeviceError, SpecError
from devices.ports import Port
from devices.specs import ADDRESSES, OPTIONS, Spec
from devices.types import Decoded

GROUP = "plantar.devices"


@dataclass(frozen=True)
class Product:
    """A row of the table, made at the end of the product's own module.

    packets    : ``async def packets(port) -> AsyncIterator[Decoded]``, a generator: sets the device up, yields its
                 ``DeviceInfo``, then ``Packet`` and ``Mark`` for ever; returns only when the port's source has come to
                 its end. Whatever the port raises passes through. Called anew after each reconnect
    transports : ``("ble",)``, ``("serial",)`` …
    services   : UUIDs in lower case by which it is recognised when it advertises
    names      : beginnings of the name that it advertises
    usb        : (vendor, product) numbers of its USB chip
    baud       : of its serial line
    silent_s   : a device that says nothing for so long is taken for dead
    options    : words that its specs may have, besides those of the transport: any other is refused
    sim_options: further ones that only its simulator knows
    """

    name: str
    title: str
    transports: tuple[str, ...]
    packets: Callable[[Port], AsyncIterator[Decoded]]
    services: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    usb: tuple[tuple[int, int], ...] = ()
    baud: int = 115200
    silent_s: float = 3.0
    options: tuple[str, ...] = ()
    sim_options: tuple[str, ...] = ()


#: name -> the module that has its ``PRODUCT``
PRODUCTS: Mapping[str, str] = MappingProxyType(
    {
        "board": "devices.board",
        "orphe": "devices.orphe",
        "brainco": "devices.brainco",
        "fau": "devices.fau",
        "sensel": "devices.sensel",
        "velostat": "devices.velostat",
        "standard": "devices.standard",
    }
)


@cache
def _others() -> Mapping[str, EntryPoint]:
    found = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    return {point.name: point for point in found if point.name not in PRODUCTS}


def names() -> tuple[str, ...]:
    """All products that are known here, ours first."""
    return (*PRODUCTS, *_others())


def load(name: str, asked: object = "") -> Product:
    """The product of that name, its module imported now.

    asked : the spec, for the message

    Raises
    ------
    SpecError : there is none of that name
    DeviceError : an entry point that does not name a ``Product``
    """
    if name in PRODUCTS:
        product: object = import_module(PRODUCTS[name]).PRODUCT
    elif name in _others():
        product = _others()[name].load()
    else:
        expected = f"a product, one of {', '.join(names())}"
        raise SpecError(asked or name, expected, name or "none", "correct it" if name else "give ?product=…")
    if not isinstance(product, Product):
        found = f"{type(product).__name__} at {_others()[name].value}"
        raise DeviceError(asked or name, f"a Product at the entry point {name}", found, "correct its package")
    return product


def check(spec: Spec, product: Product | None = None) -> None:
    """Look at what a spec says before anything is opened.

    product : what it is for, where that is known; None: by its name, or any that its transport may bring

    Raises
    ------
    SpecError : a product or an option that is not known, an address that is missing, a product of another transport
    """
    name = spec.product or (spec.address if spec.transport == "sim" else "")
    if not spec.address and spec.transport in ADDRESSES and not (product or name):
        hint = "plantar devices lists what is there" if spec.transport in ("serial", "ble") else "add it"
        raise SpecError(spec, ADDRESSES[spec.transport], "none", hint)
    decoded = "product" in OPTIONS[spec.transport]
    if product is not None:
        fitting = [product]
    elif name and decoded:
        fitting = [load(name, spec)]
        if spec.transport not in (*fitting[0].transports, "sim"):
            there = " or ".join(f"{transport}:" for transport in fitting[0].transports)
            raise SpecError(spec, f"{there} for {fitting[0].title}", f"{spec.transport}:", "correct the transport")
    else:
        fitting = [load("board")] if spec.transport == "serial" else list(map(load, names())) if decoded else []
        fitting = [one for one in fitting if spec.transport in one.transports]
    known = [*OPTIONS[spec.transport], *(word for one in fitting for word in one.options)]
    known += [word for one in fitting if spec.transport == "sim" for word in one.sim_options]
    for key in spec.options:
        if key not in known:
            listed = ", ".join(dict.fromkeys(known))
            raise SpecError(spec, f"options among {listed}", f"{key}=", "correct it, or leave it out")
