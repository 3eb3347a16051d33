"""Names between backticks are shown as code; what cannot be seen is shown by its number; nothing is run."""

import pytest

from api.kit.formats import inline_code, visible


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plain", '<bdi class="written">plain</bdi>'),
        ("`id`", '<code><bdi class="written">id</bdi></code>'),
        (
            "rule `A` new",
            '<bdi class="written">rule </bdi><code><bdi class="written">A</bdi></code><bdi class="written"> new</bdi>',
        ),
        ("one ` alone", '<bdi class="written">one ` alone</bdi>'),
        ("`<b>`", '<code><bdi class="written">&lt;b&gt;</bdi></code>'),
        ("", '<bdi class="written"></bdi>'),
    ],
)
def test_names_between_backticks_are_code(text: str, message: str) -> None:
    assert (inline_code(text) or visible("")) == message


def test_marks_that_turn_the_writing_are_shown_by_their_number() -> None:
    assert visible("a\u202eb") == '<bdi class="written">a<span class="mark">U+202E</span>b</bdi>'
    assert "\u202e" not in inline_code("`a\u202e`")
