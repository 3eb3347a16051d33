"""Makes a recorded decision again, by the definition, from its record alone, and says whether it is the same.

| verdict        | what it means                                                                                  |
|----------------|------------------------------------------------------------------------------------------------|
| same           | the definition gives every answer that was recorded, to the letter                             |
| different      | it gives another one; each policy that differs is told, with both answers                      |
| not_replayable | it cannot be made again: a sensitive fact was erased, or what was kept is not what was written |

The versions come from the registry by their digests, the facts from the record, exceptions as they were made, and what
was suspended then from the registry. What is in force today does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec
from sqlmodel import Session, select

from policy_service.canonical import canonical_unchecked
from policy_service.damaged import DamagedRecord
from policy_service.decisions.decide import Decider
from policy_service.decisions.decision import Decision, Json
from policy_service.decisions.masking import sensitive_facts
from policy_service.decisions.overrides import UnknownOverride, read_override
from policy_service.decisions.record import Record, given, masked_trace, read_row
from policy_service.decisions.records import UnknownDecision
from policy_service.decisions.sealing import how_altered
from policy_service.decisions.secrecy import Broken
from policy_service.decisions.subjects import Erased, Secrets
from policy_service.decisions.tables import DecisionRow
from policy_service.decisions.window import Stopped, stopped_among
from policy_service.errors import FactsRefused
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.model import all_active_at
from policy_service.registry.service import UnknownVersion, activations, load_version
from policy_service.sentences import Sentence, listed

VerdictName = Literal["same", "different", "not_replayable"]
KEPT = 8 * 2**20
"""Characters of policy files that are kept ready as deciders."""
Load = Callable[[Session, str], Policy]


class NotReplayable(Exception):
    """The decision cannot be made again; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One policy whose answer is another one now; None where there is no answer at all."""

    policy: str
    recorded: Json | None
    replayed: Json | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a replay found."""

    decision_id: str
    verdict: VerdictName
    why: str | None = None
    """A sentence, when nothing was compared."""
    differences: tuple[Difference, ...] = ()
    policies: Mapping[str, Mapping[str, str]] | None = None
    """The versions that decided, as recorded."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        differences = [
            {"policy": each.policy, "recorded": each.recorded, "replayed": each.replayed} for each in self.differences
        ]
        return {
            "decision_id": self.decision_id,
            "verdict": self.verdict,
            "why": self.why,
            "differences": differences,
            "engine": "definition",
            "policies": self.policies,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a recorded decision came out as it did: of each rule that did not match the condition that failed."""

    decision_id: str
    outcomes: Mapping[str, Any]
    """The answers, as recorded."""
    trace: Json
    """By policy, one entry a rule: `matched`; if not, the condition that `failed` and the values it `saw`."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"decision_id": self.decision_id, "outcomes": self.outcomes, "trace": self.trace}


class Deciders:
    """Deciders by the definition, for the sets of versions that were replayed last: a set is made ready once.

    A version is known by the digest of its very text, so one that was altered is another one.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._ready: LruCache[tuple[str, ...], Decider] = LruCache(kept)

    def of(self, policies: Sequence[Policy]) -> Decider:
        """The decider of these versions. Raises PolicyError when they do not fit together."""
        name = tuple(policy.digest for policy in policies)
        size = sum(len(policy.text) for policy in policies)
        return self._ready.get_or_make(name, lambda: Decider(policies, engine="definition"), size)


DECIDERS = Deciders()


class Review(NamedTuple):
    """What a replay found, and why each rule matched or did not; None when nothing could be made again."""

    verdict: Verdict
    trace: Json | None


def replay(session: Session, secrets: Secrets, decision_id: str) -> Verdict:
    """Makes the decision again and compares. Raises UnknownDecision."""
    return review(session, secrets, decision_id, explain=False).verdict


