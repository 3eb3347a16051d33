"""The difference between two versions of a policy, by article, in both languages.

    rule `A`: added, removed, moved, or its condition, its values or its reason changed from … to …

An article is identified by its name: renaming a rule removes one and adds one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from policy_service.analysis.articles import Article, Kind, articles
from policy_service.language.policy import Bilingual, Hit, Language, Policy

Change = Literal["added", "removed", "changed"]
ORDERED_KINDS = (Kind.RULE, Kind.BAND)
"""Kinds of articles whose order the author chose."""
TITLED_KINDS = (Kind.RULE, Kind.BAND, Kind.EXAMPLE)
"""Kinds of articles with titles."""
PLURAL_ASPECTS = frozenset({"notes", "facts", "columns"})
"""Aspects whose English name is a plural."""


@dataclass(frozen=True, slots=True)
class AspectChange:
    """One changed aspect: before, after; None where the article did not exist."""

    aspect: str
    before: Bilingual | None
    after: Bilingual | None
    column: str | None = None
    """For the condition of a decision table's row, the column that changed."""
    column_title: Bilingual | None = None

    def to_dict(self) -> dict[str, object]:
        return {
            "aspect": self.aspect,
            "column": self.column,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
        }


@dataclass(frozen=True, slots=True)
class Alteration:
    """One added, removed or changed article; `alters` if answers may change."""

    kind: Kind
    name: str
    change: Change
    aspects: tuple[AspectChange, ...]
    alters: bool
    title: Bilingual | None = None
    """Its title in both versions."""

    def to_dict(self) -> dict[str, object]:
        return {
            "what": self.kind.value,
            "name": self.name,
            "change": self.change,
            "may_alter_answers": self.alters,
            "aspects": [each.to_dict() for each in self.aspects],
        }

    def sentences(self, lang: Language) -> Iterator[str]:
        """Yield the difference in words, one sentence per aspect."""
        words = _WORDS[lang]
        title = self.title.in_language(lang) if self.title else ""
        label = "head" if self.kind is Kind.HEAD else "titled" if _is_informative(title, self.name) else "named"
        what = words[label].format(kind=_KINDS[self.kind].in_language(lang), name=self.name, title=title)
        if self.change == "changed":
            yield from (words["changed"].format(what=what, aspect=line) for line in self._aspect_lines(lang))
        else:
            yield words[self.change].format(what=what, aspects=words["link"].join(self._aspect_lines(lang)))

    def _aspect_lines(self, lang: Language) -> Iterator[str]:
        words = _WORDS[lang]
        for each in self.aspects:
            several = "were" if each.aspect in PLURAL_ASPECTS else "was"
            label = words[several if self.change == "changed" else "is"]
            before, after = (
                (side.in_language(lang) if side else "") or words["nothing"] for side in (each.before, each.after)
            )
            text = before if self.change == "removed" else after
            aspect = _ASPECTS[each.aspect].in_language(lang)
            if each.column_title is not None:
                aspect = words["column"].format(aspect=aspect, column=each.column_title.in_language(lang))
            yield label.format(aspect=aspect, before=before, after=after, shown=text)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of `new` from `old`; from nothing if the policy is new."""

    old: Policy | None
    new: Policy
    alterations: tuple[Alteration, ...]

    @property
    def alters(self) -> bool:
        """True if answers may change."""
        return self.old is None or any(each.alters for each in self.alterations)

    def to_dict(self) -> dict[str, object]:
        return {
            "policy": self.new.id,
            "from": {"version": self.old.version, "digest": self.old.digest} if self.old else None,
            "to": {"version": self.new.version, "digest": self.new.digest},
            "may_alter_answers": self.alters,
            "alterations": [each.to_dict() for each in self.alterations],
            "sentences": {"zh": self.sentences("zh"), "en": self.sentences("en")},
        }

    def sentences(self, lang: Language) -> list[str]:
        """Return the difference in words, in the order of the file."""
        if self.old is None:
            return [
                _WORDS[lang]["new"].format(
                    policy=self.new.id,
                    facts=len(self.new.facts),
                    rules=len(self.new.rules),
                    examples=len(self.new.examples),
                )
            ]
        lines = [sentence for each in self.alterations for sentence in each.sentences(lang)]
        return lines or [_WORDS[lang]["same"].format(old=self.old.version, new=self.new.version)]


def difference(old: Policy | None, new: Policy) -> Difference:
    """Return the difference between two versions of a policy."""
    return Difference(old, new, () if old is None else tuple(_alterations(old, new)))


def _alterations(old: Policy, new: Policy) -> Iterator[Alteration]:
    before, after = articles(old), articles(new)
    for kind in Kind:
        olds = {each.name: each for each in before if each.kind is kind}
        news = {each.name: each for each in after if each.kind is kind}
        if kind is Kind.HEAD:  # there is one, whatever it is called
            olds = dict(zip(news, olds.values(), strict=True))
        moves = _moves(list(olds), list(news)) if kind in ORDERED_KINDS else {}
        order_matters = kind is Kind.RULE and Hit.UNIQUE not in (old.hit, new.hit)
        for name, article in news.items():
            if name not in olds:
                yield _whole(article, "added")
            elif (
                alteration := _changed(olds[name], article, moves.get(name), order_matters=order_matters)
            ) is not None:
                yield alteration
        yield from (_whole(article, "removed") for name, article in olds.items() if name not in news)


def _whole(article: Article, change: Literal["added", "removed"]) -> Alteration:
    nonempty = {name: aspect for name, aspect in article.aspects.items() if aspect.words.en or aspect.words.zh}
    aspects = (
        AspectChange(name, *((None, each.words) if change == "added" else (each.words, None)))
        for name, each in nonempty.items()
    )
    return Alteration(
        article.kind, article.name, change, tuple(aspects), any(each.alters for each in article.aspects.values())
    )


def _changed(old: Article, new: Article, move: AspectChange | None, *, order_matters: bool) -> Alteration | None:
    pairs = [(name, old.aspects[name], each) for name, each in new.aspects.items()]
    changed = [(name, before, after) for name, before, after in pairs if before.key != after.key]
    if not changed and move is None:
        return None
    aspects = [
        change
        for name, before, after in changed
        for change in (name == "when" and _cells(old, new)) or [AspectChange(name, before.words, after.words)]
    ]
    alters = any(after.alters for _, _, after in changed) or (order_matters and move is not None)
    same = new.kind in TITLED_KINDS and old.aspects["title"].key == new.aspects["title"].key
    title = new.aspects["title"].words if same else None
    return Alteration(new.kind, new.name, "changed", (*aspects, *([move] if move else ())), alters, title)


def _cells(old: Article, new: Article) -> list[AspectChange]:
    """Return the cells that differ, if both rows have the same columns."""
    if old.cells.keys() != new.cells.keys():
        return []
    return [
        AspectChange("when", old.cells[name].aspect.words, cell.aspect.words, name, cell.column)
        for name, cell in new.cells.items()
        if old.cells[name].aspect.key != cell.aspect.key
    ]


def _moves(old: Sequence[str], new: Sequence[str]) -> dict[str, AspectChange]:
    """Return the articles whose order changed, with their positions before and after."""
    common_old, common_new = [name for name in old if name in new], [name for name in new if name in old]
    blocks = SequenceMatcher(None, common_old, common_new, autojunk=False).get_matching_blocks()
    unmoved = {name for block in blocks for name in common_old[block.a : block.a + block.size]}
    return {
        name: AspectChange("place", _position(old.index(name)), _position(new.index(name)))
        for name in common_new
        if name not in unmoved
    }


def _position(index: int) -> Bilingual:
    return Bilingual(f"第 {index + 1} 位", f"number {index + 1}")


# ------------------------------------------------------------------------------------------------- in words

_ENGLISH = {
    "new": "{policy} is new: {facts} facts, {rules} rules, {examples} examples",
    "same": "{new} has the same content as {old}",
    "added": "{what} is new: {aspects}",
    "removed": "{what} is gone: {aspects}",
    "changed": "{what}: {aspect}",
    "is": "{aspect}: {shown}",
    "was": "the {aspect} was: {before}; it is now: {after}",
    "were": "the {aspect} were: {before}; they are now: {after}",
    "column": "{aspect} on {column}",
    "nothing": "nothing",
    "link": "; ",
    "head": "the policy",
    "named": "{kind} `{name}`",
    "titled": "{kind} “{title}” `{name}`",
}
_CHINESE = {
    "new": "新增政策 {policy}：{facts} 个输入项，{rules} 条规则，{examples} 个示例",
    "same": "{new} 与 {old} 内容相同",
    "added": "新增{what}：{aspects}",
    "removed": "删除{what}：{aspects}",
    "changed": "{what}：{aspect}",
    "is": "{aspect}：{shown}",
    "was": "{aspect}原为：{before}；现为：{after}",
    "were": "{aspect}原为：{before}；现为：{after}",
    "column": "{column}的{aspect}",
    "nothing": "无",
    "link": "；",
    "head": "政策",
    "named": "{kind} `{name}`",
    "titled": "{kind}“{title}”`{name}`",
}
_WORDS: Mapping[Language, Mapping[str, str]] = {"zh": _CHINESE, "en": _ENGLISH}
_KINDS: Mapping[Kind, Bilingual] = {
    Kind.HEAD: Bilingual("政策", "policy"),
    Kind.FACT: Bilingual("输入项", "fact"),
    Kind.OUTCOME: Bilingual("结果", "outcome"),
    Kind.RULE: Bilingual("规则", "rule"),
    Kind.BAND: Bilingual("分数段", "band"),
    Kind.EXAMPLE: Bilingual("示例", "example"),
    Kind.INVARIANT: Bilingual("业务约束", "invariant"),
}
_ASPECTS: Mapping[str, Bilingual] = {
    "title": Bilingual("名称", "title"),
    "subject": Bilingual("对象", "subject"),
    "source": Bilingual("依据", "source"),
    "notes": Bilingual("说明", "notes"),
    "resolution": Bilingual("决定方式", "way to decide"),
    "columns": Bilingual("条件列", "columns"),
    "type": Bilingual("类型", "type"),
    "needed": Bilingual("是否必填", "need"),
    "origin": Bilingual("来源", "origin"),
    "when": Bilingual("条件", "condition"),
    "then": Bilingual("给出的结果", "result"),
    "because": Bilingual("理由", "reason"),
    "place": Bilingual("位置", "place"),
    "facts": Bilingual("输入项", "facts"),
    "expected": Bilingual("应得结果", "answer"),
    "says": Bilingual("表述", "sentence"),
    "law": Bilingual("内容", "law"),
}


def _is_informative(title: str, name: str) -> bool:
    """Return True if a title says more than the name does."""
    return title.casefold() not in {"", name.casefold()}
