"""Reports are made once: the same candidates beside the same policies give the same report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from unittest import mock

import pytest

from policy_service.analysis.report import Report, analyse
from policy_service.approval import checking
from policy_service.language.policy import Policy

REPORTS: dict[tuple[tuple[str, ...], tuple[str, ...]], Report] = {}


def remembered(candidates: Sequence[Policy], in_force: Mapping[str, Policy]) -> Report:
    key = (tuple(each.digest for each in candidates), tuple(sorted(each.digest for each in in_force.values())))
    if key not in REPORTS:
        REPORTS[key] = analyse(candidates, in_force)
    return REPORTS[key]


@pytest.fixture(autouse=True)
def _remember_reports() -> Iterator[None]:
    with mock.patch.object(checking, "analyse", remembered):
        yield
