"""Programs to try, and what they mean: the engine must agree with `expected` on every vector."""

import operator
from collections.abc import Sequence

from hypothesis import strategies as st

from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Condition, Operator, Program, Term

COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
VALUES = (
    st.integers(-3, 3),
    st.integers(-LARGEST_VALUE, LARGEST_VALUE),
    st.sampled_from([-LARGEST_VALUE, 1 - LARGEST_VALUE, -1, 0, 1, LARGEST_VALUE - 1, LARGEST_VALUE]),
)


def expected(program: Program, values: Sequence[int]) -> tuple[int, ...]:
    """The rules with a term whose every condition is true."""
    return tuple(
        sorted(
            {
                term.rule
                for term in program.terms
                if all(COMPARISONS[c.operator](values[c.field], c.value) for c in term.conditions)
            }
        )
    )


def one_field(*conditions: tuple[Operator, int]) -> Program:
    """One rule for each condition, all on the only field."""
    return Program(1, tuple(Term(rule, (Condition(0, *c),)) for rule, c in enumerate(conditions)))


def everything_true(rules: int, fields: int = 20) -> Program:
    """A program whose every rule is true when every value is 0."""
    return Program(
        fields,
        tuple(
            Term(
                rule,
                (
                    Condition(rule % fields, ">=", -rule),
                    Condition((rule + 1) % fields, "<", rule + 1),
                    Condition((rule + 2) % fields, "=", 0),
                ),
            )
            for rule in range(rules)
        ),
    )


@st.composite
def programs_with_vectors(draw: st.DrawFn) -> tuple[Program, list[list[int]]]:
    """A program and vectors whose values often lie on its constants or beside them."""
    fields = draw(st.integers(1, 6))
    constants = draw(st.sampled_from(VALUES))
    condition = st.builds(Condition, st.integers(0, fields - 1), st.sampled_from(list(COMPARISONS)), constants)
    term = st.builds(Term, st.integers(0, 12), st.lists(condition, max_size=4).map(tuple))
    terms = draw(st.lists(term, max_size=90).map(tuple))
    vector = st.lists(constants, min_size=fields, max_size=fields)
    return Program(fields, terms), draw(st.lists(vector, min_size=1, max_size=6))
