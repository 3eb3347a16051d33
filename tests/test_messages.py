"""A sentence reads as plain English everywhere, and remembers how to be told in another language."""

import ast
import copy
import json
import pickle
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.kit.languages import translations
from policy_service.analysis import findings
from policy_service.approval.errors import InvalidState, OperationRejected, ValidationFailed
from policy_service.approval.shipped_policies import REASON, TITLE
from policy_service.canonical import to_canonical_json
from policy_service.identity.passwords import PINYIN
from policy_service.language.policy import Bilingual
from policy_service.messages import (
    Message,
    join_and,
    join_comma,
    join_or,
    join_semicolon,
    join_sentences,
    plain_text,
    single_line,
    translate,
)
from policy_service.workers.pickled_errors import pickle_error
from tests.architecture.project import ROOT
from tests.for_each import for_each
from tests.pages.catalogue import read_catalogue

GREETING = Message("Good morning, {name}.", name=Message("an author"))
CATALOGUE = {
    "Good morning, {name}.": "{name}，早上好。",
    "an author": "起草人",
    "{count:,} bytes": "{count:,} 字节",
    "{before} or {word}": "{before}或{word}",
}


def to_chinese(pattern: str) -> str:
    """A catalogue of four patterns; what it does not have stays."""
    return CATALOGUE.get(pattern, pattern)


# -------------------------------------------------------------------------------------------------- the sentence


def test_a_sentence_is_the_english_text() -> None:
    assert GREETING == "Good morning, an author."
    assert hash(GREETING) == hash("Good morning, an author.")
    assert json.dumps([GREETING]) == '["Good morning, an author."]'


def test_a_pattern_without_values_is_taken_as_it_stands() -> None:
    braces = Message("a set is written {1, 2}")
    assert braces == "a set is written {1, 2}"
    assert translate(braces, to_chinese) == braces


def test_what_is_counted_is_one_or_several() -> None:
    pattern = "{place}: {known} checkpoints were copied there, of {size} entries"
    assert Message(pattern, place="a", known=1, size=1) == "a: 1 checkpoint was copied there, of 1 entry"
    several = Message(pattern, place="1 entries", known=2, size=21)
    assert several == translate(several, to_chinese) == "1 entries: 2 checkpoints were copied there, of 21 entries"
    assert translate(Message("{count} entries", count=1), to_chinese) == "1 entry"


@given(st.text())
def test_what_is_put_in_is_never_taken_for_a_pattern(name: str) -> None:
    assert translate(Message("Good morning, {name}.", name=name), to_chinese) == f"{name}，早上好。"


def through_another_process(sentence: Message) -> Message:
    """The sentence as it arrives there."""
    arrived: Message = pickle.loads(pickle.dumps(sentence))  # noqa: S301  # ours
    return arrived


@pytest.mark.parametrize("copied", [str, copy.copy, copy.deepcopy, through_another_process])
def test_a_copy_of_a_sentence_is_told_alike(copied: Callable[[Message], Message]) -> None:
    assert translate(copied(GREETING), to_chinese) == "起草人，早上好。"


@pytest.mark.parametrize("made", [lambda text: f"{text}!", lambda text: text[:5], "".join, plain_text, str.strip])
def test_another_text_made_of_a_sentence_is_plain(made: Callable[[Message], str]) -> None:
    assert type(made(GREETING)) is str


def test_an_exception_keeps_its_sentence() -> None:
    assert translate(str(ValueError(GREETING)), to_chinese) == "起草人，早上好。"
    assert translate(str(OperationRejected(GREETING)), to_chinese) == "起草人，早上好。"


@pytest.mark.parametrize(
    "refused", [InvalidState(GREETING, GREETING), ValidationFailed([GREETING, "no"], [{"text": "1"}], {"a": 1})]
)
def test_a_refusal_comes_from_another_process_as_it_was(refused: OperationRejected) -> None:
    again = pickle.loads(pickle_error(refused))[1]  # noqa: S301  # ours
    assert type(again) is type(refused)
    assert (str(again), vars(again)) == (str(refused), vars(refused))
    assert translate(again.messages[0], to_chinese) == "起草人，早上好。"