def review(
    session: Session, secrets: Secrets, decision_id: str, *, load: Load = load_version, explain: bool = True
) -> Review:
    """Makes the decision again once, to compare it and to tell why; what is sensitive is masked.

    `load` gives the version under a digest, as `load_version` does. Raises UnknownDecision.
    """
    row = _row(session, decision_id)
    try:
        record = _sound(row)
        decision, used = _made_again(session, secrets, record, explain=explain, load=load)
    except NotReplayable as reason:
        return Review(Verdict(decision_id, "not_replayable", str(reason)), None)
    replayed: Json = msgspec.json.decode(canonical_unchecked(decision.to_dict()))
    trace = masked_trace(decision.trace, sensitive_facts(used)) if decision.trace is not None else None
    return Review(_compared(record, replayed), trace)


def _compared(record: Record, replayed: Json) -> Verdict:
    policies = {id_: {"version": used.version, "digest": used.digest} for id_, used in record.policies.items()}
    differences = tuple(
        Difference(policy, record.outcomes.get(policy), replayed.get(policy))
        for policy in sorted({*record.outcomes, *replayed})
        if record.outcomes.get(policy) != replayed.get(policy)
    )
    return Verdict(record.decision_id, "different" if differences else "same", None, differences, policies)


def explain(session: Session, secrets: Secrets, decision_id: str, *, reveal: bool = False) -> Explanation:
    """Why the decision came out as it did; sensitive values are masked unless they are to be revealed.

    Raises UnknownDecision, NotReplayable.
    """
    record = _sound(_row(session, decision_id))
    decision, policies = _made_again(session, secrets, record, explain=True)
    trace = decision.trace or {}
    shown = trace if reveal else masked_trace(trace, sensitive_facts(policies))
    return Explanation(decision_id, record.outcomes, shown)


def _made_again(
    session: Session, secrets: Secrets, record: Record, *, explain: bool, load: Load = load_version
) -> tuple[Decision, list[Policy]]:
    """The decision as the definition makes it, and the versions it is made by. Raises NotReplayable."""
    try:
        opened = secrets.open_facts(session, record.subject, record.decision_id, record.facts)
        facts = {name: given(value) for name, value in opened.items()}
        policies = [load(session, used.digest) for used in record.policies.values()]
        made = [read_override(session, name).as_known(record.decided_at) for name in record.overrides]
    except (Erased, Broken, UnknownVersion, UnknownOverride, DamagedRecord) as reason:
        raise NotReplayable(str(reason)) from None
    except PolicyError:
        raise NotReplayable(Sentence("A version that decided was altered: it is no policy any more.")) from None
    overrides = {each.policy: each for each in made}
    stopped = _stopped(session, record)
    asked, as_of = list(record.outcomes), record.as_of
    try:
        decider = DECIDERS.of(policies)
        decision = decider.decide(
            facts, as_of=as_of, policies=asked, explain=explain, overrides=overrides, stopped=stopped
        )
    except PolicyError:
        raise NotReplayable(Sentence("The versions that decided do not fit together: one was altered.")) from None
    except FactsRefused as refused:
        names = listed(dict.fromkeys(problem.fact for problem in refused.problems))
        raise NotReplayable(Sentence("The facts on record are refused today: {facts}.", facts=names)) from None
    return decision, policies


def _stopped(session: Session, record: Record) -> dict[str, Stopped]:
    """The policies that were stopped when the decision was made.

    A stop of the very instant of the decision was recorded before it or after it; the record says which.
    """
    at = record.decided_at
    active = all_active_at(activations(session), at, at)
    return {
        policy: stopped
        for policy, stopped in stopped_among(active).items()
        if active[policy].effective.start < at or record.outcomes.get(policy, {}).get("status") == "suspended"
    }


def _row(session: Session, decision_id: str) -> DecisionRow:
    row = session.exec(select(DecisionRow).where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise UnknownDecision(decision_id)
    return row


def _sound(row: DecisionRow) -> Record:
    """The record, if it is what was written. Raises NotReplayable."""
    if (how := how_altered(row)) is not None:
        raise NotReplayable(Sentence("Decision record {seq} was altered: {how}.", seq=row.seq, how=how))
    return read_row(row.seq, row.line)
