"""Chinese wording for directors: every boundary states whether it is included.

There is a space between a Chinese character and a Western letter or digit, none next to punctuation; text in the
author's quotation marks is unchanged.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from policy_service.compilers.prose.figures import (
    amount,
    clock_parts,
    escape_text,
    group_thousands,
    printable_line,
    quotable,
)
from policy_service.compilers.prose.vocabulary import Connective, Sort
from policy_service.language.ast import Comparator
from policy_service.language.functions import Rounding
from policy_service.language.policy import Bilingual, Language

CLOCK = ("天", "小时", "分钟", "秒")
UNITS = {
    "CNY": "元",
    "USD": "美元",
    "EUR": "欧元",
    "GBP": "英镑",
    "HKD": "港元",
    "TWD": "新台币元",
    "SGD": "新加坡元",
    "AUD": "澳元",
    "JPY": "日元",
    "KRW": "韩元",
}
LEADS: Mapping[Connective, str] = {
    "all": "同时满足以下全部条件",
    "any": "至少满足以下一项条件",
    "same": "以下两项同时成立或同时不成立",
    "differ": "以下两项恰有一项成立",
}
NUMBERS: Mapping[Comparator, str] = {
    "=": "等于",
    "!=": "不等于",
    "<": "小于",
    "<=": "小于或等于",
    ">": "大于",
    ">=": "大于或等于",
}
DATES: Mapping[Comparator, str] = {
    "=": "为",
    "!=": "不为",
    "<": "早于",
    "<=": "不晚于",
    ">": "晚于",
    ">=": "不早于",
}
DURATIONS: Mapping[Comparator, str] = {
    "=": "等于",
    "!=": "不等于",
    "<": "短于",
    "<=": "不长于",
    ">": "长于",
    ">=": "不短于",
}
TEXT_TESTS = {
    "contains": ("包含文字{}", "不包含文字{}"),
    "starts with": ("以文字{}开头", "不以文字{}开头"),
    "ends with": ("以文字{}结尾", "不以文字{}结尾"),
}
ROUNDINGS: Mapping[Rounding, tuple[str, str]] = {
    "half up": ("四舍五入到", ""),
    "half down": ("舍入到", "（恰为一半时舍去）"),
    "half even": ("舍入到", "（恰为一半时取偶数）"),
    "up": ("按绝对值进位到", ""),
    "down": ("截取到", "（其后舍去）"),
    "floor": ("向下取到", ""),
    "ceiling": ("向上取到", ""),
}
EXTREMES: Mapping[tuple[Sort, bool], str] = {
    ("date", True): "早",
    ("date", False): "晚",
    ("duration", True): "短",
    ("duration", False): "长",
    ("number", True): "小",
    ("number", False): "大",
}
PARTS = {
    "year": "的年份",
    "month": "的月份（1 至 12）",
    "day": "的日（1 至 31）",
    "weekday": "的星期（星期一为 1，星期日为 7）",
    "days": "的整天数",
}
_BEFORE = re.compile(r"[\u4e00-\u9fff]$")
_AFTER = re.compile(r"^[\u4e00-\u9fff]")
_FOLDED = re.compile(
    r"(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”]) (?=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”])"
)
"""The space between two Chinese characters that comes from a folded YAML line."""


def join_spaced(*parts: str) -> str:
    """Return the parts joined, with a space where Chinese meets a Western letter or digit."""
    text = ""
    for part in parts:
        meets = (_BEFORE.search(text) and _western(part[:1])) or (_western(text[-1:]) and _AFTER.search(part))
        text += f" {part}" if meets else part
    return text


def _western(character: str) -> bool:
    return character != "" and character.isascii() and (character.isalnum() or character in "-%")


class Chinese:
    """The words of Chinese."""

    language: Language = "zh"
    colon = "："
    semicolon = "；"
    link = "，"
    stop = "。"
    gap = ""
    always = "任何情况下均成立"
    never = "任何情况下均不成立"
    anything = "不限"
    as_of = "决策日"
    score = "总分"
    ambiguous = re.compile("^(?:不为|不包含|与|为|[未已]提供$|不限$|无$)|(?:之一|相同|不同)$|的值所指的标签")

    def of(self, bilingual: Bilingual) -> str:
        return bilingual.zh

    def unfold(self, text: str) -> str:
        return _FOLDED.sub("", printable_line(text))

    def fill(self, label: str, **parts: str) -> str:
        pieces = re.split(r"\{(\w+)\}", label)
        return join_spaced(*(parts[piece] if index % 2 else piece for index, piece in enumerate(pieces)))

    def title(self, text: str) -> str:
        return f"「{text}」"

    def word(self, text: str) -> str:
        return escape_text(text) if quotable(text) is None else f"“{text}”"

    def titled_word(self, title: str, word: str) -> str:
        return self.word(title) + self.bracket(word if quotable(word) else escape_text(word))

    def truth(self, value: bool) -> str:  # noqa: FBT001  # the value is what is said
        return "是" if value else "否"

    def number(self, value: Fraction, currency: str = "") -> str:
        return f"{amount(value, currency)} {UNITS[currency]}" if currency else group_thousands(value)

    def date(self, day: datetime.date) -> str:
        return f"{day.year}年{day.month}月{day.day}日"

    def duration(self, seconds: Fraction) -> str:
        parts = [piece for number, place in clock_parts(seconds) for piece in (group_thousands(number), CLOCK[place])]
        return self._minus(join_spaced(*parts), Fraction(seconds))

    def months(self, count: int) -> str:
        years, rest = divmod(abs(count), 12)
        size = (
            f"{group_thousands(Fraction(years))} 年"
            if years and not rest
            else f"{group_thousands(Fraction(abs(count)))} 个月"
        )
        return self._minus(size, Fraction(count))

    def _minus(self, size: str, value: Fraction) -> str:
        return f"负 {size}" if value < 0 else size

    def bracket(self, text: str) -> str:
        return f"（{text}）"

    def listing(self, items: Sequence[str]) -> str:
        return "、".join(items) or "无"

    def say(self, subject: str, predicate: str) -> str:
        return join_spaced(subject, predicate)

    def bare(self, predicate: str) -> str:
        return predicate.removeprefix("为").lstrip()

    def join(self, connective: Literal["all", "any"], predicates: Sequence[str]) -> str:
        return f"，{'且' if connective == 'all' else '或'}".join(predicates)

    def lead(self, connective: Connective) -> str:
        return LEADS[connective]

    def presence(self, *, missing: bool) -> str:
        return "未提供" if missing else "已提供"

    def is_truth(self, *, value: bool) -> str:
        return f"为{self.word(self.truth(value))}"

    def comparison(self, comparator: Comparator, other: str, sort: Sort, *, literal: bool) -> str:
        if sort in ("number", "duration"):
            return join_spaced((NUMBERS if sort == "number" else DURATIONS)[comparator], other)
        if literal or sort == "date":
            return join_spaced(DATES[comparator], other)
        return join_spaced("与", other, "相同" if comparator == "=" else "不同")

    def between(self, low: str, high: str, closed: tuple[bool, bool], *, negated: bool) -> str:
        ends = ["（含）" if inside else "（不含）" for inside in closed]
        return join_spaced("不在" if negated else "在", low, ends[0], "至", high, ends[1], "之间")

    def one_of(self, values: Sequence[str], *, negated: bool) -> str:
        return join_spaced("不为" if negated else "为", "、".join(values), "之一")

    def tag_test(self, tag: str, *, literal: bool, negated: bool) -> str:
        verb = "不包含" if negated else "包含"
        gap = "" if tag.startswith(("“", '"')) else " "
        return f"{verb}标签{gap}{tag}" if literal else f"{verb}{tag}的值所指的标签"

    def text_test(self, function: str, part: str, *, negated: bool) -> str:
        return TEXT_TESTS[function][negated].format(part)

    def share(self, percent: str, whole: str) -> str:
        return join_spaced(whole, "的", percent)

    def times(self, factor: str, unit: str) -> str:
        return join_spaced(unit, "的", factor, "倍")

    def elapsed_time(self, start: str, end: str, *, days: bool) -> str:
        return join_spaced("从", start, "到", end, "的", "天数" if days else "时长")

    def date_shift(self, day: str, offset: str, *, later: bool) -> str:
        return join_spaced(day, "之后" if later else "之前", offset, "的日期")

    def rounding(self, way: Rounding, value: str, decimals: int) -> str:
        verb, halves = ROUNDINGS[way]
        place = join_spaced("小数点后", str(decimals), "位") if decimals else "整数"
        return join_spaced(value, verb, place) + halves

    def extreme(self, *, least: bool, parts: Sequence[str], sort: Sort) -> str:
        way = EXTREMES[sort, least]
        items = join_spaced("、".join(parts[:-1]), "与", parts[-1])
        return join_spaced(items, f"中最{way}的一个" if len(parts) > 2 else f"两者中较{way}的一个")  # noqa: PLR2004

    def cap(self, value: str, limit: str, sort: Sort, *, most: bool) -> str:
        bound = ("不晚于" if most else "不早于") if sort == "date" else "最多为" if most else "最少为"
        return join_spaced(f"{value}，但{bound}", limit)

    def size(self, value: str) -> str:
        return join_spaced(value, "的绝对值")

    def power(self, base: str, exponent: str) -> str:
        return join_spaced(base, "的", exponent, "次方")

    def remainder(self, dividend: str, divisor: str) -> str:
        return join_spaced(dividend, "对", divisor, "取模的结果")

    def count_of(self, tags: str) -> str:
        return f"{tags}的标签个数"

    def part(self, name: str, whole: str) -> str:
        return join_spaced(whole, PARTS[name])
