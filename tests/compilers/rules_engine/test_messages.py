"""Messages: the text that each ruleset is asked with, and the numbers that are checked before."""

import json

import pytest

from policy_service.compilers.rules_engine.messages import make_writer, vector_inputs
from policy_service.compilers.rules_engine.network import lay_out
from policy_service.compilers.rules_engine.program import Condition, Program, Term


def test_a_message_holds_the_numbers_asked_for_and_the_flags_that_are_true() -> None:
    terms = (Term(0, (Condition(0, ">", 5), Condition(3, "=", 1))), Term(1, (Condition(1, "=", 1),)))
    program = Program(4, terms, frozenset({1, 3}))
    rulesets = lay_out(program)
    numbers, (message,) = make_writer(program, rulesets, vector_inputs(4))([7, 1, 8, 0])
    assert numbers == (7, 8)
    [flag] = [text.split('"')[1] for field, text in rulesets[0].flags.items() if field == 1]
    body = json.loads(message)
    assert body.pop("id") == 1
    assert body.pop(flag) == 1
    assert list(body.values()) == [7]


def test_every_ruleset_has_a_message_and_a_field_that_several_ask_for_is_worked_out_once() -> None:
    terms = tuple(Term(rule, (Condition(0, ">", rule), Condition(1, "=", 1))) for rule in range(300))
    program = Program(2, terms, frozenset({1}))
    asked = []

    class Watched(int):
        def __bool__(self) -> bool:
            asked.append(self)
            return True

    numbers, messages = make_writer(program, lay_out(program), vector_inputs(2))([7, Watched(1)])
    assert numbers == (7,)
    assert len(messages) == 2
    assert all(7 in json.loads(message).values() for message in messages)
    assert len(asked) == 2


def test_a_truth_is_written_as_a_whole_number() -> None:
    program = Program(1, (Term(0, (Condition(0, "=", 1),)),))
    _, (message,) = make_writer(program, lay_out(program), vector_inputs(1))([True])
    assert "true" not in message.lower()


@pytest.mark.parametrize("values", [[], [1, 2]])
def test_a_vector_of_another_length_is_refused(values: list[int]) -> None:
    program = Program(1, (Term(0, (Condition(0, "=", 1),)),))
    with pytest.raises(ValueError, match="values to unpack"):
        make_writer(program, lay_out(program), vector_inputs(1))(values)
