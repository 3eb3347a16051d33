"""Who must sign is decided by the engine, checked by the definition, and refused when there is any doubt."""

from __future__ import annotations

import datetime
import threading
from datetime import timedelta
from unittest import mock

import pytest

from policy_service.actor import Role
from policy_service.approval import policies, signers
from policy_service.approval.service import GovernanceEvaluator, OperationRejected, ValidationFailed
from policy_service.approval.signers import check_sign_off, sign_off_version
from policy_service.compilers.rules_engine import EngineFault
from policy_service.language.load import load_bytes
from policy_service.language.outcome import NoRuleMatched
from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.registry import policy_cache
from policy_service.shipped import shipped_policies
from tests.approval.world import SIGN_OFF, World, sign_off_text, tier, world
from tests.databases import fresh_database

DAY = datetime.date(2026, 11, 21)
PLAIN = """
policy: governance/sign_off
version: 2.0.0
title: {zh: 签署, en: signing}
subject: change
facts:
  domain: {type: choice, of: [tiering, governance]}
  kind: {type: choice, of: [change, rollback]}
outcome:
  signers: {type: tags, of: [sales_director, compliance]}
rules:
  hit: UNIQUE
  rows:
    - {id: all, when: "true", then: [[sales_director, compliance]], because: {zh: 都签, en: both sign}}
"""


def shipped() -> Policy:
    return load_bytes(sign_off_text())


@pytest.mark.parametrize(
    ("domains", "impact", "expected"),
    [
        (["tiering"], None, "sales_director compliance"),
        (["tiering"], "0.2", "sales_director general_manager compliance"),
        (["rewards"], None, "finance_director general_manager compliance"),
        (["tiering", "rewards"], None, "sales_director finance_director general_manager compliance"),
        (["governance"], "1", "general_manager compliance"),
    ],
)
def test_every_domain_of_a_change_has_its_signers(domains: list[str], impact: str | None, expected: str) -> None:
    with GovernanceEvaluator() as made:
        result = made.required_roles(shipped(), domains, "change", {"impact_share": impact}, DAY)
    assert set(result) == {Role(word) for word in expected.split()}
    assert list(result) == [
        role
        for role in (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE)
        if role in result
    ]


@pytest.mark.parametrize(
    ("domains", "paying", "expected"),
    [
        (["tiering"], [], "sales_director compliance"),
        ([], ["tiering"], "sales_director finance_director general_manager compliance"),
        ([], ["followup"], "sales_director finance_director general_manager compliance"),
        (["tiering"], ["rewards"], "sales_director finance_director general_manager compliance"),
        ([], ["rewards"], "finance_director general_manager compliance"),
        ([], ["governance"], "general_manager compliance"),
    ],
)
def test_a_policy_of_money_has_the_signers_of_rewards_wherever_it_lies(
    domains: list[str], paying: list[str], expected: str
) -> None:
    policy = load_bytes((shipped_policies() / SIGN_OFF / "1.1.0.yaml").read_bytes())
    with GovernanceEvaluator() as made:
        result = made.required_roles(policy, domains, "change", {}, DAY, paying_domains=paying)
    assert set(result) == {Role(word) for word in expected.split()}


@pytest.mark.parametrize(
    ("domain", "effect", "expected"),
    [
        ("tiering", {"impact_share": "0.1000"}, "sales_director compliance"),
        ("tiering", {"impact_share": None}, "sales_director general_manager compliance"),
        ("tiering", {}, "sales_director general_manager compliance"),
        ("rewards", {"impact_share": "0.01", "money_difference": None}, "finance_director general_manager compliance"),
        (
            "rewards",
            {"impact_share": "0.01", "money_difference": "100000.01"},
            "sales_director finance_director general_manager compliance",
        ),
        ("governance", {}, "general_manager compliance"),
    ],
)
def test_what_nobody_simulated_counts_as_large(domain: str, effect: dict[str, str | None], expected: str) -> None:
    policy = load_bytes((shipped_policies() / SIGN_OFF / "1.2.0.yaml").read_bytes())
    check_sign_off(policy, ["tiering", "rewards", "governance"])
    with GovernanceEvaluator() as made:
        result = made.required_roles(policy, [domain], "change", effect, DAY)
    assert set(result) == {Role(word) for word in expected.split()}


