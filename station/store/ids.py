"""Random names that say nothing of anybody, easy to read aloud: Crockford's base 32 (no I, L, O, U)."""

from __future__ import annotations

import hashlib
import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 16  #: characters, 5 bits each
SHORT = 8  #: of what people read to each other: orders
_READ_AS = str.maketrans("ILO", "110")


def new(prefix: str, length: int = LENGTH) -> str:
    """``P-7K3M9Q…``"""
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(length))}"


def read(text: str) -> str:
    """An id as somebody typed it: any case, I and L for 1, O for 0."""
    prefix, dash, rest = text.strip().upper().partition("-")
    return f"{prefix}-{rest.translate(_READ_AS)}" if dash else prefix


def token() -> str:
    """A secret for a QR code, 160 bits; the store keeps only its hash."""
    return "".join(secrets.choice(ALPHABET) for _ in range(32))


def token_hash(text: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(text.strip().upper().translate(_READ_AS).encode()).hexdigest()


ROLE = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")  #: a file's role: no path, no space, nothing personal
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,79}")  #: a short word in clear text
