"""A version that was built in another process answers as one that was built here, and costs this process little."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from datetime import date, timedelta
from unittest import mock

import pytest

from policy_service import Decider, load_bytes
from policy_service.actor import SERVICE
from policy_service.audit.events import VersionImported
from policy_service.audit.log import append
from policy_service.compilers import python_text
from policy_service.compilers.rules_engine import SmokeTestFailed
from policy_service.database import log_size
from policy_service.decisions import version_build
from policy_service.decisions.decision import EngineName
from policy_service.decisions.in_force import InForce, NotReady
from policy_service.decisions.version_build import BuildFailed, assemble, build, read_parts
from policy_service.language.diagnostics import PolicyError
from policy_service.language.types import format_value
from policy_service.registry.model import Period
from policy_service.shipped import shipped_policies
from tests.databases import TestClock as Clock
from tests.databases import fresh_database
from tests.decisions.desks import eventually, put, tier
from tests.decisions.setting import tamper
from tests.decisions.test_in_force import version

RFM = (shipped_policies() / "tiering/rfm_value/1.0.0.yaml").read_bytes()
CARD = (shipped_policies() / "tiering/importance/1.0.0.yaml").read_bytes()
DAY = date(2026, 11, 21)


@pytest.mark.parametrize("engine", ["durable_rules", "python", "definition"])
def test_what_is_put_together_answers_as_what_is_built_here(engine: EngineName) -> None:
    parts = {each.policy.digest: each for each in map(read_parts, build([RFM, CARD], engine))}
    policies = [load_bytes(RFM), load_bytes(CARD)]
    assert [each.policy for each in parts.values()] == policies
    with Decider(policies, engine=engine) as here, Decider([], engine=engine) as there:
        there.put(there.prepare([each.policy for each in parts.values()], parts))
        for policy in policies:
            for example in policy.examples:
                facts = {name: format_value(policy.facts[name].type, value) for name, value in example.facts.items()}
                results = [each.decide(facts, as_of=DAY, policies=[policy.id]) for each in (here, there)]
                assert results[0].to_dict() == results[1].to_dict()
                assert results[0].policies[policy.id].served_by == results[1].policies[policy.id].served_by == engine


def test_nothing_is_read_lowered_compiled_or_tried_again() -> None:
    [parts] = map(read_parts, build([RFM], "durable_rules"))
    forbidden = AssertionError("this takes long")
    with (
        mock.patch.object(python_text, "compile", create=True, side_effect=forbidden),
        mock.patch("policy_service.decisions.served_policy.lower", side_effect=forbidden),
        mock.patch("policy_service.compilers.python_source.lower", side_effect=forbidden),
        mock.patch("policy_service.compilers.rules_engine.compile.lower", side_effect=forbidden),
        mock.patch(
            "policy_service.decisions.decider.run_smoke_tests", side_effect=lambda policies, **_: _none(policies)
        ),
        Decider([]) as decider,
    ):
        decider.put(decider.prepare([parts.policy], {parts.policy.digest: parts}))
        assert decider.policies.keys() == {parts.policy.id}


def _none(policies: Sequence[object]) -> None:
    assert not policies


def test_a_version_that_is_no_longer_served_leaves_nothing_to_collect() -> None:
    """What is there is left out of collections of garbage, so it has to go by itself."""

    def garbage() -> int:
        [parts] = map(read_parts, build([RFM], "durable_rules"))
        served = assemble(parts)
        gc.collect()
        served.close()
        del served
        return gc.collect()

    assert 0 in (garbage() for _ in range(5))  # threads of other tests leave some now and then


def test_what_cannot_be_read_or_trusted_is_refused_where_it_is_built() -> None:
    with pytest.raises(PolicyError):
        build([b"policy: none"], "python")
    failing = SmokeTestFailed("tiering/rfm_value", "took longer than 20 s")
    with mock.patch.object(version_build, "run_smoke_tests", side_effect=failing), pytest.raises(SmokeTestFailed):
        build([RFM], "durable_rules")


def test_what_comes_into_force_is_built_elsewhere_and_settles() -> None:
    clock, built, settled = Clock(), list[int](), list[str]()

    def elsewhere(contents: Sequence[bytes], engine: EngineName) -> Sequence[bytes]:
        built.append(len(contents))
        return build(contents, engine)

    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        in_force = InForce(
            database,
            clock,
            engine="python",
            build=elsewhere,
            on_change=lambda: settled.append("settled"),
            poll_seconds=0.02,
        )
        assert built == []  # at the start nobody waits
        eventually(lambda: len(settled) == 1)
        put(database, clock, tier("1.1.0", 200), Period(clock.now() + timedelta(hours=1)))
        eventually(lambda: in_force._next is not None)
        assert built == [1]
        with database.write(clock) as transaction:  # whatever else governance writes
            append(transaction, SERVICE, VersionImported("tiering/other", "1.0.0", "sha256:0"))
        with database.read() as session:
            written = log_size(session)
        eventually(lambda: in_force._next is not None and in_force._next[0].epoch == written)
        assert built == [1]
        clock.move(hours=1)
        eventually(lambda: version(in_force) == "1.1.0")
        eventually(lambda: len(settled) == 2)
        in_force.close()


def test_what_was_not_built_is_not_put_in_force_and_is_tried_again() -> None:
    clock, refuse = Clock(), True

    def elsewhere(contents: Sequence[bytes], engine: EngineName) -> Sequence[bytes]:
        if refuse:
            raise BuildFailed("it takes more than 2 s")
        return build(contents, engine)

    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        in_force = InForce(database, clock, engine="python", build=elsewhere, poll_seconds=0.02)
        put(database, clock, tier("1.1.0", 200))
        eventually(lambda: in_force.last_error is not None)
        assert "it takes more than 2 s" in str(in_force.last_error)
        with pytest.raises(NotReady, match="it takes more than 2 s"):
            in_force.refresh()
        refuse = False
        eventually(lambda: version(in_force) == "1.1.0")
        in_force.close()


def test_a_text_that_was_altered_does_not_decide() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        in_force = InForce(database, clock, engine="python", poll_seconds=30)
        put(database, clock, tier("1.1.0", 200))
        other = tier("1.1.0", 2).text.encode()
        tamper(database, "UPDATE version SET content = :other WHERE version = '1.1.0'", other=other)
        with pytest.raises(NotReady, match="of the table `version` cannot be read"):
            in_force.refresh()
        in_force.close()
