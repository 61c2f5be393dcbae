"""A certificate for a kiosk that others in the studio's network may ask: the studio's own, or one that we sign."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from station.errors import UsageError
from station.store import disk

CERTIFICATE, KEY = "studio.crt", "studio.key"
DAYS, LEAST_DAYS = 365, 14


def certificate_for(folder: Path, given: tuple[Path, Path] | None, names: Sequence[str]) -> tuple[Path, Path]:
    """Files of a certificate and its key. Without ``given`` one that we signed: kept in the folder, made anew when it
    is about to end or is for other names. UsageError for given files that are none."""
    if given is not None:
        for path in given:
            if not path.is_file():
                raise UsageError(f"{path}: expected a certificate or its key, found no file; correct the name")
        return given
    certificate, key = folder / CERTIFICATE, folder / KEY
    wanted = tuple(sorted({name.lower() for name in (*names, "localhost") if name not in ("0.0.0.0", "::")}))
    with disk.alone(folder):
        if not (key.is_file() and _still_good(certificate, wanted)):
            _sign(certificate, key, wanted)
    return certificate, key


def _still_good(path: Path, names: tuple[str, ...]) -> bool:
    try:
        made = x509.load_pem_x509_certificate(path.read_bytes())
        kept = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=LEAST_DAYS)
    told = {str(v) for v in (*kept.get_values_for_type(x509.DNSName), *kept.get_values_for_type(x509.IPAddress))}
    return made.not_valid_after_utc > end and told == set(names)


def _sign(certificate: Path, key: Path, names: tuple[str, ...]) -> None:
    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plantar kiosk")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(secret, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    text = secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    for path, data in ((key, text), (certificate, made.public_bytes(serialization.Encoding.PEM))):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
