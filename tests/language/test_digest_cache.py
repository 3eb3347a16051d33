"""What is worked out of a version is worked out once for each language, as long as there is room."""

import pytest

from policy_service.language import digest_cache
from policy_service.language.digest_cache import cached_by_digest
from policy_service.language.policy import Language, Policy
from tests.shipped import NEWEST


def test_results_are_kept_by_digest_and_language(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = NEWEST[:2]
    asked: list[tuple[str, str | None, Language]] = []

    def make(policy: Policy, other: Policy | None, lang: Language) -> str:
        asked.append((policy.id, other.id if other else None, lang))
        return f"{policy.id} {lang}"

    cached = cached_by_digest(make)
    assert [cached(one, None, "zh"), cached(one, None, "zh"), cached(one, None, lang="en")] == [
        f"{one.id} zh",
        f"{one.id} zh",
        f"{one.id} en",
    ]
    cached(one, two, "zh")
    assert asked == [(one.id, None, "zh"), (one.id, None, "en"), (one.id, two.id, "zh")]
    monkeypatch.setattr(digest_cache, "CACHED_CHARACTERS", 1)
    small = cached_by_digest(make)
    small(one, None, "zh")
    small(two, None, "zh")
    small(one, None, "zh")
    assert len(asked) == 6, "the first was dropped"
