"""A played Kafka broker behind TLS: says what it can, listens to who somebody claims to be, and refuses them.

It reads what `Kafka's protocol <https://kafka.apache.org/protocol.html>`_ sends before anything else: ApiVersions,
SaslHandshake, SaslAuthenticate.
"""

import datetime as dt
import ipaddress
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HANDSHAKE, _API_VERSIONS, _AUTHENTICATE = 17, 18, 36
#: What it can, each with the versions: enough for a client to go on.
_CAN = {0: (3, 7), 1: (4, 11), 3: (0, 5), _HANDSHAKE: (0, 1), _API_VERSIONS: (0, 3), _AUTHENTICATE: (0, 0)}
_AUTHENTICATION_FAILED = 58


@dataclass
class Authority:
    """Who signs certificates; files below ``folder``."""

    folder: Path
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
        self.file = self.folder / "ca.pem"
        made = self._signed(self.name, self._key.public_key(), authority=True)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a certificate for this machine, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(
            self._signed(subject, key.public_key()).public_bytes(serialization.Encoding.PEM)
        )
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, private

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool = False
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )


@dataclass
class Heard:
    """What clients have said of themselves."""

    port: int
    mechanisms: list[str] = field(default_factory=list)
    claims: list[bytes] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)


@contextmanager
def secured_broker(authority: Authority) -> Iterator[Heard]:
    """Listen on a port of this machine; who comes has to have a certificate of the authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("broker"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:
        heard = Heard(listening.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listening, context, heard))
        thread.start()
        try:
            yield heard
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext, heard: Heard) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        with suppress(OSError), plain:
            plain.settimeout(5)
            with context.wrap_socket(plain, server_side=True) as client:
                subject = dict(pair for part in client.getpeercert()["subject"] for pair in part)
                heard.certificates.append(subject["commonName"])
                with client.makefile("rb") as reading:
                    while head := reading.read(4):
                        client.sendall(_answer(reading.read(struct.unpack(">i", head)[0]), heard))


def _answer(request: bytes, heard: Heard) -> bytes:
    """Return the answer to a request: its correlation id, then what belongs to it."""
    kind, version, correlation, length = struct.unpack_from(">hhih", request)
    body = request[10 + max(length, 0) :]
    if kind == _API_VERSIONS:
        told = struct.pack(">hb", 0, len(_CAN) + 1)
        told += b"".join(struct.pack(">hhhb", key, *versions, 0) for key, versions in _CAN.items())
        told += struct.pack(">ib", 0, 0)
        assert version == 3
    elif kind == _HANDSHAKE:
        name = body[2:]
        heard.mechanisms.append(name.decode())
        told = struct.pack(">hih", 0, 1, len(name)) + name
    else:
        assert kind == _AUTHENTICATE
        heard.claims.append(body[4:])
        message = b"nobody is let in here"
        told = struct.pack(">hh", _AUTHENTICATION_FAILED, len(message)) + message + struct.pack(">i", 0)
    return struct.pack(">ii", len(told) + 4, correlation) + told
