"""The recorded effect of generated changes: all sums are equal, money to the fen, and the digest makes it again.

Some customers keep the best class by an override, whatever a change decides: those are named, and not counted as lost.
"""

from __future__ import annotations

import datetime
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from policy_service.actor import Role
from policy_service.approval.service import EffectQuestion
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.language.evaluate import evaluate
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Decided
from policy_service.language.policy import Policy
from policy_service.language.types import parse_value
from policy_service.population.mapping import Mapping
from policy_service.population.records import open_records
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest
from policy_service.subject import Subject
from tests.approval.world import SALES, World, world
from tests.effort import effort
from tests.overrides.alone import record_alone
from tests.population.recorded import effects, record_facts
from tests.population.test_simulation import bonus, random_rows

CHANGES = effort(quick=2, long=1_000)
PLACES = {"region": ("north", "south", "west"), "size": ("large", "small"), "industry": ("it", "retail")}
DECLARED = "".join(
    f"  {name}: {{type: choice, of: [{', '.join(words)}], title: {{zh: {name}, en: {name}}}}}\n"
    for name, words in PLACES.items()
    if name != "industry"
)


def version(number: str, chance: random.Random) -> Policy:
    """A generated version that knows the region and the size of customers, too."""
    text = bonus(number, random_rows(chance)).text.replace("  industry:", f"{DECLARED}  industry:", 1)
    return load_bytes(text.replace("of: [A, B],", "of: [A, B], ordered: best-first,", 1).encode())


def keep_best(made: World, subject: str) -> str:
    """Keep the best class of a customer by an override; returns its id."""
    with made.database.write(made.clock) as transaction:
        return record_alone(
            transaction,
            made.fresh(SALES),
            subject=Subject(subject),
            policy="rewards/bonus",
            outcome={"class": "A", "bonus": "0.50"},
            role=Role.SALES_DIRECTOR,
            reason="a partner",
            until=made.now + datetime.timedelta(days=30),
        ).id


def answer(policy: Policy, facts: dict[str, object], day: datetime.date) -> tuple[str, str, int]:
    """Status, class and bonus of the definition."""
    result = evaluate(policy, {name: parse_value(fact.type, facts[name]) for name, fact in policy.facts.items()}, day)
    if not isinstance(result, Decided):
        return "(no_rule_matched)", "(no_rule_matched)", 0
    grade, money = result.outcome[0]
    return "decided", str(grade), int(str(money))


def test_sums_of_recorded_effects_agree_whatever_changes(tmp_path: Path) -> None:
    chance = random.Random(23)
    people: dict[str, dict[str, object]] = {
        f"C{index}": {
            "amount_12m": f"{chance.randint(0, 1000)}.{chance.randint(0, 99):02}",
            "orders_12m": chance.randint(0, 5),
            **{name: chance.choice(words) for name, words in PLACES.items()},
        }
        for index in range(30)
    }
    with world() as made:
        made.import_(version("0.1.0", chance).content, at=made.now)
        made.move(minutes=1)
        record_facts(made.database, made.clock, tmp_path, people, ("rewards/bonus",))
        overrides = {name: keep_best(made, name) for name in chance.sample(sorted(people), 6)}
        read, cipher = effects(made, tmp_path), FactCipher(open_or_create(tmp_path))
        start = made.now + datetime.timedelta(days=2)
        day = start.date()
        for _ in range(CHANGES):
            old, new = version("1.0.0", chance), version("1.1.0", chance)
            question = EffectQuestion((new,), (old,), start)
            effect = read(question)
            assert replace(read, until=effect.document["bundle"]["records"])(question) == effect
            [part] = effect.document["parts"]
            [figures] = part["policies"]
            pairs = [[answer(policy, facts, day) for policy in (old, new)] for facts in people.values()]
            moved = [name for name, (before, after) in zip(people, pairs, strict=True) if before != after]
            assert part["moved"] == figures["moved"] == len(moved)
            assert sum(each["subjects"] for each in figures["attribution"]) == len(moved)
            matrix = Counter({(each["from"], each["to"]): each["subjects"] for each in figures["matrix"]})
            assert matrix == Counter((before[1], after[1]) for before, after in pairs)
            for name in PLACES:
                by = {each["word"]: each["moved"] for each in figures["by"] if each["fact"] == name}
                assert +Counter(by) == Counter(str(people[each][name]) for each in moved)
            assert {line.split(",")[0] for line in effect.movers.decode("utf-8-sig").splitlines()[1:]} == set(moved)
            lost = {name for name, (old_, new_) in zip(people, pairs, strict=True) if old_[1] == "A" != new_[1]}
            kept = {each["subject"]: each["override"] for each in part["kept_by_override"]}
            assert kept == {name: overrides[name] for name in lost & overrides.keys()}
            had = sum(old_[1] == "A" for old_, _ in pairs)
            share = Decimal(-(-(len(lost) - len(kept)) * 10**4 // had)).scaleb(-4) if had else None
            assert effect.document["best_lost_share"] == (None if share is None else str(share))
            sums = [sum(pair[side][2] for pair in pairs) for side in (0, 1)]
            [money] = figures["money"]
            texts = [money[name].replace(".", "") for name in ("before", "after", "difference")]
            assert list(map(int, texts)) == [*sums, sums[1] - sums[0]]
            request = SimulationRequest(
                population=None,
                policies=[old],
                candidates=[new],
                requested=None,
                as_of=day,
                start=day + datetime.timedelta(days=1),
                mapping=Mapping(),
                source=partial(open_records, made.database, cipher, "customer", day),
            )
            before_start = simulate(request, lambda *_: None)
            assert (before_start["in_effect"], before_start["moved"], before_start["movers"]) == (False, 0, [])
            assert {row["difference"] for row in before_start["policies"][0]["money"]} == {"0.00"}
