"""Hints for authors who use the spelling of another tool, a spreadsheet or plain Chinese.

| written                                             | meant                                                      |
|-----------------------------------------------------|------------------------------------------------------------|
| full-width signs and digits, curly or single quotes | the plain ones                                             |
| `&&`, `||`, `!x`, `==`, `<>`, `=<`, `≥`, `×`, `AND` | `and`, `or`, `not(x)`, `=`, `!=`, `<=`, `>=`, `*`, `and`   |
| 大于, 不低于, 至多, 且, 或, 为空 …                  | `>`, `>=`, `<=`, `and`, `or`, `is missing` …               |
| `= null`, `is null`, `is not null`, `not x`         | `is missing`, `is missing`, `is not missing`, `not(x)`     |
| `today()`, `now()`                                  | `as_of`                                                    |
| `1,000`, `1 000`, `5万`, `1e6`, `80%`, `5元`, `007` | `1000`, `1000`, `50000`, `1000000`, `0.8`, `5`, `7`        |
| `2026-01-31`, `2026/1/31`, `2026年1月31日`          | `@"2026-01-31"`                                            |
| `as_of - 30`, `5 < x <= 10`                         | `as_of - @"P30D"`, `x in (5..10]`                          |
| in a cell `10-20`, `10~20`, `10至20`, `10 to 20`    | `[10..20]`                                                 |
| in a cell `> 5 and <= 10`, `5以上`, `"a" or "b"`    | `(5..10]`, `>= 5`, `"a", "b"`                              |
| in a cell `(1, 5)`, `[1, 5)`; `any`, `不限`         | `(1..5)`, `[1..5)`; `-`                                    |
| in a cell of the column `x`: `x > 5`, `x in (1, 2)` | `> 5`, `? in (1, 2)`                                       |

A respelling is only a hint: it is known to parse, and the author decides. Ambiguous text is left unchanged: `10~50万`
(10 or 100000), `1,00`, `$5` of a fact in CNY.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import prod

from policy_service.language.unparse import write_fraction

Respelling = tuple[str, str | Callable[[re.Match[str]], str]]
CompiledRespelling = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_QUOTES = str.maketrans({**dict.fromkeys("“”„‟＂", '"'), **dict.fromkeys("‘’", "'")})
_TEXT = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_FIRST = 0xE000
"""The first private-use character; these stand for texts while the rest is respelled."""
_SIGNS = str.maketrans(
    {
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
        **dict.fromkeys("–—−", "-"),
        **dict.fromkeys("【〔", "["),
        **dict.fromkeys("】〕", "]"),
        **dict.fromkeys("\t\u3000\u00a0", " "),
        **dict.fromkeys("〜→", "~"),
        **dict.fromkeys("¥￥", ""),
        "、": ",",
        "。": ".",
        "≥": ">=",
        "≧": ">=",
        "≤": "<=",
        "≦": "<=",
        "≠": "!=",
        "×": "*",
        "÷": "/",
        "…": "..",
    }
)
_FACTORS = {
    "百": Fraction(100),
    "千": Fraction(1_000),
    "万": Fraction(10_000),
    "亿": Fraction(100_000_000),
    "%": Fraction(1, 100),
}
_LONGEST = 20
"""The greatest exponent of `1e6` that is written out."""
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_NULL = r"(?:null|NULL|None|nil)\b"
_TO = r"(?:-|~|\.\.|至|到|\bto\b)"
_QUANTITY = rf"(-?(?:{_NUMBER}|@[{chr(_FIRST)}-\uf8ff]|{_NAME}))"


def _times(match: re.Match[str]) -> str:
    factors = (_FACTORS[unit] for unit in match[2] if unit in _FACTORS)
    return write_fraction(prod(factors, start=Fraction(match[1])))


def _power(match: re.Match[str]) -> str:
    exponent = int(match[2][:9])
    return write_fraction(Fraction(match[1]) * Fraction(10) ** exponent) if abs(exponent) <= _LONGEST else match[0]


def _ungrouped(match: re.Match[str]) -> str:
    return re.sub("[,_ ]", "", match[0])


def _day(match: re.Match[str]) -> str:
    return f'@"{match[1]}-{match[3]:0>2}-{match[4]:0>2}"'


def _lower(match: re.Match[str]) -> str:
    return match[0].lower()


def _interval(match: re.Match[str]) -> str:
    """Return `> 5 and <= 10`, in either order, as `(5..10]`."""
    sides = {match[1]: match[2], match[3]: match[4]}
    low, high = sides.keys() & {">", ">="}, sides.keys() & {"<", "<="}
    if not low or not high:
        return match[0]
    [above], [below] = low, high
    return _between(above, sides[above], sides[below], below) or match[0]


def _between(above: str, low: str, high: str, below: str) -> str | None:
    """Return the interval; None if it is empty."""
    numbers = [Fraction(end) for end in (low, high) if re.fullmatch(f"-?{_NUMBER}", end)]
    is_closed = "=" in above and "=" in below
    match numbers:
        case [first, last] if first > last or (first == last and not is_closed):
            return None
        case _:
            return f"{'[' if '=' in above else '('}{low}..{high}{']' if '=' in below else ')'}"


def _chain(match: re.Match[str]) -> str:
    """Return `5 < x <= 10` as `x in (5..10]`."""
    interval = _between(match[2], match[1], match[5], match[4])
    return f"{match[3]} in {interval}" if interval else match[0]


def _ascending(match: re.Match[str]) -> str:
    """Return `10-20` as `[10..20]`; leave `10-20-30` and `2026-1` unchanged."""
    interval = _between("=", match[2], match[3], "=")
    return f"{match[1]}{interval}" if interval else match[0]


def _compile(rules: Sequence[Respelling]) -> tuple[CompiledRespelling, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in rules)


@cache
def _general_rules() -> tuple[CompiledRespelling, ...]:
    """Return the rules for all expressions, compiled at the first error."""
    return _compile(_RULES)


@cache
def _cell_rules(column: str) -> tuple[CompiledRespelling, ...]:
    """Return the rules for cells: the column's own name is dropped before a comparison, else written `?`."""
    names = ((rf"(^| and | or ){column} ?(?=[<>=!])", r"\1"), (rf"\b{column}\b", "?"))
    return (*_general_rules(), *_compile(names), *_compile(_CELLS))


