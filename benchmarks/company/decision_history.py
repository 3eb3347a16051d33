"""The decisions of the last year, by the versions that were in force, and the blocks they are sealed in."""

from __future__ import annotations

import bisect
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from benchmarks.company.ledger import Ledger
from benchmarks.company.texts import FACT_SETS
from policy_service.actor import SERVICE, Actor
from policy_service.audit.events import DecisionsSealed
from policy_service.audit.merkle import root_of
from policy_service.canonical import digest
from policy_service.clock import uuid7
from policy_service.decisions.decider import Decider
from policy_service.decisions.decision import Decision
from policy_service.decisions.record import FactsNeeded, encode_facts_read, record_line
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.tables import DecisionRow
from policy_service.language.load import load_bytes
from policy_service.registry.model import Activation
from policy_service.subject import CUSTOMER, Subject

BLOCK = 2
"""Records in a block: the service seals every few seconds, however few there are."""
SUBJECTS = 50_000


@dataclass(frozen=True, slots=True)
class CachedDecision:
    """One decision as it is made again and again."""

    decision: Decision
    reads: FactsNeeded
    facts: Mapping[str, Any]
    outcomes: dict[str, Any]


@dataclass
class DecisionHistory:
    """Decides about one policy after the other, by what was in force."""

    ledger: Ledger
    machine: Actor
    in_force: Mapping[str, Sequence[Activation]]
    texts: Mapping[str, bytes]
    policies: Sequence[str]
    rng: random.Random
    seq: int = 0
    _cache: dict[tuple[str, int], CachedDecision] = field(default_factory=dict)
    _starts: dict[str, tuple[list[datetime], list[Activation]]] = field(default_factory=dict)
    _block: list[tuple[int, str]] = field(default_factory=list)
    _blocks: int = 0

    def decide(self, at: datetime) -> None:
        """One decision about somebody."""
        self.seq += 1
        policy = self.policies[self.seq % len(self.policies)]
        cached = self._cached_decision(self._active(policy, at), self.seq % len(FACT_SETS), at)
        id_ = str(uuid7(int(at.timestamp() * 1_000), self.rng.getrandbits(74)))
        subject = f"C{self.rng.randrange(SUBJECTS):06}"
        as_of = at.date()
        line = record_line(
            cached.decision._replace(as_of=as_of),
            cached.reads,
            decision_id=id_,
            seq=self.seq,
            subject=Subject(subject),
            decided_at=at,
            by=self.machine,
            facts=cached.facts,
            requested=[policy],
            outcomes=cached.outcomes,
        )
        line_digest = digest(line)
        columns = {"seq": self.seq, "id": id_, "subject": subject, "kind": CUSTOMER, "as_of": as_of, "decided_at": at}
        self.ledger.put(DecisionRow, {**columns, "actor": self.machine.id, "line": line, "digest": line_digest})
        self._block.append((self.seq, line_digest))
        if len(self._block) == BLOCK:
            self.seal(at)

    def seal(self, at: datetime) -> None:
        """Seals what is in no block yet."""
        if not self._block:
            return
        self._blocks += 1
        first, last = self._block[0][0], self._block[-1][0]
        root = root_of([line_digest for _, line_digest in self._block])
        entry = self.ledger.append(at, SERVICE, DecisionsSealed(self._blocks, first, last, root))
        row = {"number": self._blocks, "first": first, "last": last, "root": root, "entry": entry, "sealed_at": at}
        self.ledger.put(BlockRow, row)
        self._block.clear()

    def _active(self, policy: str, at: datetime) -> Activation:
        """Return the version in force: none of these activations ends, so the one that began last."""
        if policy not in self._starts:
            ordered = sorted(self.in_force[policy], key=lambda each: (each.effective.start, each.seq))
            self._starts[policy] = [each.effective.start for each in ordered], ordered
        starts, ordered = self._starts[policy]
        return ordered[bisect.bisect_right(starts, at) - 1]

    def _cached_decision(self, active: Activation, number: int, at: datetime) -> CachedDecision:
        if (active.digest, number) not in self._cache:
            policy = load_bytes(self.texts[active.digest])
            with Decider([policy], engine="definition") as decider:
                decision = decider.decide(FACT_SETS[number], as_of=at.date(), policies=[policy.id])
            reads = FactsNeeded.of([policy])
            facts = encode_facts_read(FACT_SETS[number], reads)
            self._cache[active.digest, number] = CachedDecision(decision, reads, facts, decision.to_dict())
        return self._cache[active.digest, number]


def moments(count: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """So many instants between two."""
    step: timedelta = (end - start) / (count + 1)
    for number in range(count):
        yield start + step * (number + 1)
