"""From files to policies: identity, place, folders and versions; nothing but PolicyError leaves the loader."""

# ruff: noqa: E501  # a case is one line of a table

import hashlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import (
    PolicyFolderError,
    load,
    load_bytes,
    load_folder,
    newest,
    version_key,
)
from policy_service.language.source import MAX_BYTES
from tests.language.sample import diagnostics_of, loaded, policy_text

TEXT = policy_text()
ID_HINT = "write `<domain>/<policy>` in lower-case letters, e.g. `tiering/rfm_value`"


def write(folder: Path, version: str = "1.0.0", name: str = "tests/sample", text: str = TEXT) -> Path:
    path = folder / name / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace("1.0.0", version).replace("tests/sample", name), "utf-8")
    return path


def test_a_policy_has_the_identity_of_its_file() -> None:
    rest = "source: [R-RFM-1, DMN 1.5 §10.3]\nnotes: {zh: 注, en: note}\n"
    policy = loaded(policy_text(rest=rest))
    assert (policy.id, policy.version, policy.domain, policy.subject) == ("tests/sample", "1.0.0", "tests", "customer")
    assert policy.title.to_dict() == {"zh": "样例", "en": "sample"}
    assert policy.source == ("R-RFM-1", "DMN 1.5 §10.3")
    assert policy.notes
    assert policy.notes.to_dict() == {"zh": "注", "en": "note"}
    assert policy.digest == f"sha256:{hashlib.sha256(policy.text.encode()).hexdigest()}"
    assert loaded(TEXT).notes is None
    assert load_bytes(("\ufeff" + TEXT).encode()).digest != loaded(TEXT).digest


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_policy_has_the_bytes_of_its_file(mark: str, end: str) -> None:
    content = (mark + TEXT.replace("\n", end)).encode()
    policy = load_bytes(content)
    assert policy.content == content
    assert policy.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize(
    ("old", "new", "expected", "message", "hint"),
    [
        ("policy: tests/sample", "policy: sample", "sample", "invalid-name: `sample` names no policy", ID_HINT),
        ("policy: tests/sample", "policy: a/b/c", "a/b/c", "invalid-name: `a/b/c` names no policy", ID_HINT),
        ("policy: tests/sample", "policy: A/b", "A/b", "invalid-name: `A/b` names no policy", ID_HINT),
        ("version: 1.0.0", "version: 1.0", "1.0", "invalid-value: `1.0` is no version", "write `1.0.0`"),
        ("version: 1.0.0", "version: 01.0.0", "01.0.0", "invalid-value: `01.0.0` is no version", "write `1.0.0`"),
        ("version: 1.0.0", "version: 1.0.0-rc1", "1.0.0-rc1", "invalid-value: `1.0.0-rc1` is no version", "write `1.0.0`"),
        ("subject: customer", "subject: Customer", "Customer", "invalid-name: `Customer` names no subject", "write `customer`"),
        ("subject: customer", "subject: customer\nsource: ['?']", "'?'", "invalid-value: `?` is no citation", "write `R-RFM-1`"),
    ],
)  # fmt: skip
def test_a_fault_of_the_identity_is_told(old: str, new: str, expected: str, message: str, hint: str) -> None:
    assert diagnostics_of(TEXT.replace(old, new)) == [(expected, message, hint)]


def test_a_file_stands_where_its_name_says(tmp_path: Path) -> None:
    assert load(write(tmp_path)).id == "tests/sample"
    assert load(str(tmp_path / "tests" / "sample" / "1.0.0.yaml")).version == "1.0.0"
    for elsewhere in (
        "tests/sample/1.0.1.yaml",
        "tests/other/1.0.0.yaml",
        "sample/1.0.0.yaml",
        "x_tests/sample/1.0.0.yaml",
    ):
        path = tmp_path / "elsewhere" / elsewhere
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT, "utf-8")
        with pytest.raises(PolicyError) as refused:
            load(path)
        [fault] = refused.value.diagnostics
        assert (fault.code, fault.hint, refused.value.path) == ("misplaced-file", "rename the file", str(path))
        assert fault.message == "this is `tests/sample/1.0.0.yaml`, by its `policy` and `version`"


def test_a_file_that_cannot_be_read_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.yaml")


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_bytes(b"#" * 10_000_000)
    with pytest.raises(PolicyError, match="at most 2,097,152 bytes"):
        load(path)
    assert MAX_BYTES < 10_000_000


def test_a_folder_holds_every_version_in_order(tmp_path: Path) -> None:
    for version in ("1.0.0", "1.10.0", "1.9.0"):
        write(tmp_path, version)
    write(tmp_path, "1.0.0", "tests/another")
    (tmp_path / "tests" / "notes.yaml").write_text("not a policy")
    policies = load_folder(str(tmp_path))
    assert [(policy.id, policy.version) for policy in policies] == [
        ("tests/another", "1.0.0"),
        ("tests/sample", "1.0.0"),
        ("tests/sample", "1.9.0"),
        ("tests/sample", "1.10.0"),
    ]
    assert [policy.version for policy in newest(policies)] == ["1.0.0", "1.10.0"]
    assert [policy.version for policy in newest(policies[::-1])] == ["1.10.0", "1.0.0"]
    assert newest(()) == ()
    assert version_key("1.10.0") == (1, 10, 0)


def test_the_faults_of_every_file_of_a_folder_are_told(tmp_path: Path) -> None:
    first = write(tmp_path, "1.0.0", "tests/a", TEXT.replace("FIRST", "FRIST"))
    second = write(tmp_path, "1.0.0", "tests/b", TEXT.replace("subject: customer\n", ""))
    write(tmp_path, "1.0.0", "tests/c")
    with pytest.raises(PolicyFolderError) as refused:
        load_folder(tmp_path)
    error = refused.value
    assert [each.path for each in error.errors] == [str(first), str(second)]
    assert str(error) == f"{error.errors[0]}\n{error.errors[1]}"
    assert sorted(fault.code for fault in error.diagnostics) == ["hit-policy", "missing-key"]
    assert error.path == str(first)


def test_faults_are_looked_for_until_there_are_too_many() -> None:
    facts = "".join(f"k{number}: 1, " for number in range(5_000))
    text = policy_text(rest=f"examples:\n  - {{name: x, facts: {{{facts}}}, missing: [flag]}}\n")
    with pytest.raises(PolicyError) as refused:
        loaded(text)
    assert (len(refused.value.diagnostics), refused.value.more) == (200, 800)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_policy_error(content: bytes) -> None:
    with pytest.raises(PolicyError) as refused:
        load_bytes(content)
    assert refused.value.diagnostics


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 12), st.text(max_size=12))
def test_any_change_of_a_policy_is_accepted_or_refused_with_a_policy_error(at: int, width: int, text: str) -> None:
    changed = TEXT[:at] + text + TEXT[at + width :]
    with suppress(PolicyError):
        assert load_bytes(changed.encode("utf-8", "surrogatepass")).rules
