"""Signing keys: private ones are for their owner's eyes, and a signature is for one kind of line only."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from policy_service.actor import SERVICE
from policy_service.audit.keys import (
    InvalidSignedLine,
    KeyUnavailable,
    NoSigningKey,
    make_key,
    public_key,
    public_keys,
    read_key,
    read_public_key,
    read_signed,
)
from policy_service.audit.service import current_signer, public_key_in_use, read_public_keys, rotate_key
from tests.audit.logs import Log
from tests.databases import TestClock, fresh_database

ENCODED = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def test_a_private_key_is_a_file_only_its_owner_can_read(tmp_path: Path) -> None:
    signer = make_key(tmp_path / "keys")
    (file,) = (tmp_path / "keys").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert read_key(tmp_path / "keys", signer.public.id).public == signer.public


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    signer = make_key(tmp_path)
    (file,) = tmp_path.iterdir()
    for spoil in (lambda: file.write_bytes(make_other(tmp_path)), lambda: file.write_bytes(b"no key"), file.unlink):
        spoil()
        with pytest.raises(KeyUnavailable, match=f"does not hold the private key {signer.public.id}"):
            read_key(tmp_path, signer.public.id)
        assert public_keys(tmp_path) == {}


def make_other(_: Path) -> bytes:
    return X25519PrivateKey.generate().private_bytes(*ENCODED)


def test_a_public_key_goes_out_and_in_as_pem(tmp_path: Path) -> None:
    signer = make_key(tmp_path / "keys")
    file = tmp_path / "public.pem"
    file.write_text(signer.public.to_pem(), "ascii")
    assert read_public_key(file) == signer.public
    assert public_keys(tmp_path / "keys") == {signer.public.id: signer.public}


def test_a_public_key_may_have_a_byte_order_mark_and_utf_16_is_named(tmp_path: Path) -> None:
    signer = make_key(tmp_path / "keys")
    file = tmp_path / "public.pem"
    file.write_text(signer.public.to_pem(), "utf-8-sig")
    assert read_public_key(file) == signer.public
    file.write_text(signer.public.to_pem(), "utf-16")
    with pytest.raises(KeyUnavailable, match=r"public.pem is UTF-16 text: save it in UTF-8$"):
        read_public_key(file)


def test_what_is_no_public_key_is_told(tmp_path: Path) -> None:
    file = tmp_path / "public.pem"
    with pytest.raises(KeyUnavailable, match="cannot be read: No such file"):
        read_public_key(file)
    other = X25519PrivateKey.generate().public_key()
    pem = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for content in (b"", b"no key", pem):
        file.write_bytes(content)
        with pytest.raises(KeyUnavailable, match="is no public key: expected PEM with an Ed25519 key"):
            read_public_key(file)
    for text in (None, "", "00", "Z" * 64, "A" * 64):
        with pytest.raises(KeyUnavailable, match="32 bytes"):
            public_key(text)


def test_a_signed_line_is_verified_to_the_byte(tmp_path: Path) -> None:
    signer, other = make_key(tmp_path), make_key(tmp_path)
    line = signer.sign_line({"kind": "export", "size": 3})
    signed = read_signed(line, "export")
    assert signer.public.verifies(signed)
    assert not other.public.verifies(signed)
    assert not signer.public.verifies({**signed, "size": 4})
    assert not signer.public.verifies({**signed, "kind": "checkpoint"})
    for signature in (None, 7, "", signed["signature"].upper(), "0" * 128):
        assert not signer.public.verifies({**signed, "signature": signature})


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"kind":"key"}', b'{"kind": "export"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_signed_line_is_told(line: bytes) -> None:
    with pytest.raises(InvalidSignedLine, match="this is no signed export"):
        read_signed(line, "export")


def test_an_error_names_files_to_the_operator_alone() -> None:
    assert KeyUnavailable("no key in /srv/keys").detail == "the log's keys are not here: run `policy-service init`"
    assert InvalidSignedLine("/srv/x: line 3").detail == "the file of checkpoints kept elsewhere was altered"


def test_the_public_key_in_use_is_the_last_that_the_log_names(tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path)
        with database.read() as session:
            assert read_public_keys(session) == ()
            with pytest.raises(NoSigningKey):
                public_key_in_use(session)
            with pytest.raises(NoSigningKey):
                current_signer(session, tmp_path)
        first = log.start()
        with database.write(log.clock) as transaction:
            second = rotate_key(transaction, SERVICE, tmp_path)
        with database.read() as session:
            assert read_public_keys(session) == (first, second)
            assert public_key_in_use(session) == second
