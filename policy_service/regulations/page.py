"""A regulation and its implementation, as a Markdown page."""

from __future__ import annotations

from policy_service.compilers.prose.table import one_line
from policy_service.language.policy import Example, Language, Rule
from policy_service.regulations.coverage import Coverage, PolicyCitation, RowCoverage, Status

EXAMPLES = 6
"""Maximum number of example names shown for one policy."""
_WORDS = {
    "zh": {
        "dated": "截至 {dated}",
        "counts": "共 {all} 条：{policy} 条由政策决定，{feature} 条由系统功能实现，{not_yet} 条尚未实现。",
        "row": "条文",
        "says": "要求",
        "by": "实现方式",
        Status.FEATURE: "功能：{what}",
        Status.NOT_YET: "尚未：{what}",
        Status.NOTHING: "**无**",
        "rules": "；规则：{rules}",
        "examples": "；示例：{examples}",
        "more": " 等 {count} 个",
        "comma": "、",
        "and": "；<br>",
    },
    "en": {
        "dated": "as of {dated}",
        "counts": "{all} rows: policies decide {policy}, features do {feature}, {not_yet} are not done yet.",
        "row": "row",
        "says": "what it demands",
        "by": "what does it",
        Status.FEATURE: "feature: {what}",
        Status.NOT_YET: "not yet: {what}",
        Status.NOTHING: "**nothing**",
        "rules": "; rules {rules}",
        "examples": "; examples {examples}",
        "more": " and more, {count} in all",
        "comma": ", ",
        "and": ";<br>",
    },
}


def regulation_page(coverage: Coverage, lang: Language) -> str:
    """Return the page for `docs/reference/`."""
    words, regulation = _WORDS[lang], coverage.regulation
    paragraphs = [f"# {getattr(regulation.title, lang)}", words["dated"].format(dated=regulation.dated)]
    if regulation.notes:
        paragraphs.append(getattr(regulation.notes, lang))
    counts = {status.value: coverage.count(status) for status in Status}
    paragraphs.append(words["counts"].format(all=len(coverage.rows), **counts))
    for section, rows in coverage.sections:
        lines = [_line(words["row"], words["says"], words["by"]), _line(*["---"] * 3)]
        lines += [
            _line(each.row.id, one_line(getattr(each.row.says, lang)), _implementation(each, lang)) for each in rows
        ]
        paragraphs += [f"## {getattr(section.title, lang)}", "\n".join(lines)]
    return "\n\n".join(paragraphs) + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _implementation(covered: RowCoverage, lang: Language) -> str:
    words, row = _WORDS[lang], covered.row
    if covered.citations:
        return words["and"].join(_citation_text(each, lang) for each in covered.citations)
    what = row.feature or row.not_yet
    text = words[covered.status].format(what=one_line(getattr(what, lang)) if what else "")
    return f"[{text}](../{row.see})" if row.see else text


def _citation_text(citation: PolicyCitation, lang: Language) -> str:
    words, policy = _WORDS[lang], citation.policy
    text = f"[{getattr(policy.title, lang)}](../../policies/{policy.id}/{policy.version}.yaml) `{policy.id}`"
    if citation.rules:
        text += words["rules"].format(rules=words["comma"].join(_rule(rule, lang) for rule in citation.rules))
    if citation.examples:
        names = words["comma"].join(_example(example, lang) for example in citation.examples[:EXAMPLES])
        text += words["examples"].format(examples=names)
        if len(citation.examples) > EXAMPLES:
            text += words["more"].format(count=len(citation.examples))
    return text


def _rule(rule: Rule, lang: Language) -> str:
    return f"{one_line(getattr(rule.title, lang))} `{rule.id}`" if rule.title else f"`{rule.id}`"


def _example(example: Example, lang: Language) -> str:
    return f"“{one_line(getattr(example.title, lang) if example.title else example.name)}”"
