"""Every page is word for word the one that a person has read."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from policy_service.compilers.prose import explain, explanation
from policy_service.language.policy import Aggregate, Hit, Language
from tests.compilers.prose import pages
from tests.compilers.prose.pages import GOLDEN, SHIPPED, WRITTEN, golden, name_of, policy_at, written_policy
from tests.for_each import for_each

LANGUAGES: tuple[Language, ...] = get_args(Language)


@for_each(product([*WRITTEN, *SHIPPED], LANGUAGES))
def test_a_page_is_the_one_a_person_has_read(path: Path, lang: Language) -> None:
    page = explain(policy_at(path), lang)
    assert page == golden(f"{name_of(path)}.{lang}", page)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_hit_policy_has_its_sentence(lang: Language) -> None:
    policy = written_policy("priority")
    results = [
        f"- {hit} {aggregate or ''}: {explanation(replace(policy, hit=hit, aggregate=aggregate), lang).resolution}"
        for hit, aggregate in (*((hit, None) for hit in Hit), *((Hit.COLLECT, aggregate) for aggregate in Aggregate))
    ]
    page = "\n".join(results) + "\n"
    assert page == golden(f"hit_policies.{lang}", page)


def test_every_golden_page_belongs_to_a_policy() -> None:
    names = {*map(name_of, (*WRITTEN, *SHIPPED)), "hit_policies"}
    expected = {f"{name}.{lang}.md" for name in names for lang in LANGUAGES}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def test_no_page_is_written_in_ci(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pages, "GOLDEN", tmp_path / "golden")
    monkeypatch.setenv("UPDATE_GOLDEN", "1")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RuntimeError, match="never in CI"):
        golden("page.en", "text")
    monkeypatch.delenv("CI")
    assert golden("page.en", "text") == "text"