def test_money_hidden_in_a_tier_is_found_when_it_is_submitted() -> None:
    text = tier("1.1.0", 200).replace(
        b"outcome:\n", b"outcome:\n  gift: {type: money, currency: CNY, min: 0, title: {zh: x, en: gift}}\n"
    )
    text = text.replace(b"then: [big]", b'then: ["8888.00", big]').replace(b"then: [small]", b'then: ["0", small]')
    text = text.replace(b"outcome: {size: big}", b'outcome: {gift: "8888.00", size: big}')
    with world() as made:
        assert made.submit(made.create(text)).missing_roles == (Role.SALES_DIRECTOR, Role.COMPLIANCE), (
            "by version 1.0.0"
        )
        made.import_((shipped_policies() / SIGN_OFF / "1.1.0.yaml").read_bytes(), at=made.now)
        made.move(minutes=1)
        text = text.replace(b"version: 1.1.0", b"version: 1.2.0")
        change = made.submit(made.create(text, start=made.now + timedelta(days=3)))
        assert change.missing_roles == (
            Role.SALES_DIRECTOR,
            Role.FINANCE_DIRECTOR,
            Role.GENERAL_MANAGER,
            Role.COMPLIANCE,
        )
        plain = made.submit(made.create(tier("1.3.0", 300), start=made.now + timedelta(days=4)))
        assert plain.missing_roles == (Role.SALES_DIRECTOR, Role.COMPLIANCE)


def test_many_threads_ask_and_old_versions_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signers, "CACHE_SIZE", 1)
    versions = [shipped(), load_bytes(PLAIN.encode())]
    results: list[tuple[Role, ...]] = []
    with GovernanceEvaluator() as made:
        threads = [
            threading.Thread(
                target=lambda each=each: results.append(made.required_roles(each, ["tiering"], "change", {}, DAY))
            )
            for each in versions * 2
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made._evaluators) == 1
    assert results == [(Role.SALES_DIRECTOR, Role.COMPLIANCE)] * 4


def test_a_difference_between_engine_and_definition_is_refused_loudly() -> None:
    with (
        GovernanceEvaluator() as made,
        mock.patch.object(signers, "evaluate", return_value=NoRuleMatched()),
        pytest.raises(
            OperationRejected, match=r"the rules engine and the definition of governance/sign_off 1\.0\.0 differ"
        ),
    ):
        made.required_roles(shipped(), ["tiering"], "change", {}, DAY)


def test_an_engine_that_fails_is_refused() -> None:
    with (
        GovernanceEvaluator() as made,
        mock.patch.object(signers, "run_smoke_tests", side_effect=EngineFault("broken")),
        pytest.raises(OperationRejected, match="the rules engine failed"),
    ):
        made.required_roles(shipped(), ["tiering"], "change", {}, DAY)


def test_a_change_of_no_domain_is_signed_by_nobody_and_so_refused() -> None:
    with GovernanceEvaluator() as made, pytest.raises(OperationRejected, match="asks for fewer than two roles"):
        made.required_roles(shipped(), [], "change", {}, DAY)


def test_without_a_policy_in_force_nobody_can_say_who_must_sign() -> None:
    with fresh_database("sqlite") as database:
        world = World(database)
        world.import_(tier("1.0.0"))
        with (
            database.read() as session,
            pytest.raises(OperationRejected, match="No version of governance/sign_off is in force"),
        ):
            sign_off_version(session, world.now)
        with pytest.raises(ValidationFailed, match="No version of governance/sign_off is in force"):
            world.submit(world.create(tier("1.1.0", 200)))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("signers:", "who:", "must decide `signers`, tags that name the roles"),
        ("of: [sales_director, compliance]", "of: [sales_director, compliance, janitor]", "must decide `signers`"),
        ("hit: UNIQUE", "hit: COLLECT", "must decide one set of signers, not a list of them"),
        (
            "  kind: {type: choice, of: [change, rollback]}",
            "  size: {type: integer}",
            "demands size, which the service",
        ),
        (
            "domain: {type: choice, of: [tiering, governance]}",
            "domain: {type: text}",
            "must ask for `domain`, a choice",
        ),
        ("  domain: {type: choice, of: [tiering, governance]}\n", "", "must ask for `domain`, a choice"),
        ("of: [tiering, governance]", "of: [tiering]", "does not say who signs where domain is `governance`"),
        ("of: [change, rollback]", "of: [change]", "does not say who signs where kind is `rollback`"),
        ('when: "true"', 'when: domain = "tiering"', "names no signers for changes of `governance`"),
        ("[[sales_director, compliance]]", "[[compliance]]", "asks for fewer than two roles for `tiering`"),
    ],
)
def test_a_version_that_would_leave_changes_unsigned_is_refused(old: str, new: str, sentence: str) -> None:
    check_sign_off(load_bytes(PLAIN.encode()), ["tiering", "governance"])
    assert old in PLAIN
    with pytest.raises(ValidationFailed, match=sentence):
        check_sign_off(load_bytes(PLAIN.replace(old, new).encode()), ["tiering", "governance"])


def test_policies_are_read_once_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cache: LruCache[str, Policy] = LruCache(1)
    monkeypatch.setattr(policy_cache, "_POLICIES", cache)
    with fresh_database("sqlite") as database:
        world = World(database)
        world.import_(tier("1.0.0"), sign_off_text())
        with database.read() as session:
            load = policies.policy_loader(session)
            for each in world.activations():
                assert load(each.digest) is load(each.digest)
        results = [cache.get(each.digest) for each in world.activations()]
        assert [policy.id for policy in results if policy] == [SIGN_OFF]
