"""The engine finds the rules that plain Python finds, whatever the program is made of."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction

import pytest
from hypothesis import given

from policy_service.compilers.rules_engine.engine import Engine
from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Condition, Program, Term
from tests.compilers.rules_engine.programs import (
    everything_true,
    expected,
    one_field,
    programs_with_vectors,
)

LARGEST = LARGEST_VALUE


def agree(program: Program, *vectors: list[int]) -> None:
    with closing(Engine(program)) as engine:
        for vector in vectors:
            assert engine.matches(vector) == expected(program, vector), vector


@given(programs_with_vectors())
def test_it_agrees_with_plain_python(case: tuple[Program, list[list[int]]]) -> None:
    program, vectors = case
    agree(program, *vectors)


@pytest.mark.parametrize("rules", [1, 32, 33, 60, 61, 64, 65, 255, 256, 257, 1000, 1024])
def test_every_rule_may_be_true_at_once(rules: int) -> None:
    program = everything_true(rules)
    with closing(Engine(program)) as engine:
        assert engine.matches([0] * 20) == tuple(range(rules))
        assert engine.matches([1] * 20) == ()
        assert engine.matches([0] * 20) == tuple(range(rules))


def test_values_and_constants_may_be_as_large_as_allowed() -> None:
    constants = (-LARGEST, 1 - LARGEST, -1, 0, 1, LARGEST - 1, LARGEST)
    program = one_field(*((o, c) for c in constants for o in ("=", "!=", "<", "<=", ">", ">=")))
    agree(program, *([constant] for constant in constants))


def test_a_boolean_is_a_number() -> None:
    program = one_field(("=", True), ("=", False))
    with closing(Engine(program)) as engine:
        assert [engine.matches([value]) for value in (True, False, 1, 0)] == [(0,), (1,), (0,), (1,)]


def test_equal_values_alone_are_equal() -> None:
    constants = [number * number * 7919 - 5_000_000 for number in range(600)]
    with closing(Engine(one_field(*(("=", constant) for constant in constants)))) as engine:
        assert [engine.matches([constant]) for constant in constants] == [(rule,) for rule in range(600)]
        assert engine.matches([constants[0] + 1]) == ()


def test_more_constants_on_one_field_than_a_node_can_hold() -> None:
    program = one_field(*((">", constant) for constant in range(1100)))
    agree(program, [-1], [0], [1], [511], [512], [513], [1099], [2000])


def test_more_rules_end_on_one_condition_than_a_list_can_hold() -> None:
    same = Condition(0, ">", 5)
    agree(Program(1, tuple(Term(rule, (same,)) for rule in range(700))), [5], [6])


def test_more_different_from_conditions_than_a_list_can_hold() -> None:
    agree(one_field(*(("!=", constant) for constant in range(300))), [-1], [0], [299], [300])


def test_more_conditions_in_one_term_than_a_rule_can_group() -> None:
    term = Term(0, tuple(Condition(0, "!=", constant) for constant in range(2000)))
    agree(Program(1, (term,)), [0], [1999], [2000], [-1])


def test_more_fields_than_a_message_can_hold() -> None:
    chains = (Condition(field, ">", field) for field in range(600))
    program = Program(600, tuple(Term(rule, (condition,)) for rule, condition in enumerate(chains)))
    agree(program, list(range(600)), list(range(1, 601)), [300] * 600)


def test_a_term_may_use_as_many_fields_as_a_message_holds() -> None:
    wide = Term(0, tuple(Condition(field, ">=", 0) for field in range(251)))
    program = Program(251, (wide, Term(1, ()), *(Term(2 + n, (Condition(n, "<", 0),)) for n in range(100))))
    agree(program, [0] * 251, [0] * 250 + [-1])


def test_fields_that_no_condition_uses_are_not_sent() -> None:
    program = Program(1000, (Term(0, (Condition(999, "=", 1),)), Term(1, (Condition(0, "=", 1),))))
    agree(program, [0] * 999 + [1], [1] + [0] * 999)


def test_one_field_of_many_may_be_used() -> None:
    agree(Program(3, (Term(0, (Condition(1, "=", 1),)),)), [0, 1, 0], [1, 0, 1])


def test_a_term_without_conditions_is_always_true() -> None:
    agree(Program(2, (Term(3, ()), Term(1, (Condition(0, "<", 0),)))), [0, 0], [-1, 0])
    agree(Program(0, (Term(0, ()),)), [])


def test_a_program_without_terms_matches_nothing() -> None:
    agree(Program(2, ()), [1, 2])


def test_a_rule_is_found_once_however_many_of_its_terms_are_true() -> None:
    terms = [Term(rule, (Condition(0, ">", constant),)) for constant in range(40) for rule in (8, 2, 5)]
    program = Program(1, (*terms, *terms))
    with closing(Engine(program)) as engine:
        assert engine.matches([100]) == (2, 5, 8)
        assert engine.matches([0]) == ()


def test_contradictions_are_never_true() -> None:
    agree(Program(1, (Term(0, (Condition(0, "=", 1), Condition(0, "=", 2))),)), [1], [2])


def test_a_vector_may_be_a_list_or_a_tuple() -> None:
    with closing(Engine(Program(2, (Term(0, (Condition(0, "<", 3), Condition(1, "=", 2))),)))) as engine:
        assert engine.matches((1, 2)) == engine.matches([1, 2]) == engine.matches(range(1, 3)) == (0,)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1], ValueError, "expected 2 values, found 1"),
        ([1, 2, 3], ValueError, "expected 2 values, found 3"),
        ([1, 2.0], TypeError, "value 1: expected a whole number, found 2.0"),
        ([1, float("nan")], TypeError, "value 1: expected a whole number, found nan"),
        ([None, 1], TypeError, "value 0: expected a whole number, found None"),
        (["1", 1], TypeError, "value 0: expected a whole number, found '1'"),
        ([Fraction(1), 1], TypeError, "value 0: expected a whole number"),
        ([0, LARGEST + 1], ValueError, "value 1: expected a whole number within ±2\\*\\*53"),
        ([-LARGEST - 1, 0], ValueError, "value 0: expected a whole number within ±2\\*\\*53"),
        ([LARGEST + 1, -LARGEST - 1], ValueError, "value 0: expected a whole number within"),
        ([0, 10**400], ValueError, "value 1: expected a whole number within"),
    ],
)
def test_a_wrong_vector_is_refused_and_the_next_is_decided(
    values: list[int], error: type[Exception], message: str
) -> None:
    with closing(Engine(Program(2, (Term(0, (Condition(0, "<=", 1),)),)))) as engine:
        with pytest.raises(error, match=message):
            engine.matches(values)
        assert engine.matches([1, 0]) == (0,)


def test_a_closed_engine_refuses_and_may_be_closed_again() -> None:
    engine = Engine(everything_true(3))
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="the engine is closed"):
        engine.matches([0] * 20)


def test_engines_do_not_disturb_each_other() -> None:
    programs = [one_field(("=", number), (">", number)) for number in range(20)]
    engines = [Engine(program) for program in programs]
    for engine in engines[::2]:
        engine.close()
    for program, engine in list(zip(programs, engines, strict=True))[1::2]:
        assert [engine.matches([value]) for value in range(22)] == [expected(program, [value]) for value in range(22)]
        engine.close()


def test_threads_that_share_an_engine_wait_for_each_other() -> None:
    program = everything_true(70, fields=4)
    vectors = [[a, b, 0, -a] for a in range(-5, 5) for b in range(3)]
    answers = [expected(program, vector) for vector in vectors]
    wrong: list[object] = []

    def decide() -> None:
        for _ in range(20):
            wrong.extend(v for v, answer in zip(vectors, answers, strict=True) if engine.matches(v) != answer)

    with closing(Engine(program)) as engine:
        for thread in list(_started(decide, 6)):
            thread.join()
    assert wrong == []


def _started(target: Callable[[], None], number: int) -> Iterator[threading.Thread]:
    for _ in range(number):
        thread = threading.Thread(target=target)
        thread.start()
        yield thread
