"""A trust store for the JVM made from the certificates that the rest of the machine trusts.

A JRE from PyPI knows only its own list; behind a company's certificate authority it could reach no mirror.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

from scaleinv.errors import EngineError, explain

PASSWORD = "changeit"  # noqa: S105  # pragma: allowlist secret
"""Java's own default; the store holds public certificates only."""
BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_log = logging.getLogger("scaleinv.lake")


def find_bundle(env: Mapping[str, str] | None = None) -> Path | None:
    """The certificates of this machine: ``SSL_CERT_FILE``, else the system's bundle, else ``None``.

    Raises:
        EngineError: ``SSL_CERT_FILE`` names no file.
    """
    env = os.environ if env is None else env
    named = env.get("SSL_CERT_FILE")
    if named:
        if not Path(named).is_file():
            raise EngineError(
                explain("SSL_CERT_FILE names no file", expected="a PEM file", found=named, do="correct it or unset it")
            )
        return Path(named)
    return next((path for path in BUNDLES if path.is_file()), None)


def trust_store(bundle: Path, cache: Path) -> Path:
    """The PKCS12 trust store made from a PEM ``bundle``; kept in ``cache`` under the bundle's hash.

    Raises:
        EngineError: the bundle holds no certificate that can be read.
    """
    pem = bundle.read_bytes()
    store = cache / "truststore" / f"{hashlib.sha256(pem).hexdigest()[:16]}.p12"
    if store.is_file():
        return store
    certificates = _certificates(pem)
    if not certificates:
        raise EngineError(
            explain("no certificate in the bundle", found=str(bundle), do="let SSL_CERT_FILE name a PEM file")
        )
    data = serialize_java_truststore(certificates, BestAvailableEncryption(PASSWORD.encode()))
    store.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=store.parent, prefix=".draft-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(draft).chmod(0o644)
    Path(draft).replace(store)
    return store


def java_options(store: Path) -> list[str]:
    """The JVM's options that make it use ``store``."""
    return [
        f"-Djavax.net.ssl.trustStore={store}",
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
    ]


def _certificates(pem: bytes) -> list[PKCS12Certificate]:
    """Every certificate that can be read, once; a bundle may hold very old ones that no parser takes any more."""
    found: dict[bytes, PKCS12Certificate] = {}
    unread = 0
    for block in pem.split(_BEGIN)[1:]:
        body = _BEGIN + block.partition(_END)[0] + _END + b"\n"
        if body in found:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                certificate = x509.load_pem_x509_certificate(body)
        except ValueError:
            unread += 1
            continue
        found[body] = PKCS12Certificate(certificate, f"ca-{len(found)}".encode())
    if unread:
        _log.warning("%d certificates of the bundle could not be read and are not trusted", unread)
    return list(found.values())
