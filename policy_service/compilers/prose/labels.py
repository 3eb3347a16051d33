"""Labels of pages in both languages: column headings, types, hit policies, laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policy_service.compilers.prose.vocabulary import Sort
from policy_service.language.policy import Aggregate, Hit, Language

Moves = Mapping[Sort, tuple[str, str]]
"""For each sort of value, the words for going up and down; `word` is an ordered choice."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Texts with placeholders in braces."""

    facts: tuple[str, ...]
    outcomes: tuple[str, ...]
    rule: str
    when: str
    band: str
    reason: str
    example: str
    decided_for: str
    """The column of the examples' days."""
    expected: str
    by_rule: str
    kinds: Mapping[str, str]
    ordered: Mapping[str, str]
    bounds: Mapping[tuple[bool, bool], str]
    """By whether there is a least and a greatest value."""
    days: Mapping[tuple[bool, bool], str]
    """The same for dates."""
    required: str
    optional: str
    sensitive: str
    from_caller: str
    from_benchmark: str
    from_benchmark_or_caller: str
    from_policy: str
    from_previous: str
    from_previous_since: str
    subject: str
    hits: Mapping[Hit, str]
    aggregates: Mapping[Aggregate, str]
    scorecard: str
    rank: str
    gives: str
    offers: str
    adds: str
    counts: str
    points: str
    exactly_when: str
    otherwise: str
    no_other: str
    no_rule: str
    default: str
    corner: str
    """The corner of a cross table, between the heads of its rows and of its columns."""
    grid: str
    no_cell: str
    statuses: Mapping[str, str]
    missing: str
    total: str
    monotone: str
    moves: Moves
    never: Moves


ENGLISH = Labels(
    facts=("Fact", "Name", "Kind", "Needed", "Comes from"),
    outcomes=("Outcome", "Name", "Kind"),
    rule="Rule",
    when="When",
    band="Band",
    reason="Reason",
    example="Example",
    decided_for="Decided for",
    expected="Must give",
    by_rule="By rule",
    kinds={
        "boolean": "yes or no",
        "integer": "whole number",
        "number": "number with at most {scale} decimals",
        "money": "amount in {currency}",
        "date": "date",
        "duration": "length of time",
        "choice": "one of {words}",
        "text": "text",
        "tags": "any number of the tags {words}",
    },
    ordered={"best-first": ", the best first", "worst-first": ", the worst first"},
    bounds={
        (True, False): ", at least {low}",
        (False, True): ", at most {high}",
        (True, True): ", from {low} to {high}",
    },
    days={
        (True, False): ", not before {low}",
        (False, True): ", not after {high}",
        (True, True): ", from {low} to {high}",
    },
    required="required",
    optional="optional",
    sensitive=", sensitive",
    from_caller="the request",
    from_benchmark="the benchmark figures: `{measure}`",
    from_benchmark_or_caller="the benchmark figures: `{measure}`; the caller may give another value",
    from_policy="the outcome `{outcome}` of policy `{policy}`",
    from_previous="the subject's own last outcome `{outcome}` under this policy",
    from_previous_since="the day since which the subject has had its last outcome `{outcome}`",
    subject="This policy decides about one {subject} at a time.",
    hits={
        Hit.UNIQUE: "At most one rule may hold. If several do, nothing is decided and the conflict is reported.",
        Hit.ANY: "Several rules may hold if they all give the same outcome. If their outcomes differ, nothing is "
        "decided and the conflict is reported.",
        Hit.FIRST: "The rules are asked from top to bottom. The first one that holds decides, and those below it "
        "do not count.",
        Hit.PRIORITY: "If several rules hold, the one whose outcome ranks highest decides{order}; among equals, "
        "the one that stands first.",
        Hit.RULE_ORDER: "Every rule that holds gives one entry of the answer. The entries stand in the order of "
        "the rules.",
        Hit.OUTPUT_ORDER: "Every rule that holds gives one entry of the answer. The entry that ranks highest stands "
        "first{order}; equals stand in the order of the rules.",
        Hit.COLLECT: "Every rule that holds gives one entry of the answer. The entries stand in the order of "
        "the rules.",
    },
    aggregates={
        Aggregate.SUM: "The answer is the sum of what all rules that hold give.",
        Aggregate.MIN: "The answer is the least of what all rules that hold give.",
        Aggregate.MAX: "The answer is the greatest of what all rules that hold give.",
        Aggregate.COUNT: "The answer is the number of rules that hold.",
    },
    scorecard="The total starts at {base}. Every rule that holds adds its points to it. The band in which the "
    "total then lies decides.",
    rank=": {title} in the order {words}",
    gives="{title} is {value}",
    offers="it gives for {title}: {value}",
    adds="it adds to {title}: {value}",
    counts="it counts as one",
    points="Points",
    exactly_when="yes exactly when {condition}, and otherwise no",
    otherwise="no rule above decides",
    no_other="no other rule holds",
    no_rule="If no rule holds, the answer says so, and nothing is decided.",
    default="If no other rule holds, the rule `otherwise` decides.",
    corner="{down} ↓ {across} →",
    grid="The rows ask for {down}, the columns for {across}. A cell gives {outcomes}.",
    no_cell="“—” stands where no rule is.",
    statuses={
        "missing_facts": "nothing, because this is missing: {missing}",
        "no_rule_matched": "the answer that no rule holds",
        "conflict": "a conflict",
    },
    missing="not given",
    total="every subject whose required facts are all given gets exactly one result",
    monotone="when {fact} {moves} and nothing else changes, {outcome} never becomes {never}",
    moves={
        "number": ("rises", "falls"),
        "date": ("moves to a later day", "moves to an earlier day"),
        "duration": ("becomes longer", "becomes shorter"),
        "word": ("becomes better", "becomes worse"),
    },
    never={
        "number": ("larger", "smaller"),
        "date": ("later", "earlier"),
        "duration": ("longer", "shorter"),
        "word": ("better", "worse"),
    },
)

