"""A certificate authority of a test's own, and what its certificates serve and trust."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority that nobody trusts but who asks for `client_context`."""

    def __init__(self, folder) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self._certificate = (
            self._draft(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNS_CERTIFICATES, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def server_context(
        self,
        names: Iterable[str],
        *,
        asks_for_certificate: bool = False,
        as_rfc_5280_has_it: bool = True,
    ) -> ssl.SSLContext:
        """What a peer serves TLS with under these names.

        Unless `as_rfc_5280_has_it`, its certificate lacks the key identifiers that strict clients
        want.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = list(names)
        drafted = self._draft(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]),
            key,
            key_identifiers=as_rfc_5280_has_it,
        ).add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
        )
        certificate = drafted.sign(self._key, hashes.SHA256())
        path = self._folder / f"{names[0]}.pem".replace("*", "any").replace(":", "-")
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        if asks_for_certificate:
            context.load_verify_locations(cadata=self._pem())
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self) -> ssl.SSLContext:
        """What the product makes once per process, with this authority trusted as well.

        As strict as from Python 3.13 on.
        """
        context = ssl.create_default_context()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=self._pem())
        return context

    def _pem(self) -> str:
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, key_identifiers: bool = True
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        draft = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
        )
        if not key_identifiers:
            return draft
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return draft.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
        ).add_extension(of_authority, critical=False)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
