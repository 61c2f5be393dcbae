"""The copy of the keys that belongs to backups: one file, always written anew in place, opened by a passphrase.

It is sealed to a public key (X25519, HKDF-SHA256, AES-256-GCM), so that erasing a person can take their key out of it
without anybody typing the passphrase; the private key stands in the same file, sealed under the passphrase (scrypt).
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import select

from station.store import disk, settings
from station.store.errors import Damaged, Refused, StoreError
from station.store.models import PersonRow, TombstoneRow, text_of
from station.store.sealed import KEY_BYTES, seal, seal_json, unseal, unseal_json
from station.store.storing import Store

SCHEMA, NAME = "plantar/keys/1", "keys.plantar-keys"
LOCK, PLACES = "backup.lock", "backup.key_files"  #: settings: the public part; path -> whether it is stale
SCRYPT = {"n": 2**15, "r": 8, "p": 1}
SHORTEST = 8  #: characters of a passphrase


@dataclass(frozen=True)
class Copied:
    """What a key file holds: the store it is of, the keys by person; receipt, time and reason of who was erased."""

    store_id: str
    keys: Mapping[str, bytes]
    erased: Mapping[str, tuple[str, str, str]]


def set_passphrase(store: Store, passphrase: str) -> None:
    """The passphrase that opens the key files from now on; those that are within reach are written anew."""
    if len(passphrase) < SHORTEST:
        raise Refused(f"expected a passphrase of {SHORTEST} characters or more, found {len(passphrase)}; take a longer")
    private = X25519PrivateKey.generate()
    salt = base64.b64encode(os.urandom(16)).decode()
    wrapped = seal(_stretched(passphrase, salt, SCRYPT), private.private_bytes_raw(), _private_place(store.id))
    public = private.public_key().public_bytes_raw()
    with store.write():
        settings.put(store, LOCK, {"public": _text(public), "private": _text(wrapped), "salt": salt, **SCRYPT})
        mark_stale(store)
    refresh(store)


def has_passphrase(store: Store) -> bool:
    """Whether a backup can be made without asking for one."""
    return settings.get(store, LOCK) is not None


def write(store: Store, path: Path) -> None:
    """The key file of this store at ``path``, and from now on kept as the store is.

    Refused where there is another store's, or no passphrase yet.
    """
    if not has_passphrase(store):
        raise Refused("expected a passphrase for the keys of the backup, found none; give one")
    if path.exists() and (found := _read(path)["store"]) != store.id:
        raise Refused(f"{path}: expected a place for the keys of {store.id}, found those of {found}; choose another")
    with store.write():
        settings.put(store, PLACES, {**_places(store), str(path.absolute()): True})
    _renew(store, path)


def mark_stale(store: Store) -> None:
    """In a transaction: every key file is to be written anew."""
    places = _places(store)
    if places:
        settings.put(store, PLACES, dict.fromkeys(places, True))


def refresh(store: Store) -> tuple[int, int]:
    """Write the stale ones anew; how many are as the store is, how many are not within reach."""
    places = _places(store)
    for place in [place for place, stale in places.items() if stale]:
        path = Path(place)
        try:
            if not path.exists() or _read(path)["store"] != store.id:
                continue  # the disk is not plugged in, or is another
            _renew(store, path)
        except (OSError, StoreError):
            continue
    stale = sum(_places(store).values())
    return len(places) - stale, stale


def _renew(store: Store, path: Path) -> None:
    """Nobody is erased, by whatever process, between what the file holds and the note that it is as the store is."""
    with store.write():
        disk.rewrite(path, _content(store))
        settings.put(store, PLACES, {**_places(store), str(path.absolute()): False})


def stale(store: Store) -> list[str]:
    """The key files that still hold somebody who was erased, or miss somebody who is new."""
    return [place for place, is_stale in _places(store).items() if is_stale]


def forget(store: Store, path: Path) -> None:
    """A key file that is gone for good (its disk was destroyed)."""
    with store.write():
        settings.put(store, PLACES, {p: s for p, s in _places(store).items() if p != str(path.absolute())})


def read(path: Path, passphrase: str) -> Copied:
    """Open a key file. Refused for a wrong passphrase; Damaged."""
    document = _read(path)
    try:
        lock, store_id = document["lock"], str(document["store"])
        wrapping = _stretched(passphrase, lock["salt"], {k: int(lock[k]) for k in SCRYPT})
        ephemeral, sealed = _bytes(document["ephemeral"]), _bytes(document["sealed"])
        wrapped, public = _bytes(lock["private"]), _bytes(lock["public"])
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"{path}: expected {SCHEMA}, found something else; take the newest copy") from error
    try:
        private = X25519PrivateKey.from_private_bytes(unseal(wrapping, wrapped, _private_place(store_id)))
    except Damaged:
        raise Refused(f"{path}: expected the passphrase of these keys, found another; try again") from None
    shared = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    held = unseal_json(_derived(shared, ephemeral, public), sealed, _place(store_id))
    return Copied(store_id, {p: _bytes(k) for p, k in held["keys"].items()}, held["erased"])


# ------------------------------------------------------------------ inside


def _content(store: Store) -> bytes:
    lock = settings.get(store, LOCK)
    with store.read() as tx:
        living = tx.scalars(select(PersonRow.id)).all()
        stones = tx.scalars(select(TombstoneRow).order_by(TombstoneRow.id)).all()
        erased = {s.id: [s.receipt_id, text_of(s.erased_at), s.reason] for s in stones}
    held = {"keys": {p: _text(store.keys.get(p)) for p in living if store.keys.has(p)}, "erased": erased}
    private, public = X25519PrivateKey.generate(), _bytes(lock["public"])
    ephemeral = private.public_key().public_bytes_raw()
    shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    sealed = seal_json(_derived(shared, ephemeral, public), held, _place(store.id))
    document = {
        "schema": SCHEMA, "store": store.id, "lock": lock, "ephemeral": _text(ephemeral), "sealed": _text(sealed)
    }  # fmt: skip
    return (json.dumps(document, indent=1) + "\n").encode()


def _read(path: Path) -> Any:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA or not isinstance(document["store"], str):
            raise KeyError("schema")
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path}: expected {SCHEMA}, found something else; take the newest copy") from error
    return document


def _places(store: Store) -> dict[str, bool]:
    return dict(settings.get(store, PLACES, {}))


def _stretched(passphrase: str, salt: str, cost: Mapping[str, int]) -> bytes:
    if not (cost["n"] <= 2**20 and cost["r"] <= 16 and cost["p"] <= 4):
        raise ValueError("a cost that nobody asked for")
    return Scrypt(base64.b64decode(salt), KEY_BYTES, **cost).derive(passphrase.encode())


def _derived(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    info = SCHEMA.encode() + ephemeral + public
    return HKDF(hashes.SHA256(), KEY_BYTES, None, info).derive(shared)


def _place(store_id: str) -> str:
    return f"keys/{store_id}"


def _private_place(store_id: str) -> str:
    return f"private/{store_id}"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