def test_several_sentences_of_a_refusal_are_lines_and_one_text() -> None:
    refused = InvalidState(GREETING, Message("an author"))
    assert str(refused) == "Good morning, an author.\nan author"
    assert refused.message == "Good morning, an author. an author"
    assert translate(refused.message, translations("zh").gettext) == "Good morning, 起草人.起草人"


def test_a_sentence_is_encoded_as_its_text_or_not_at_all() -> None:
    assert msgspec.json.encode([GREETING], enc_hook=plain_text) == b'["Good morning, an author."]'
    assert to_canonical_json([plain_text(GREETING)]) == b'["Good morning, an author."]'
    with pytest.raises(TypeError):
        to_canonical_json([GREETING])


# -------------------------------------------------------------------------------------------------------- telling


def test_a_text_that_is_no_sentence_stays_as_it_is() -> None:
    assert translate("an author", to_chinese) == "an author"


def test_figures_and_instants_are_written_as_the_translation_has_them() -> None:
    assert translate(Message("{count:,} bytes", count=12_345), to_chinese) == "12,345 字节"
    until = datetime(2026, 11, 22, 8, 5, tzinfo=UTC)
    assert translate(Message("after {until:%H:%M} UTC", until=until), lambda _: "{until:%H:%M} 之后") == "08:05 之后"


def test_what_is_no_sentence_may_be_shown_otherwise() -> None:
    sentence = Message("Good morning, {name}.", name=join_or([Message("an author"), "\u202eada"]))
    result = translate(sentence, to_chinese, lambda text: text.replace("\u202e", "[U+202E]"))
    assert result == "起草人或[U+202E]ada，早上好。"
    assert translate("\u202e", to_chinese, ascii) == r"'\u202e'"


# ------------------------------------------------------------------------------------------- several, as one text


@pytest.mark.parametrize(
    ("join", "between"),
    [(join_or, " or "), (join_and, " and "), (join_comma, ", "), (join_semicolon, "; "), (join_sentences, " ")],
)
@given(words=st.lists(st.text()))
def test_words_are_joined_in_english(join: Callable[[Iterable[str]], str], between: str, words: list[str]) -> None:
    assert join(iter(words)) == between.join(words)


def test_joined_words_are_told_word_by_word() -> None:
    assert translate(join_or([Message("an author"), Message("an author"), "x"]), to_chinese) == "起草人或起草人或x"
    assert translate(join_or([Message("an author")]), to_chinese) == "起草人"


@given(st.text(), st.text())
def test_on_one_line_there_is_a_blank_for_every_line_break(one: str, other: str) -> None:
    sentence = Message("Good morning, {name}.", name=Message("{before} or {word}", before=one, word=other))
    flat = single_line(sentence)
    assert flat == sentence.replace("\n", " ")
    assert translate(flat, to_chinese) == f"{one}或{other}，早上好。".replace("\n", " ")
    assert single_line("a\nb") == "a b"


# -------------------------------------------------------------------------------------------------- the catalogue

FIELDS = re.compile(r"\{\w+[^}]*\}")


def test_a_translation_writes_figures_as_the_english_does() -> None:
    for message in read_catalogue("library"):
        if message.id and (places := set(FIELDS.findall(str(message.id)))):
            assert set(FIELDS.findall(str(message.string))) == places, message.id


