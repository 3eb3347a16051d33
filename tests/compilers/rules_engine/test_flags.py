"""Flags that are 0 stay out of the message, and the answers are the same as if they were in it."""

from hypothesis import given
from hypothesis import strategies as st

from policy_service.compilers.rules_engine.engine import Engine
from policy_service.compilers.rules_engine.program import Condition, Program, Term
from tests.compilers.rules_engine.programs import expected

FIELDS = 6
FLAGS = frozenset({1, 3, 5})
values = st.tuples(*(st.integers(0, 1) if field in FLAGS else st.integers(-3, 3) for field in range(FIELDS)))
conditions = st.builds(
    Condition, st.integers(0, FIELDS - 1), st.sampled_from(["=", "!=", "<", ">="]), st.integers(-1, 2)
)
flag_conditions = st.builds(Condition, st.sampled_from(sorted(FLAGS)), st.just("="), st.just(1))
terms = st.builds(Term, st.integers(0, 9), st.lists(flag_conditions | conditions, max_size=4).map(tuple))


@given(st.lists(terms, max_size=100), st.lists(values, min_size=1, max_size=20))
def test_flags_change_no_answer(rules: list[Term], vectors: list[tuple[int, ...]]) -> None:
    program = Program(FIELDS, tuple(rules), FLAGS)
    engine = Engine(program)
    try:
        for vector in vectors:
            assert engine.matches(vector) == expected(program, vector)
    finally:
        engine.close()
