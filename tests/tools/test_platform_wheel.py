"""The wheel with the engine inside: it holds what both hold, asks for no engine, and lists every digest."""

from __future__ import annotations

import base64
import csv
import hashlib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.architecture.project import settings
from tools.platform_wheel import UnexpectedWheel, combined, main, read_wheel

PLATFORM = "cp311-cp311-linux_x86_64"
INFO = "policy_service-0.1.0.dist-info"
MODULE = "durable_rules_engine.cpython-311-x86_64-linux-gnu.so"
SERVICE = {
    "policy_service/__init__.py": b"",
    f"{INFO}/METADATA": b"License-File: LICENSE\nRequires-Dist: durable-rules==2.0.28\nRequires-Dist: babel<3\n\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{INFO}/RECORD": b"",
}
ENGINE = {
    MODULE: b"\x7fELF",
    "durable/engine.py": b"never imported",
    "durable_rules-2.0.28.dist-info/METADATA": b"Name: durable_rules\n",
    "durable_rules-2.0.28.dist-info/licenses/LICENSE": b"MIT",
}


def wheel(file: Path, files: dict[str, bytes]) -> str:
    with ZipFile(file, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return str(file)


def without(files: dict[str, bytes], name: str, before: bytes = b"", after: bytes = b"") -> dict[str, bytes]:
    """The files without one, or with other words in it."""
    if before:
        return {**files, name: files[name].replace(before, after)}
    return {each: content for each, content in files.items() if each != name}


def test_the_engine_is_inside_and_is_not_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(
        wheel(tmp_path / "policy_service-0.1.0-py3-none-any.whl", SERVICE),
        wheel(tmp_path / f"durable_rules-2.0.28-{PLATFORM}.whl", ENGINE),
        str(tmp_path),
    )
    made = tmp_path / f"policy_service-0.1.0-{PLATFORM}.whl"
    assert capsys.readouterr().out == f"{made}\n"
    files = read_wheel(made)
    assert set(files) == {*SERVICE, MODULE, f"{INFO}/licenses/durable-rules/LICENSE"} - {f"{INFO}/RECORD"}
    assert files[MODULE] == ENGINE[MODULE]
    assert files[f"{INFO}/METADATA"] == (
        b"License-File: LICENSE\nLicense-File: durable-rules/LICENSE\nRequires-Dist: babel<3\n\n"
    )
    assert files[f"{INFO}/WHEEL"].decode().splitlines()[1:] == ["Root-Is-Purelib: false", f"Tag: {PLATFORM}"]


def test_every_file_is_listed_with_its_digest(tmp_path: Path) -> None:
    service = wheel(tmp_path / "policy_service-0.1.0-py3-none-any.whl", SERVICE)
    main(service, wheel(tmp_path / f"durable_rules-2.0.28-{PLATFORM}.whl", ENGINE), str(tmp_path))
    with ZipFile(tmp_path / f"policy_service-0.1.0-{PLATFORM}.whl") as made:
        rows = {row[0]: row[1:] for row in csv.reader(made.read(f"{INFO}/RECORD").decode().splitlines())}
        assert list(rows) == made.namelist()
        assert rows.pop(f"{INFO}/RECORD") == ["", ""]
        for name, (digest, size) in rows.items():
            content = made.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={expected}", len(content))


@pytest.mark.parametrize(
    ("service", "engine", "message"),
    [
        (without(SERVICE, f"{INFO}/METADATA", b"durable-rules==2.0.28", b"other"), ENGINE, "one line .*durable-rules"),
        (without(SERVICE, f"{INFO}/WHEEL", b"py3-none-any", b"cp311-cp311-any"), ENGINE, "one line .*none-any"),
        (without(SERVICE, f"{INFO}/WHEEL", b"Purelib: true", b"Purelib: false"), ENGINE, "one line .*Purelib"),
        (without(SERVICE, f"{INFO}/WHEEL"), ENGINE, "one file .*WHEEL"),
        (without(SERVICE, f"{INFO}/METADATA", b"License-File", b"Licence"), ENGINE, "one line .*License-File"),
        (SERVICE, without(ENGINE, MODULE), "one file durable_rules_engine"),
        (SERVICE, without(ENGINE, "durable_rules-2.0.28.dist-info/licenses/LICENSE"), "one file .*LICENSE"),
        (SERVICE, {**ENGINE, "durable_rules_engine.cpython-312-x86_64-linux-gnu.so": b""}, "one file durable_rules"),
    ],
)
def test_a_wheel_of_another_shape_is_refused(service: dict[str, bytes], engine: dict[str, bytes], message: str) -> None:
    with pytest.raises(UnexpectedWheel, match=message):
        combined(service, engine, PLATFORM)


def test_the_service_asks_for_the_engine_as_the_wheel_expects() -> None:
    assert len([each for each in settings()["project"]["dependencies"] if each.startswith("durable-rules==")]) == 1
