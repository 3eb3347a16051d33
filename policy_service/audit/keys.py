"""The keys the log is signed with (Ed25519, RFC 8032), and lines signed with them.

A signed line is canonical JSON with its purpose in `kind`, the key's name in `key`, and a `signature` over the kind and
the rest of the line. So a signed checkpoint can never pass for an export's header:

    {"at":"…", "head":"…", "key":"sha256:…", "kind":"checkpoint", …, "signature":"…"}

A key is named by its fingerprint, the digest of its 32 public bytes. A private key is a PEM file readable only by its
owner.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from policy_service.canonical import digest, to_canonical_json, to_canonical_json_unchecked
from policy_service.characters import detect_wide_encoding
from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message
from policy_service.private_file import private_file

_PUBLIC, _SIGNATURE = 32, 64


class KeyUnavailable(PolicyServiceError):
    """A required key is missing or invalid; the message says which."""

    kind: ClassVar[ErrorKind] = "conflict"

    @property
    def detail(self) -> str:
        """Return what to do about it; files and folders are only told to the operator."""
        return Message("the log's keys are not here: run `policy-service init`")


class NoSigningKey(KeyUnavailable):
    """The log has no signing key yet."""

    def __init__(self) -> None:
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """Return what to do about it."""
        return Message("the log has no signing key: run `policy-service init`")


class InvalidSignedLine(PolicyServiceError, ValueError):
    """The line is not the canonical JSON of a signed line."""

    kind = "conflict"

    @property
    def detail(self) -> str:
        """Return what was altered; the file is only told to the operator."""
        return Message("the file of checkpoints kept elsewhere was altered")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key: its fingerprint, and its 32 bytes as hexadecimal."""

    id: str
    text: str

    def verifies(self, line: Mapping[str, Any]) -> bool:
        """Return True if this key verifies the signature of a line."""
        body = {name: value for name, value in line.items() if name != "signature"}
        signature = decode_hex(line.get("signature"), _SIGNATURE)
        if signature is None:
            return False
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.text))
        try:
            key.verify(signature, _message(body))
        except InvalidSignature:
            return False
        return True

    def to_pem(self) -> str:
        """Return the key as a PEM SubjectPublicKeyInfo (RFC 8410)."""
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.text))
        encoded = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode("ascii")


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and its public half."""

    private: Ed25519PrivateKey
    public: PublicKey

    def sign(self, body: Mapping[str, Any]) -> str:
        """Return the signature of a body with a `kind`, as hexadecimal."""
        return self.private.sign(_message(body)).hex()

    def sign_line(self, body: Mapping[str, Any]) -> bytes:
        """Return the body as a signed line."""
        keyed_body = {**body, "key": self.public.id}
        return to_canonical_json({**keyed_body, "signature": self.sign(keyed_body)})


def read_signed(line: bytes, kind: str) -> dict[str, Any]:
    """Parse a signed line of a kind; `PublicKey.verifies` checks its signature.

    Raises InvalidSignedLine.
    """
    try:
        payload = msgspec.json.decode(line)
        if isinstance(payload, dict) and payload.get("kind") == kind and to_canonical_json_unchecked(payload) == line:
            return cast("dict[str, Any]", payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    raise InvalidSignedLine(f"this is no signed {kind}")


def public_key(text: object) -> PublicKey:
    """Return the key given by 32 bytes in hexadecimal. Raises KeyUnavailable."""
    key_bytes = decode_hex(text, _PUBLIC)
    if key_bytes is None:
        raise KeyUnavailable("a public key is 32 bytes, written as hexadecimal")
    return PublicKey(digest(key_bytes), key_bytes.hex())


def read_public_key(file: Path) -> PublicKey:
    """Return the public key in a PEM file. Raises KeyUnavailable."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise KeyUnavailable(f"{file} cannot be read: {error.strerror}") from None
    if encoding := detect_wide_encoding(content):
        raise KeyUnavailable(f"{file} is {encoding} text: save it in UTF-8")
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnavailable(
            f"{file} is no public key: expected PEM with an Ed25519 key, as `audit public-key` prints it"
        )
    return _public(key)


# --------------------------------------------------------------------------------------------------- the folder


def make_key(folder: Path) -> Signer:
    """Return a new private key, already written durably to the folder."""
    private = Ed25519PrivateKey.generate()
    signer = Signer(private, _public(private.public_key()))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    encoded = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with private_file(_file(folder, signer.public.id)) as file:
        file.write(encoded)
    return signer


def read_key(folder: Path, id: str) -> Signer:  # noqa: A002  # the key's word for it
    """Return the private key with a fingerprint. Raises KeyUnavailable."""
    file = _file(folder, id)
    signer = _read_private(file)
    if signer is None or signer.public.id != id:
        raise KeyUnavailable(f"{file} does not hold the private key {id}")
    return signer


def public_keys(folder: Path) -> dict[str, PublicKey]:
    """Return the public halves of all private keys in the folder, by fingerprint."""
    signers = (_read_private(file) for file in sorted(folder.glob("log-*.pem")))
    return {signer.public.id: signer.public for signer in signers if signer is not None}


def decode_hex(text: object, size: int) -> bytes | None:
    """Return the bytes of lower-case hexadecimal; None if it is invalid or of another size."""
    value = None
    if isinstance(text, str) and len(text) == 2 * size:
        with contextlib.suppress(ValueError):
            value = bytes.fromhex(text)
    return value if value is not None and value.hex() == text else None


def _read_private(file: Path) -> Signer | None:
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return Signer(key, _public(key.public_key())) if isinstance(key, Ed25519PrivateKey) else None


def _public(key: Ed25519PublicKey) -> PublicKey:
    return public_key(key.public_bytes_raw().hex())


def _message(body: Mapping[str, Any]) -> bytes:
    return f"policy-service {body['kind']} 1\n".encode() + to_canonical_json_unchecked(dict(body))


def _file(folder: Path, id: str) -> Path:  # noqa: A002  # the key's word for it
    return folder / f"log-{id.removeprefix('sha256:')[:16]}.pem"
