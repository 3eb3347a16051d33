"""Reports are made once: the same candidates beside the same policies give the same report."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from unittest import mock

import pytest

from policy_service.analysis.report import Report, analyse
from policy_service.approval import draft_check
from policy_service.language.policy import Policy

REPORTS: dict[tuple[tuple[str, ...], ...], Report] = {}


def remembered(
    candidates: Sequence[Policy], in_force: Mapping[str, Policy], ends: Collection[str], absent: Collection[str]
) -> Report:
    around = sorted(each.digest for each in in_force.values())
    key = (tuple(each.digest for each in candidates), tuple(around), tuple(ends), tuple(absent))
    if key not in REPORTS:
        REPORTS[key] = analyse(candidates, in_force, ends, absent)
    return REPORTS[key]


@pytest.fixture(autouse=True)
def _remember_reports() -> Iterator[None]:
    with mock.patch.object(draft_check, "analyse", remembered):
        yield
