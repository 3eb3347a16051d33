"""Replays a recorded decision with the reference evaluator, from its record alone, and compares the results.

| verdict        | what it means                                                                                  |
|----------------|------------------------------------------------------------------------------------------------|
| same           | the definition gives every answer that was recorded, to the letter                             |
| different      | it gives another one; each policy that differs is named, with both answers                     |
| not_replayable | it cannot be made again: a sensitive fact was erased, or what was kept is not what was written |

The versions come from the registry by their digests, the facts and overrides from the record, and the suspensions of
that time from the registry. What is in force today does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from sqlmodel import Session, select

from policy_service.canonical import to_canonical_json_unchecked
from policy_service.decisions.archive_file import read_line
from policy_service.decisions.blocks import find_alteration
from policy_service.decisions.decider import Decider
from policy_service.decisions.decision import Decision, Json
from policy_service.decisions.encryption import DecryptionFailed
from policy_service.decisions.masking import masked_trace, sensitive_facts
from policy_service.decisions.override_store import UnknownOverride, read_override
from policy_service.decisions.record import DecisionRecord, decode_fact, is_archived, read_row
from policy_service.decisions.record_queries import UnknownDecision, require_in_database
from policy_service.decisions.subjects import FactCipher, FactsErased
from policy_service.decisions.tables import DecisionRow
from policy_service.decisions.window import PolicyStop, stops_among
from policy_service.errors import FactsRejected, PolicyServiceError
from policy_service.integrity import DamagedRecord
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.messages import Message, join_comma
from policy_service.registry.service import UnknownVersion, activations_in_force, load_version

ReplayVerdictName = Literal["same", "different", "not_replayable"]
CACHE_SIZE = 8 * 2**20
"""Capacity of the cache of deciders, characters of policy files."""
VersionLoader = Callable[[Session, str], Policy]


class NotReplayable(PolicyServiceError):
    """The decision cannot be replayed; the message says why."""

    kind = "conflict"


@dataclass(frozen=True, slots=True)
class Difference:
    """One policy with a different answer; None where there is no answer."""

    policy: str
    recorded: Json | None
    replayed: Json | None


@dataclass(frozen=True, slots=True)
class ReplayVerdict:
    """The result of a replay."""

    decision_id: str
    verdict: ReplayVerdictName
    reason: str | None = None
    """Why nothing was compared."""
    differences: tuple[Difference, ...] = ()
    policies: Mapping[str, Mapping[str, str]] | None = None
    """The recorded versions."""

    def to_dict(self) -> dict[str, Any]:
        differences = [
            {"policy": each.policy, "recorded": each.recorded, "replayed": each.replayed} for each in self.differences
        ]
        return {
            "decision_id": self.decision_id,
            "verdict": self.verdict,
            "why": self.reason,
            "differences": differences,
            "engine": "definition",
            "policies": self.policies,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of a recorded decision: for each rule that did not match, the failed condition."""

    decision_id: str
    outcomes: Mapping[str, Any]
    """The recorded answers."""
    trace: Json
    """By policy, one entry a rule: `matched`; if not, the condition that `failed` and the values it `saw`."""

    def to_dict(self) -> dict[str, Any]:
        return {"decision_id": self.decision_id, "outcomes": self.outcomes, "trace": self.trace}


class DeciderCache:
    """A cache of deciders with the reference evaluator, by the set of versions.

    A version is identified by the digest of its actual text, so an altered one is another version.
    """

    def __init__(self, size: int = CACHE_SIZE) -> None:
        self._deciders: LruCache[tuple[str, ...], Decider] = LruCache(size)

    def get(self, policies: Sequence[Policy]) -> Decider:
        """Return the decider of these versions. Raises PolicyError if they do not fit together."""
        name = tuple(policy.digest for policy in policies)
        size = sum(len(policy.text) for policy in policies)
        return self._deciders.get_or_make(name, lambda: Decider(policies, engine="definition"), size)


DECIDERS = DeciderCache()


class ReplayReview(NamedTuple):
    """The result of a replay, and why each rule matched or not; None if nothing could be replayed."""

    verdict: ReplayVerdict
    trace: Json | None


def replay(
    session: Session, fact_cipher: FactCipher, decision_id: str, *, archive: Path | None = None
) -> ReplayVerdict:
    """Replay the decision and compare; `archive` is the file that holds an archived record.

    Raises UnknownDecision, RecordArchived, InvalidArchive, OSError.
    """
    return replay_with_trace(session, fact_cipher, decision_id, explain=False, archive=archive).verdict


