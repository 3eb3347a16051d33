"""Policy files keep their bytes on the way through a browser."""

from codecs import BOM_UTF8

from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.file_text import (
    MAX_TITLED,
    browser_text,
    file_bytes,
    file_name,
    label,
    merge_uploads,
    next_version,
    title_of,
    with_version,
)
from policy_service.language.policy import Bilingual
from policy_service.shipped import shipped_policies
from tests.approval.world import bonus, tier

TIER = tier("1.0.0")
CRLF = TIER.replace(b"\n", b"\r\n")


def through_a_browser(text: str) -> str:
    """A browser makes every line end CR LF; the form reads LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.binary(max_size=200))
def test_what_was_not_edited_keeps_its_bytes(content: bytes) -> None:
    assert file_bytes(through_a_browser(browser_text(content)), content) == content


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")))
def test_what_is_new_is_kept_as_it_was_written(text: str) -> None:
    assert file_bytes(text, None) == text.encode()


def test_an_edited_file_keeps_its_line_ends() -> None:
    assert file_bytes(browser_text(CRLF) + "# more\n", CRLF) == CRLF + b"# more\r\n"
    assert file_bytes(browser_text(TIER) + "# more\n", TIER) == TIER + b"# more\n"


def test_a_file_is_called_as_it_says_even_when_it_has_faults() -> None:
    assert label("policy: a/b # of ours\nversion: 1.2.3\nfacts: [") == "a/b 1.2.3"
    assert label("version: 1.2.3\n") == "1.2.3"
    assert not label("nonsense")
    assert file_name(TIER) == "tiering.size-1.0.0.yaml"
    assert file_name(b'policy: a/"b\r\nx: 1') == file_name(b'policy: a/"b\r\nx: 1')
    assert file_name(b"\xff").endswith(".yaml")


def test_only_the_version_is_altered() -> None:
    for file in sorted(shipped_policies().glob("*/*/*.yaml")):
        content = file.read_bytes()
        number = file.stem
        assert with_version(content, "9.8.7") == content.replace(f"version: {number}".encode(), b"version: 9.8.7", 1)
    assert with_version(CRLF, "2.0.0") == CRLF.replace(b"1.0.0", b"2.0.0")
    assert with_version(b'{policy: a/b, version: "1.0.0"}', "2.0.0") == b'{policy: a/b, version: "2.0.0"}'
    assert with_version(b"version: [", "2.0.0") == b"version: ["
    assert with_version(b"no: version", "2.0.0") == b"no: version"
    assert with_version(b"\xff", "2.0.0") == b"\xff"


def test_a_byte_order_mark_stays_and_hides_nothing() -> None:
    first = BOM_UTF8 + b"policy: tiering/size\nversion: 1.0.0\n"
    assert label(browser_text(first)) == "tiering/size 1.0.0"
    assert file_name(first) == "tiering.size-1.0.0.yaml"
    assert with_version(first, "2.0.0") == first.replace(b"1.0.0", b"2.0.0")
    numbered = BOM_UTF8 + b"version: 1.0.0\npolicy: tiering/size\n"
    assert with_version(numbered, "2.0.0") == numbered.replace(b"1.0.0", b"2.0.0")
    assert merge_uploads({"0": TIER, "1": bonus("1.0.0")}, (first,)) == [first, bonus("1.0.0")]


def test_the_next_version_is_above_all_others() -> None:
    assert next_version([]) == "1.0.0"
    assert next_version(["1.2.3", "1.10.0", "1.9.9"]) == "1.11.0"


def test_an_uploaded_file_takes_the_place_of_the_one_of_its_policy() -> None:
    texts = {"0": TIER, "1": bonus("1.0.0")}
    assert merge_uploads(texts, (tier("1.1.0"),)) == [tier("1.1.0"), bonus("1.0.0")]
    assert merge_uploads(texts, (b"anything",)) == [TIER, bonus("1.0.0"), b"anything"]
    assert merge_uploads({}, (b"", b"anything")) == [b"", b"anything"]


def test_a_file_is_called_by_its_title_whether_or_not_it_is_valid() -> None:
    assert title_of("policy: a/b\ntitle: {zh: 等级, en: tier}\n") == Bilingual("等级", "tier")
    assert title_of("policy: a/b\nversion: 1.0.0\ntitle: {zh: 等级}\n") == Bilingual("a/b", "a/b")
    assert title_of("policy: a/b\nversion: 1.0.0\ntitle: {zh: 等级\n") == Bilingual("a/b", "a/b")
    assert title_of("title: []") == Bilingual("草稿", "draft")
    long = f"policy: a/b\nversion: 1.0.0\ntitle: {{zh: 等级, en: tier}}\n#{' ' * MAX_TITLED}"
    assert title_of(long) == Bilingual("a/b", "a/b")
