"""Sealing: AES-256-GCM with a fresh nonce, bound to the place that the value stands in.

What comes out is ``01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)``. A value that was moved to another row, column or file,
cut or changed does not open.
"""

from __future__ import annotations

import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from station.store.errors import Damaged

VERSION = b"\x01"
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
OVERHEAD = len(VERSION) + NONCE_BYTES + TAG_BYTES  #: bytes that sealing adds


def new_key() -> bytes:
    """256 random bits."""
    return AESGCM.generate_key(8 * KEY_BYTES)


def seal(key: bytes, data: bytes, place: str) -> bytes:
    """``data`` so that only ``key`` opens it, and only at ``place`` ("people/P-…/details")."""
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, data, place.encode())


def unseal(key: bytes, sealed: bytes, place: str) -> bytes:
    """What was sealed. Damaged where it is not what was sealed with this key at this place."""
    if sealed[:1] != VERSION or len(sealed) < OVERHEAD:
        raise Damaged(
            f"{place}: expected something sealed, found {len(sealed)} bytes that are not; restore it from a backup"
        )
    nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, rest, place.encode())
    except InvalidTag as error:
        raise Damaged(
            f"{place}: expected what was sealed here, found something else; restore it from a backup"
        ) from error


def seal_json(key: bytes, value: Any, place: str) -> bytes:
    """A JSON value, sealed; ValueError for NaN."""
    return seal(key, json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(), place)


def unseal_json(key: bytes, sealed: bytes, place: str) -> Any:
    """The JSON value that was sealed."""
    return json.loads(unseal(key, sealed, place))