def test_findings_say_the_same_in_the_report_and_in_a_refusal() -> None:
    chinese = translations("zh").gettext
    tree = ast.parse(Path(str(findings.__file__)).read_text("utf-8"))
    results = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == Bilingual.__name__]
    assert len(results) > 10  # the table of findings
    for zh, en in ((_constant(call.args[0]), _constant(call.args[1])) for call in results):
        assert zh is None or (en is not None and chinese(en) == zh)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _constant(node: ast.expr) -> str | None:
    """The text of a literal, or of the pattern of a sentence; None when it is another expression."""
    if isinstance(node, ast.Call) and _name(node.func) == Message.__name__:
        node = node.args[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


# ------------------------------------------------------------------------------------------------ every refusal

WORDS = re.compile(r"[A-Za-z]{2,} [a-z]{2,}")
WHOLE = ("policy_service/approval", "policy_service/identity", "policy_service/registry")
"""Folders that speak to people in all their modules."""
SOME = (
    "policy_service/access.py",
    "policy_service/analysis/findings.py",
    *(
        f"policy_service/audit/{name}.py"
        for name in (
            *("database_verification", "diagnosis", "export", "inclusion_path", "merkle", "proofs", "verdict"),
            "verify",
        )
    ),
    "policy_service/database/outages.py",
    *(
        f"policy_service/decisions/{name}.py"
        for name in (
            *("batch", "block_store", "blocks", "encryption", "in_force", "override", "override_store"),
            *("record_queries", "replay", "served_policy", "service", "subjects", "writer"),
        )
    ),
    "policy_service/idempotency.py",
    "policy_service/in_flight.py",
    "policy_service/workers/kinds.py",
    *(
        f"api/{name}.py"
        for name in (
            *("auth/authentication", "auth/confirmation", "auth/permissions"),
            *("web/body", "web/error_mapping", "web/security"),
            *("workers/forwarding", "workers/preparation"),
        )
    ),
)
"""Other modules whose words are read by people at pages."""
TELLING = sorted({*SOME, *(str(file.relative_to(ROOT)) for folder in WHOLE for file in (ROOT / folder).glob("*.py"))})
"""Whatever these say in English is a `Message`."""
UNSAID = {
    "a draft has no submission",  # a fault of ours
    "a change begins by being created",  # a fault of ours
    " is not possible in ",  # a fault of ours
    "a period ends after it starts: ",  # a fault of ours
    " is not after ",  # a fault of ours
    "no row in the table of permissions: ",  # a fault of ours
    "the password of nobody at all",
    PINYIN,  # what no password is made of
    ", is now ",  # kept in the report
    "no such address",  # for the service's log
    "Could not decode to UTF-8 column '(\\w+)'",  # what the driver of SQLite says
    "policy service",  # what no password holds
    "name and address",  # a kind of counter
    "roles changed",  # kept with the sessions that ended
    "account disabled",
    "account linked",
    "password changed",
    "signed out",
    TITLE,  # kept with the change, in both languages
    REASON,
}
"""What nobody is told at a page."""


@for_each(zip(TELLING))
def test_whatever_is_said_to_a_person_is_a_sentence(file: str) -> None:
    unfit = [f"line {line}: {text}" for line, text in _texts_of(file) if text not in UNSAID]
    assert not unfit, "wrap it in `Message`, so that it can be told in Chinese"


def test_nothing_is_excused_that_is_no_longer_there() -> None:
    assert {text for file in TELLING for _, text in _texts_of(file)} == UNSAID


def test_the_pattern_of_a_sentence_is_a_literal() -> None:
    for package in ("policy_service", "api"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if file != ROOT / "policy_service" / "messages.py":
                _check_patterns(file)


def _check_patterns(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and _name(node.func) == Message.__name__:
            assert node.args, f"{file}:{node.lineno}"
            assert isinstance(node.args[0], ast.Constant), f"{file}:{node.lineno}: the catalogue cannot collect this"


def _texts_of(file: str) -> Iterator[tuple[int, str]]:
    """Every text of several words in a file that is no `Message` and explains nothing: its line, and it."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == Message.__name__)
    sentences = {id(call.args[0]) for call in calls}
    texts = (
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in explained | sentences
    )
    for node in texts:
        if isinstance(node.value, str) and WORDS.search(node.value):
            yield node.lineno, node.value