def replay_with_trace(  # noqa: PLR0913  # which decision, and where what it needs lies
    session: Session,
    fact_cipher: FactCipher,
    decision_id: str,
    *,
    load: VersionLoader = load_version,
    explain: bool = True,
    archive: Path | None = None,
) -> ReplayReview:
    """Replay the decision once, to compare and to explain it; sensitive facts are masked.

    `load` returns the version under a digest, as `load_version` does. Raises what `replay` does.
    """
    row = _row(session, decision_id, archive)
    try:
        record = _read_unaltered(row)
        decision, used = _decide_again(session, fact_cipher, record, explain=explain, load=load)
    except NotReplayable as reason:
        return ReplayReview(ReplayVerdict(decision_id, "not_replayable", str(reason)), None)
    replayed: Json = msgspec.json.decode(to_canonical_json_unchecked(decision.to_dict()))
    trace = masked_trace(decision.trace, sensitive_facts(used)) if decision.trace is not None else None
    return ReplayReview(_compare(record, replayed), trace)


def _compare(record: DecisionRecord, replayed: Json) -> ReplayVerdict:
    policies = {id_: {"version": version.version, "digest": version.digest} for id_, version in record.policies.items()}
    differences = tuple(
        Difference(policy, record.outcomes.get(policy), replayed.get(policy))
        for policy in sorted({*record.outcomes, *replayed})
        if record.outcomes.get(policy) != replayed.get(policy)
    )
    return ReplayVerdict(record.decision_id, "different" if differences else "same", None, differences, policies)


def explain_decision(session: Session, fact_cipher: FactCipher, decision_id: str) -> Explanation:
    """Return the explanation of a decision; sensitive values are masked.

    Raises UnknownDecision, NotReplayable.
    """
    record = _read_unaltered(_row(session, decision_id))
    decision, policies = _decide_again(session, fact_cipher, record, explain=True)
    trace = masked_trace(decision.trace or {}, sensitive_facts(policies))
    return Explanation(decision_id, record.outcomes, trace)


def _decide_again(
    session: Session,
    fact_cipher: FactCipher,
    record: DecisionRecord,
    *,
    explain: bool,
    load: VersionLoader = load_version,
) -> tuple[Decision, list[Policy]]:
    """Return the replayed decision and the versions used. Raises NotReplayable."""
    try:
        decrypted = fact_cipher.decrypt_facts(session, record.subject, record.decision_id, record.facts)
        facts = {name: decode_fact(value) for name, value in decrypted.items()}
        policies = [load(session, version.digest) for version in record.policies.values()]
        override_list = [read_override(session, name).as_known_at(record.decided_at) for name in record.overrides]
    except (FactsErased, DecryptionFailed, UnknownVersion, UnknownOverride, DamagedRecord) as reason:
        raise NotReplayable(str(reason)) from None
    except PolicyError:
        raise NotReplayable(Message("A version that decided was altered: it is no policy any more.")) from None
    overrides = {each.policy: each for each in override_list}
    stops = _stops_at(session, record)
    requested, as_of = list(record.outcomes), record.as_of
    try:
        decider = DECIDERS.get(policies)
        decision = decider.decide(
            facts,
            as_of=as_of,
            policies=requested,
            explain=explain,
            overrides=overrides,
            stops=stops,
            previous=record.previous,
        )
    except PolicyError:
        raise NotReplayable(Message("The versions that decided do not fit together: one was altered.")) from None
    except FactsRejected as error:
        names = join_comma(dict.fromkeys(problem.fact for problem in error.problems))
        raise NotReplayable(Message("The facts on record are refused today: {facts}.", facts=names)) from None
    return decision, policies


def _stops_at(session: Session, record: DecisionRecord) -> dict[str, PolicyStop]:
    """Return the policies that were stopped when the decision was made.

    For a stop at the same instant, the record shows whether it came before or after.
    """
    at = record.decided_at
    active = activations_in_force(session, at)
    return {
        policy: stop
        for policy, stop in stops_among(active).items()
        if active[policy].effective.start < at or record.outcomes.get(policy, {}).get("status") == "suspended"
    }


def _row(session: Session, decision_id: str, archive: Path | None = None) -> DecisionRow:
    row = session.exec(select(DecisionRow).where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise UnknownDecision(decision_id)
    if archive is not None and is_archived(row.line):
        return DecisionRow(**{**row.model_dump(), "line": read_line(archive, row.seq)})
    require_in_database(session, row.seq, row.line)
    return row


def _read_unaltered(row: DecisionRow) -> DecisionRecord:
    """Return the record. Raises NotReplayable if it was altered."""
    if (alteration := find_alteration(row)) is not None:
        raise NotReplayable(Message("Decision record {seq} was altered: {how}.", seq=row.seq, how=alteration))
    return read_row(row.seq, row.line)