_HALF_QUANTIFIED = re.compile(rf"(?<![0-9.]){_NUMBER} ?(?:{_TO}|\band\b) ?{_NUMBER} ?[百千万亿%](?! ?[A-Za-z])")
_RULES: tuple[Respelling, ...] = (
    (r"'([^'\"]*)'", r'"\1"'),
    (r"(?<![0-9])([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])", _day),
    (r"([0-9]{4})(年)([0-9]{1,2})月([0-9]{1,2})[日号]?", _day),
    (r"(?<![0-9])(?<![0-9][.,])[0-9]+(?:[,_ ][0-9]{3})+(?![0-9]|,[0-9])", _ungrouped),
    (r"(?<![0-9.])(?<!, )(?<![0-9][-/,])0+(?=[0-9])", ""),
    (r"\.{3,}", ".."),
    (rf"({_NUMBER})[eE]([+-]?[0-9]+)", _power),
    (rf"({_NUMBER}) ?([百千万亿%]+[元块天日次单个家人笔件]?|[元块天日次单个家人笔件])(?!月)", _times),
    (r"(?:大于|多于|超过|高于)或?等于|不(?:小|少|低)于|至少|\b[Aa]t least\b", " >= "),
    (r"(?:小于|少于|低于)或?等于|不(?:大|多|高)于|不超过|至多|\b[Aa]t most\b", " <= "),
    (r"不等于|<>", " != "),
    (r"大于|多于|超过|高于|\b(?:[Mm]ore|[Gg]reater) than\b(?! or)", " > "),
    (r"小于|少于|低于|未满|不足|不到|\b(?:[Ff]ewer|[Ll]ess) than\b(?! or)", " < "),
    (r"等于|===?", " = "),
    (rf"({_NAME}|{_NUMBER}) ?% ?({_NAME}|{_NUMBER})", r"modulo(\1, \2)"),
    (r"\^", " ** "),
    (r"=<", "<="),
    (r"=>", ">="),
    (r"并且|而且|且|&&?|\bAND\b|\bAnd\b", " and "),
    (r"或者|或|\|\|?|\bOR\b|\bOr\b", " or "),
    (r"不为空|不缺失", " is not missing"),
    (r"为空|缺失", " is missing"),
    (r"\b(?:NOT|Not|TRUE|True|FALSE|False|IN|In|BETWEEN|Between|IS|Is)\b", _lower),
    (r"\b(?:today|TODAY|now|NOW) ?\( ?\)", "as_of"),
    (r"\bas_of ?([-+]) ?([0-9]+)(?![0-9.]| ?[*/])", r'as_of \1 @"P\2D"'),
    (r" +", " "),
    (rf"{_QUANTITY} ?(<=?) ?({_NAME}|\?) ?(<=?) ?{_QUANTITY}", _chain),
    (rf"\bnull = ({_NAME})", r"\1 is missing"),
    (rf"\bnull != ({_NAME})", r"\1 is not missing"),
    (rf"(?:!=|\bis not) ?{_NULL}|\bnot ?\(? ?{_NULL}\)?", " is not missing"),
    (rf"(?:=|\bis) ?{_NULL}|{_NULL}(?= ?(?:,|$))", " is missing"),
    (rf"!(?!=) ?({_NAME}|\([^()]*\))", r"not(\1)"),
    (rf"\bnot (?!missing\b)({_NAME}(?: ?(?:[<>]=?|!?=) ?{_QUANTITY})?)(?! ?\()", r"not(\1)"),
    (r"not\(\(([^()]*)\)\)", r"not(\1)"),
    (r"^ +| +$", ""),
    (r" +", " "),
)
_CELLS: tuple[Respelling, ...] = (
    (rf"^([<>]=?) ?{_QUANTITY} ?(?:and|,) ?([<>]=?) ?{_QUANTITY}$", _interval),
    (r"^(?:any|ANY|Any|all|ALL|All|\*|任意|不限|全部|均可)$", "-"),
    (rf"(^|, ?){_QUANTITY} ?{_TO} ?{_QUANTITY}(?=,|$)", _ascending),
    (rf"^()\[{_QUANTITY} ?[-~至到] ?{_QUANTITY}\]$", _ascending),
    (rf"^(?=\(|.*\)$)([(\[]){_QUANTITY} ?, ?{_QUANTITY}([)\]])$", r"\1\2..\3\4"),
    (r"^in (?=[(\[])|^in(?=[(\[])", "? in "),
    (rf"^between {_QUANTITY} and {_QUANTITY}$", r"[\1..\2]"),
    (rf"^{_QUANTITY} ?(?:\(含\)|及|含)?(?:以上| or more)$", r">= \1"),
    (rf"^{_QUANTITY} ?(?:\(含\)|及|含)?(?:以下|以内| or less)$", r"<= \1"),
    (rf"^(?:not|!(?!=)) ?([{chr(_FIRST)}-\uf8ff]|(?:[<>]=? ?)?-?{_NUMBER})$", r"not(\1)"),
    (r" or ", ", "),
)