CHINESE = Labels(
    facts=("输入项", "名称", "类型", "是否必填", "来源"),
    outcomes=("结果", "名称", "类型"),
    rule="规则",
    when="条件",
    band="分数段",
    reason="理由",
    example="示例",
    decided_for="决策日",
    expected="应得结果",
    by_rule="依据规则",
    kinds={
        "boolean": "是或否",
        "integer": "整数",
        "number": "数值，最多{scale}位小数",
        "money": "金额（{unit}）",
        "date": "日期",
        "duration": "时长",
        "choice": "以下之一：{words}",
        "text": "文字",
        "tags": "以下标签中的任意几个：{words}",
    },
    ordered={"best-first": "（从优到劣）", "worst-first": "（从劣到优）"},
    bounds={
        (True, False): "，最小为{low}",
        (False, True): "，最大为{high}",
        (True, True): "，从{low}到{high}",
    },
    days={
        (True, False): "，不早于{low}",
        (False, True): "，不晚于{high}",
        (True, True): "，从{low}到{high}",
    },
    required="必填",
    optional="选填",
    sensitive="，敏感",
    from_caller="请求决定时提供",
    from_benchmark="基准数据：`{measure}`",
    from_benchmark_or_caller="基准数据：`{measure}`；调用方可提供其他值",
    from_policy="政策 `{policy}` 的结果 `{outcome}`",
    from_previous="该对象按本政策上一次的结果 `{outcome}`",
    from_previous_since="该对象上一次结果 `{outcome}` 的起始日期",
    subject="本政策每次对一个{subject}作出决定。",
    hits={
        Hit.UNIQUE: "最多只能有一条规则成立。如有多条成立，则不作决定，并报告冲突。",
        Hit.ANY: "可以有多条规则成立，但其结果必须相同。结果不同时不作决定，并报告冲突。",
        Hit.FIRST: "规则自上而下逐条判断，以第一条成立的规则为准，其后的规则不再起作用。",
        Hit.PRIORITY: "如有多条规则成立，以结果排位最高的一条为准{order}；排位相同时，以列在前面的一条为准。",
        Hit.RULE_ORDER: "每条成立的规则各给出一项结果，按规则的先后顺序列出。",
        Hit.OUTPUT_ORDER: "每条成立的规则各给出一项结果，排位最高的列在最前{order}；排位相同时按规则的先后顺序列出。",
        Hit.COLLECT: "每条成立的规则各给出一项结果，按规则的先后顺序列出。",
    },
    aggregates={
        Aggregate.SUM: "结果为所有成立的规则所给数值之和。",
        Aggregate.MIN: "结果为所有成立的规则所给数值中最小的一个。",
        Aggregate.MAX: "结果为所有成立的规则所给数值中最大的一个。",
        Aggregate.COUNT: "结果为成立的规则的条数。",
    },
    scorecard="总分从{base}分起算，每条成立的规则加上其分值，再由总分所在的分数段决定结果。",
    rank="：{title}的先后顺序为{words}",
    gives="{title}为{value}",
    offers="为{title}给出：{value}",
    adds="计入{title}：{value}",
    counts="计为一条",
    points="分值",
    exactly_when="“是”（当且仅当{condition}；否则为“否”）",
    otherwise="以上各条规则均不成立",
    no_other="其他规则均不成立",
    no_rule="没有规则成立时，如实答复“没有规则成立”，不作决定。",
    default="其他规则均不成立时，由规则 `otherwise` 决定。",
    corner="{down}↓ {across}→",
    grid="各行按{down}，各列按{across}，交叉处为{outcomes}。",
    no_cell="“—”表示此处没有规则。",
    statuses={
        "missing_facts": "不作决定，因为缺少：{missing}",
        "no_rule_matched": "没有规则成立",
        "conflict": "报告冲突",
    },
    missing="未提供",
    total="凡必填输入项齐全者，都得到且只得到一个结果",
    monotone="当{fact}{moves}而其他输入项不变时，{outcome}不会因此{never}",
    moves={
        "number": ("增大", "减小"),
        "date": ("推后", "提前"),
        "duration": ("变长", "变短"),
        "word": ("变优", "变劣"),
    },
    never={
        "number": ("增大", "减小"),
        "date": ("推后", "提前"),
        "duration": ("变长", "变短"),
        "word": ("变优", "变劣"),
    },
)

LABELS: Mapping[Language, Labels] = {"zh": CHINESE, "en": ENGLISH}
