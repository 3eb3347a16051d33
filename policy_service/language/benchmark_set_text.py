"""The text of a benchmark set: the same figures give the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from policy_service.language.benchmark_set import HEAD, Figure, Method, PopulationNote
from policy_service.language.policy import Bilingual
from policy_service.language.source import NULLS
from policy_service.language.types import Value, format_value

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def write_benchmark_set(  # noqa: PLR0913  # what a file says
    *,
    id_: str,
    version: str,
    title: Bilingual,
    source: Sequence[str],
    subject: str,
    as_of: date,
    population: PopulationNote,
    method: Method,
    figures: Sequence[Figure],
) -> str:
    """Return the text of a benchmark set; the same figures give the same bytes."""
    note = {"name": population.name, "digest": population.digest, "subjects": population.subjects}
    made = {"rounding": "half_even", "quantiles": method.quantiles, "smallest_group": method.smallest_group}
    lines = [
        f"{HEAD}: {id_}",
        f"version: {version}",
        f"title: {_flow(title.to_dict())}",
        *([f"source: [{', '.join(source)}]"] if source else []),
        f"subject: {subject}",
        f"as_of: {as_of.isoformat()}",
        f"population: {_flow(note)}",
        f"method: {_flow(made)}",
        "figures:",
    ]
    for figure in sorted(figures, key=lambda each: each.key):
        lines += _figure_lines(figure)
    return "\n".join(lines) + "\n"


def _figure_lines(figure: Figure) -> Iterator[str]:
    kind = figure.type
    yield f"  - measure: {_scalar(str(figure.measure))}"
    yield f"    type: {kind.kind}"
    if kind.kind == "number":
        yield f"    scale: {kind.scale}"
    if kind.currency:
        yield f"    currency: {kind.currency}"
    yield "    groups:" if figure.groups else "    groups: []"
    for words, group in sorted(figure.groups.items()):
        entry: dict[str, Any] = {"of": list(words)} if words else {}
        entry["subjects"] = group.subjects
        if group.value is not None:
            entry["value"] = str(format_value(kind, group.value))
        yield f"      - {_flow(entry)}"


def _flow(entry: Mapping[str, Any]) -> str:
    pairs = []
    for key, value in entry.items():
        is_list = isinstance(value, list)
        pairs.append(f"{key}: [{', '.join(map(_scalar, value))}]" if is_list else f"{key}: {_scalar(value)}")
    return f"{{{', '.join(pairs)}}}"


def _scalar(value: Value) -> str:
    """Return a value as YAML; text is quoted unless it is a plain word."""
    text = str(value)
    is_word = isinstance(value, int) or (_PLAIN.fullmatch(text) and text not in NULLS)
    return text if is_word else json.dumps(text, ensure_ascii=False)