PRESENCE = "write `x is missing` or `x is not missing`"
_DATES = "write `x.year`, `x.month`, `x.day` or `x.weekday`"
_DAYS = 'write `(x - y).days`, or `x + @"P30D"` and `x + @"P3M"`'
_TEXTS = 'text is only compared: `=`, `contains(x, "…")`, `starts with(x, "…")`, `ends with(x, "…")`'
_FIGURES = "give the figure as a fact"
FOREIGN_WORDS: Mapping[str, str] = {
    word: hint
    for words, hint in (
        ("if, then, else, switch, case, when, iif, choose", "write a rule for each case"),
        ("for, some, every, filter, return, sort, list replace, distinct values, index of, insert before", _FIGURES),
        ("sum, mean, average, avg, median, mode, product, stddev", "write `x + y`; of many, give the figure as a fact"),
        ("string, string length, substring, substring before, upper case, lower case, upper, lower, trim, len", _TEXTS),
        ("matches, replace, split, like, has, includes, contains, starts, ends, startswith, endswith", _TEXTS),
        ("number, integer, float, cast, date and time, time", "a fact has its type already"),
        ("is defined, isnull, is_null, isempty, defined, undefined, exists, coalesce, nvl, null, none, nil", PRESENCE),
        ("empty, blank", PRESENCE),
        ("any, all", "write `-` for any value"),
        ("year, month, day, weekday, day of week, day of year, month of year, week of year", _DATES),
        ("years and months duration, datediff, dateadd, days, days between, timedelta", _DAYS),
        ("power, pow, exp, sqrt, log", "write `x ** 2`; the exponent is a whole number"),
        ("mod, modulus, odd, even", "write `modulo(x, y)`"),
        (
            "ceil, roundup, rounddown, trunc, truncate",
            "write `ceiling(x)`, `floor(x)`, `round up(x, n)`, `round down(x, n)`",
        ),
        ("today, now", "write `as_of`, the day the decision is made for"),
    )
    for word in words.split(", ")
}
"""Words and functions of other tools, in lower case, with their equivalents here."""
_PHRASE = re.compile(
    rf"\b({'|'.join(word.replace(' ', ' +') for word in FOREIGN_WORDS if ' ' in word)}) *\(", re.IGNORECASE
)


def foreign_function_hint(text: str) -> str | None:
    """Return the equivalent of another tool's function; None if there is none."""
    match = _PHRASE.search(text)
    return FOREIGN_WORDS[" ".join(match[1].lower().split())] if match else None


def respell(text: str, column: str | None = None) -> str:
    """Return the expression, or the cell of `column`, in this language's spelling; unchanged if not recognised."""
    texts: list[str] = []

    def replace_literal(match: re.Match[str]) -> str:
        texts.append(match[0])
        return chr(_FIRST + len(texts) - 1)

    result = _TEXT.sub(replace_literal, text.translate(_QUOTES)).translate(_SIGNS)
    if _HALF_QUANTIFIED.search(result):
        return text
    for pattern, replacement in _general_rules() if column is None else _cell_rules(column):
        result = pattern.sub(replacement, result)
        if '"' in result:
            result = _TEXT.sub(replace_literal, result)
    for index, literal in enumerate(texts):
        result = result.replace(chr(_FIRST + index), literal)
    return result
