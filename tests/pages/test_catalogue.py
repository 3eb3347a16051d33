"""Every word of the pages is in the catalogues, and every translation says what it must."""

import re
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import pytest
from babel.messages.catalog import Message

from api.kit.languages import translations
from tests.pages.catalogue import area_of, messages_of, read_catalogue, sources

PLACES = re.compile(r"%\((\w+)\)|\{(\w+)[^}]*\}")
AREAS = sorted({area_of(file) for file in sources()})


@pytest.mark.parametrize("area", AREAS)
def test_the_catalogue_has_every_message_and_no_other(area: str) -> None:
    translated = {message.id for message in read_catalogue(area) if message.id}
    assert translated == messages_of(area), "run `python -m tests.pages.catalogue`"


@pytest.mark.parametrize("area", AREAS)
def test_every_message_is_translated_with_all_its_places(area: str) -> None:
    for message in _messages(area):
        english = message.id if isinstance(message.id, str) else message.id[-1]
        chinese = message.string if isinstance(message.string, str) else message.string[0]
        assert chinese, f"not translated: {english!r}"
        assert _places(chinese) == _places(english), f"other places: {english!r}"


def test_a_message_of_two_areas_has_one_translation() -> None:
    for one, other in combinations(AREAS, 2):
        ones = {message.id: message.string for message in _messages(one)}
        for message in _messages(other):
            assert ones.get(message.id, message.string) == message.string, f"{message.id!r} in {one} and {other}"


def test_the_service_reads_a_catalogue_as_babel_does() -> None:
    expected = {
        one_of(message.id): one_of(message.string) for area in AREAS for message in _messages(area) if message.id
    }
    assert translations("zh").texts == expected


def one_of(texts: str | Sequence[str]) -> str:
    """The text, or the first of a text that counts."""
    return texts if isinstance(texts, str) else texts[0]


@pytest.mark.parametrize(("count", "text"), [(1, "and 1 more line"), (2, "and 2 more lines")])
def test_english_says_how_many_and_chinese_says_all_alike(count: int, text: str) -> None:
    words = ("and %(num)s more line", "and %(num)s more lines", count)
    english, chinese = (translations(lang).ngettext(*words) % {"num": count} for lang in ("en", "zh"))
    assert english == text
    assert chinese != english
    assert str(count) in chinese


@cache
def _messages(area: str) -> list[Message]:
    return [message for message in read_catalogue(area) if message.id]


def _places(text: str) -> set[str]:
    return {one or other for one, other in PLACES.findall(text)}
