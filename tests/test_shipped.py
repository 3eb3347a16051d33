"""The shipped policies and documents are found in a checkout and in an installed wheel."""

from pathlib import Path

import pytest

from policy_service import shipped


def test_a_checkout_holds_its_policies_beside_the_package() -> None:
    assert shipped.shipped_policies() == Path(__file__).resolve().parents[1] / "policies"


def test_a_wheel_holds_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "policies").mkdir()  # somebody else's: no project stands here
    packaged = tmp_path / "policy_service" / "shipped_policies"
    packaged.mkdir(parents=True)
    monkeypatch.setattr(shipped, "PACKAGE", packaged.parent)
    assert shipped.shipped_policies() == packaged


def test_documents_are_found_as_policies_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (shipped.shipped_documents() / "how-to" / "sign-a-change.zh.md").is_file()
    packaged = tmp_path / "policy_service" / "shipped_docs"
    packaged.mkdir(parents=True)
    monkeypatch.setattr(shipped, "PACKAGE", packaged.parent)
    assert shipped.shipped_documents() == packaged


def test_an_installation_without_policies_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "policy_service")
    with pytest.raises(FileNotFoundError, match="holds no policies"):
        shipped.shipped_policies()
