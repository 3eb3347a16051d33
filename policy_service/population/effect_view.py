"""The effect of a change in words: which subjects move, why, and the money; and warnings about weakened protection."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from sqlmodel import Session

from policy_service.approval import service as approval
from policy_service.approval.forecast import PolicyLoader
from policy_service.approval.service import Change, Effect
from policy_service.decisions.groups.movements import Tone
from policy_service.language.policy import Bilingual, Fact, Language, Policy
from policy_service.language.types import ChoiceType
from policy_service.messages import Message, join_comma
from policy_service.population.differences import differences
from policy_service.population.effect_document import KEPT_BY_OVERRIDE, REGISTERED
from policy_service.population.effect_words import RoleLoad, movement_tone, role_load, word_text
from policy_service.registry.catalogue import Catalogue

MAX_CHARTED = 24
"""Maximum number of values of an outcome in a chart; there is none for more."""
FEW = 5
"""Maximum number of names in a warning."""
NO_DECISIONS = "the service has no decision about anybody of this kind"
LACKS = re.compile(r"(\S+) needs the columns (.+)")
Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutcomeEffect:
    """The effect on an outcome with few values."""

    title: Bilingual
    sizes: tuple[tuple[str, tuple[int, int]], ...]
    """The number of subjects with each value on both sides."""
    matrix: tuple[tuple[tuple[int, Tone] | None, ...], ...]
    """The number of subjects by values before and after, and the tone."""

    @property
    def words(self) -> tuple[str, ...]:
        """The values, in the order of the matrix."""
        return tuple(word for word, _ in self.sizes)


@dataclass(frozen=True, slots=True)
class WordEffect:
    """The number of moving subjects by one value of a fact."""

    word: str
    subjects: int
    moved: int


@dataclass(frozen=True, slots=True)
class MoneyEffect:
    """A sum of money before and after."""

    title: Bilingual
    currency: str
    before: Decimal
    after: Decimal
    difference: Decimal


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """The effect on the answers of one policy."""

    policy: str
    title: Bilingual
    is_changed: bool
    """False if it only depends on a changed policy."""
    moved: int
    unchanged: int
    undecided: int
    kept_by_override: int
    """The number of subjects that keep their best outcome by an override."""
    keepers: tuple[tuple[str, str], ...]
    """These subjects and their overrides, for readers who may see names."""
    outcomes: tuple[OutcomeEffect, ...]
    money: tuple[MoneyEffect, ...]
    by: tuple[tuple[Bilingual, tuple[WordEffect, ...]], ...]
    """Moving subjects by industry and the like: the title of a fact, and its values."""
    charges: tuple[tuple[str, str | None, int], ...]
    """The differences that move subjects, those interacting with them, and the numbers."""


@dataclass(frozen=True, slots=True)
class Move:
    """A subject that moves in one policy."""

    title: Bilingual
    """The title of the policy."""
    before: str
    after: str
    charged_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mover:
    """A subject that moves."""

    subject: str
    measure: str | None
    is_key: bool
    """True if it had the best outcome of a policy."""
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class KindEffect:
    """The effect on subjects of one kind."""

    kind: str
    problems: tuple[str, ...]
    """Why it was not simulated."""
    subjects: int
    moved: int
    refused: int
    policies: tuple[PolicyEffect, ...]
    workload: tuple[RoleLoad, ...]
    """Contacts per month."""
    service_load: tuple[RoleLoad, ...]
    """Requests per month: of each role in total, then by service level."""
    movers: tuple[Mover, ...]
    measure: Bilingual | None
    """The fact by which movers are ordered."""

    @property
    def untouched(self) -> tuple[PolicyEffect, ...]:
        """The policies that depend on a changed one, and move no subject."""
        return tuple(each for each in self.policies if not each.is_changed and not each.moved)

    @property
    def more(self) -> int:
        """The number of movers that are not named."""
        return self.moved - len(self.movers)


@dataclass(frozen=True, slots=True)
class EffectView:
    """The effect of a change."""

    kinds: tuple[KindEffect, ...]
    bundle: str
    day: date
    share: Decimal | None
    """The share used to determine the signers; None if unknown."""
    file: str | None
    """The address of the list of all movers."""
    workload_file: str | None
    """The address of the work of each role."""
    population: str | None
    """The registered population that was simulated; None for the records."""
    population_day: date | None
    run_by: str | None
    """The change with which readers who may see names can run its policies over all subjects."""

    @property
    def money(self) -> tuple[MoneyEffect, ...]:
        """All sums that change."""
        rows = (row for kind in self.kinds for policy in kind.policies for row in policy.money)
        return tuple(row for row in rows if row.difference)

    @property
    def contacts(self) -> Decimal:
        """The additional contacts per month of all roles."""
        return sum((row.difference for kind in self.kinds for row in kind.workload), Decimal(0))

    def overloaded(self, name: str) -> tuple[str, ...]:
        """Return the roles whose work exceeds their capacity, of the kind `workload` or `service_load`."""
        return tuple(row.role for kind in self.kinds for row in getattr(kind, name) if row.is_too_large)

    @property
    def moves_everybody(self) -> bool:
        """True if no decided subject keeps its outcome of a changed policy."""
        changed = [each for kind in self.kinds for each in kind.policies if each.is_changed]
        return any(each.moved > 1 and not each.unchanged for each in changed)


def read_effect_view(
    session: Session, catalogue: Catalogue, change: Change, lang: Language, *, names: bool
) -> EffectView | None:
    """Return the effect submitted with a change; None if there is none.

    `names` is True if the reader may see the movers. Raises DamagedRecord.
    """
    effect = approval.read_effect(session, change)
    if effect is None:
        return None
    return effect_view(partial(catalogue.load, session), change, effect, lang, names=names, is_stored=True)


def effect_view(  # noqa: PLR0913  # what is shown of what, to whom
    load: PolicyLoader, change: Change, effect: Effect, lang: Language, *, names: bool, is_stored: bool
) -> EffectView:
    """Return the effect of a change in words; a stored one also has files. `load` reads a version by its digest."""
    document = effect.document
    registered = document["bundle"].get(REGISTERED)
    kinds = tuple(_kind(load, part, lang, names=names) for part in document["parts"])
    moves = is_stored and names and any(kind.moved for kind in kinds)
    has_work = is_stored and any(map(_has_work, kinds))
    return EffectView(
        kinds=kinds,
        bundle=effect.bundle,
        day=date.fromisoformat(document["bundle"]["day"]),
        share=_share(effect),
        file=f"/changes/{change.id}/movers.csv" if moves else None,
        workload_file=f"/changes/{change.id}/workload.csv" if has_work else None,
        population=registered and registered["name"],
        population_day=registered and date.fromisoformat(registered["as_of"]),
        run_by=change.id if names else None,
    )


def warnings_of(comparisons: Iterable[tuple[Policy | None, Policy]], effect: EffectView | None) -> tuple[Message, ...]:
    """Return a message for each way in which a change weakens protection; versions come with their predecessors."""
    found: list[Message] = []
    if effect is None or effect.share is None:
        found.append(Message("The effect of this change is unknown: it could not be simulated."))
    elif effect.moves_everybody:
        found.append(Message("Everybody moves: no subject keeps its outcome."))
    if effect is not None and (roles := effect.overloaded("workload")):
        found.append(Message("More contacts a month than their stated capacity: {roles}.", roles=_few(roles)))
    if effect is not None and (roles := effect.overloaded("service_load")):
        found.append(Message("More requests a month than their stated capacity: {roles}.", roles=_few(roles)))
    for base, policy in comparisons:
        if not policy.source:
            found.append(Message("{policy} names no row of a regulation.", policy=policy.id))
        if base is None:
            continue
        if lost := sorted({each.name for each in base.examples} - {each.name for each in policy.examples}):
            found.append(Message("{policy} no longer has the examples: {names}.", policy=policy.id, names=_few(lost)))
        if lost := sorted({each.id for each in base.invariants} - {each.id for each in policy.invariants}):
            found.append(Message("{policy} no longer has the invariants: {names}.", policy=policy.id, names=_few(lost)))
    return tuple(found)


def _few(names: Sequence[str]) -> str:
    return join_comma([*names[:FEW], *(["…"] if len(names) > FEW else [])])


def _has_work(kind: KindEffect) -> bool:
    return bool(kind.workload or kind.service_load)


def _share(effect: Effect) -> Decimal | None:
    return None if effect.impact_share is None else Decimal(effect.impact_share)


def unknown_reason(problem: str) -> str:
    """Return why subjects of a kind could not be simulated; translatable if the document has a known message."""
    if problem == NO_DECISIONS:
        return Message("the service has no decisions about them yet")
    lacks = LACKS.fullmatch(problem)
    return Message("no record has what {policy} needs: {facts}", policy=lacks[1], facts=lacks[2]) if lacks else problem


def _kind(load: PolicyLoader, part: Figures, lang: Language, *, names: bool) -> KindEffect:
    if "problems" in part:
        problems = tuple(map(unknown_reason, part["problems"]))
        return KindEffect(part["kind"], problems, 0, 0, 0, (), (), (), (), None)
    bundle = part["bundle"]
    before, versions = ({each["id"]: load(each["digest"]) for each in bundle[side]} for side in ("before", "after"))
    texts = _cell_texts(before, versions, lang)
    facts = {name: fact for policy in versions.values() for name, fact in policy.facts.items()}
    measure, keepers = facts.get(part["measure"]), part.get(KEPT_BY_OVERRIDE, ())
    return KindEffect(
        kind=part["kind"],
        problems=(),
        subjects=part["subjects"],
        moved=part["moved"],
        refused=part["refused"],
        policies=tuple(
            _policy(each, versions[each["policy"]], facts, texts, lang, keepers if names else ())
            for each in part["policies"]
        ),
        workload=tuple(role_load(each, versions, lang) for each in part.get("workload", ())),
        service_load=tuple(role_load(each, versions, lang) for each in part.get("service_load", ())),
        movers=tuple(_mover(each, versions, texts, measure, lang) for each in part["movers"] if names),
        measure=measure.title if measure else None,
    )


def _cell_texts(before: Mapping[str, Policy], after: Mapping[str, Policy], lang: Language) -> Mapping[str, str]:
    """Return the differences of the versions in words, by their recorded form."""
    texts: dict[str, str] = {}
    for name, policy in after.items():
        old = before.get(name)
        if old is None or old.digest != policy.digest:
            title = getattr(policy.title, lang)
            pairs = zip(differences(old, policy), differences(old, policy, lang), strict=True)
            texts.update((str(recorded), str(replace(local, policy=title))) for recorded, local in pairs)
    return texts


def _policy(  # noqa: PLR0913, PLR0917  # the figures, and all that puts them into words
    figures: Figures,
    policy: Policy,
    facts: Mapping[str, Fact],
    texts: Mapping[str, str],
    lang: Language,
    keepers: Sequence[Figures],
) -> PolicyEffect:
    by: dict[str, list[WordEffect]] = {}
    for row in figures["by"]:
        word = word_text(row["word"], facts.get(row["fact"]), lang)
        by.setdefault(row["fact"], []).append(WordEffect(word, row["subjects"], row["moved"]))
    return PolicyEffect(
        policy=policy.id,
        title=policy.title,
        is_changed=figures["before"] != figures["after"],
        moved=figures["moved"],
        unchanged=figures["unchanged"],
        undecided=figures["undecided"],
        kept_by_override=figures.get("kept_by_override", 0),
        keepers=tuple(
            dict.fromkeys((each["subject"], each["override"]) for each in keepers if each["policy"] == policy.id)
        ),
        outcomes=tuple(_outcomes(figures["matrix"], policy, lang)),
        money=tuple(_money(row, policy) for row in figures["money"]),
        by=tuple(
            (facts[name].title if name in facts else Bilingual(name, name), tuple(rows)) for name, rows in by.items()
        ),
        charges=tuple(
            (
                texts.get(row["difference"], row["difference"]),
                row["with"] and texts.get(row["with"], row["with"]),
                row["subjects"],
            )
            for row in figures["attribution"]
        ),
    )


def _outcomes(matrix: Sequence[Figures], policy: Policy, lang: Language) -> Iterator[OutcomeEffect]:
    """Yield the effect on each outcome with few values."""
    for name in dict.fromkeys(row["outcome"] for row in matrix):
        outcome = policy.outcomes.get(name)
        rows = [row for row in matrix if row["outcome"] == name]
        declared = outcome.type.of if outcome is not None and isinstance(outcome.type, ChoiceType) else ()
        found = {row[side] for row in rows for side in ("from", "to")}
        words = [*(word for word in declared if word in found), *sorted(found - set(declared))]
        if len(words) > MAX_CHARTED:
            continue
        counts = {(row["from"], row["to"]): row["subjects"] for row in rows}
        before, after = (
            [sum(row["subjects"] for row in rows if row[side] == word) for word in words] for side in ("from", "to")
        )
        labels = (word_text(word, outcome, lang) for word in words)
        yield OutcomeEffect(
            title=outcome.title if outcome else Bilingual(name, name),
            sizes=tuple(zip(labels, zip(before, after, strict=True), strict=True)),
            matrix=tuple(
                tuple(
                    (counts[one, other], movement_tone(outcome, one, other)) if (one, other) in counts else None
                    for other in words
                )
                for one in words
            ),
        )


def _money(row: Figures, policy: Policy) -> MoneyEffect:
    outcome = policy.outcomes.get(row["outcome"])
    title = outcome.title if outcome else Bilingual(row["outcome"], row["outcome"])
    before, after, difference = (Decimal(row[name]) for name in ("before", "after", "difference"))
    return MoneyEffect(title, row["currency"], before, after, difference)


def _mover(
    row: Figures, versions: Mapping[str, Policy], texts: Mapping[str, str], measure: Fact | None, lang: Language
) -> Mover:
    moves, is_key = [], False
    for each in row["policies"]:
        policy = versions[each["policy"]]
        words: dict[str, list[str]] = {"from": [], "to": []}
        for pair in each["outcomes"]:
            outcome = policy.outcomes.get(pair["outcome"])
            kind = outcome.type if outcome else None
            is_key |= isinstance(kind, ChoiceType) and kind.ordered is not None and pair["from"] == _best(kind)
            for side, listed in words.items():
                listed.append(word_text(pair[side], outcome, lang))
        before, after = map(join_comma, words.values())
        charged_to = tuple(texts.get(text, text) for text in each["charged_to"])
        moves.append(Move(policy.title, before, after, charged_to))
    amount = None if row["measure"] is None else word_text(row["measure"], measure, lang)
    return Mover(row["subject"], amount, is_key, tuple(moves))


def _best(kind: ChoiceType) -> str:
    return kind.of[0] if kind.ordered == "best-first" else kind.of[-1]
