"""Programs are laid out so that no limit of the engine can be reached, and what is too large is refused."""

import json
import re
from itertools import chain

import pytest
from hypothesis import given

from policy_service.compilers.rules_engine.network import _NAMES, EngineLimitError, Ruleset, lay_out
from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Condition, Program, Term
from tests.compilers.rules_engine.programs import everything_true, programs_with_vectors


def hash_of(name: str) -> int:
    value = 2_166_136_261
    for character in name:
        value = ((value ^ ord(character)) * 16_777_619) % 2**32
    return value


def check_limits(ruleset: Ruleset) -> None:
    rules = json.loads(ruleset.definition, object_pairs_hook=list)
    assert len(rules) <= 257
    guards: dict[int, int] = {}
    guarded = 0
    for _name, parts in rules:
        condition = dict(parts)["all"][0][0][1]
        [(kind, first), *_] = condition
        if kind == "$and" and first[0][0][0] == "$neq" and first[0][0][1][0][0] == guard_of(ruleset):
            guarded += 1
            number = first[0][0][1][0][1]
            guards[number] = guards.get(number, 0) + 1
    assert guarded in {0, len(rules) - 1}
    assert len(rules) <= 61 or guarded
    assert len(guards) <= 8
    assert max(guards.values(), default=0) <= 32
    aliases = re.findall(r'"(\w+)":%d', ruleset.template)
    assert len(aliases) == len(ruleset.fields) <= 251
    names = [*aliases, guard_of(ruleset), *json.loads(ruleset.priming), "sid", "$s"]
    assert len({hash_of(name) for name in names}) == len(names)


def guard_of(ruleset: Ruleset) -> str:
    match = re.match(r'{"id":1,"(\w+)":0', ruleset.template)
    return match[1] if match else "$none"


@given(programs_with_vectors())
def test_no_limit_of_the_engine_can_be_reached(case: tuple[Program, object]) -> None:
    for ruleset in lay_out(case[0]):
        check_limits(ruleset)


@pytest.mark.parametrize("fields", [20, 250, 600])
def test_nor_by_a_large_program(fields: int) -> None:
    for ruleset in lay_out(everything_true(1500, fields)):
        check_limits(ruleset)


def test_the_same_program_is_laid_out_the_same() -> None:
    program = everything_true(300)
    assert lay_out(program) == lay_out(program)


def test_no_alias_hashes_like_another_or_like_a_name_of_the_engine() -> None:
    names = [*chain.from_iterable(_NAMES), "id", "sid", "$s", "$m", "$and", "$neq", "$forward"]
    assert len(names) > 3000
    assert len({hash_of(name) for name in names}) == len(names)


def test_shared_conditions_come_first_so_that_terms_share_their_nodes() -> None:
    shared = Condition(1, "=", 7)
    terms = tuple(Term(rule, (Condition(0, ">", rule), shared)) for rule in range(10))
    [ruleset] = lay_out(Program(2, terms))
    conditions = [part["all"][0]["m"]["$and"] for part in list(json.loads(ruleset.definition).values())[1:]]
    assert {json.dumps(condition[0]) for condition in conditions} == {json.dumps(conditions[0][0])}
    assert conditions[0][0].popitem()[1] == 7


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            Program(1, tuple(Term(rule, ()) for rule in range(16_385))),
            "terms of a program: found 16385, allowed 16384",
        ),
        (
            Program(1, (Term(0, tuple(Condition(0, "!=", n) for n in range(65_537))),)),
            "conditions of a program: found 65537, allowed 65536",
        ),
        (
            Program(252, (Term(4, tuple(Condition(n, "=", 0) for n in range(252))),)),
            "fields in one term of rule 4: found 252, allowed 251",
        ),
        (Program(2, (Term(0, (Condition(2, "=", 0),)),)), "field of a condition: found 2, allowed 0 to 1"),
        (Program(2, (Term(0, (Condition(-1, "=", 0),)),)), "field of a condition: found -1, allowed 0 to 1"),
        (
            Program(1, (Term(0, (Condition(0, "~", 0),)),)),  # type: ignore[arg-type]
            "operator of a condition: found ~, allowed = != < <= > >=",
        ),
        (
            Program(1, (Term(0, (Condition(0, "=", LARGEST_VALUE + 1),)),)),
            "constant of a condition: found 9007199254740993, allowed whole numbers within ±2**53",
        ),
        (
            Program(1, (Term(0, (Condition(0, "=", 0.5),)),)),  # type: ignore[arg-type]
            "constant of a condition: found 0.5, allowed whole numbers within ±2**53",
        ),
    ],
)
def test_what_the_engine_must_not_be_given_is_refused(program: Program, message: str) -> None:
    with pytest.raises(EngineLimitError) as refused:
        lay_out(program)
    assert str(refused.value) == message
    assert message.startswith(refused.value.limit)
    assert str(refused.value.actual) in message
    assert str(refused.value.allowed) in message


def test_a_flag_that_is_only_asked_whether_it_is_1_is_left_out_of_the_message_when_it_is_0() -> None:
    terms = (Term(0, (Condition(0, "=", 1), Condition(1, ">", 5))), Term(1, (Condition(2, "=", 0),)))
    [ruleset] = lay_out(Program(3, terms, frozenset({0, 2})))
    assert ruleset.fields == (1, 2)
    assert list(ruleset.flags) == [0]
    assert ruleset.template.count("%d") == len(ruleset.fields)
    assert ruleset.flags[0].endswith(":1")


def test_a_field_that_is_no_flag_stays_in_the_message_even_when_it_is_only_compared_with_1() -> None:
    [ruleset] = lay_out(Program(1, (Term(0, (Condition(0, "=", 1),)),)))
    assert ruleset.fields == (0,)
    assert not ruleset.flags
