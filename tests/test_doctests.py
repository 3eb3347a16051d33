"""The examples in docstrings come out as they are written."""

import doctest
from importlib import import_module
from inspect import isfunction, unwrap
from unittest import mock

import pytest

from tests.architecture.project import ROOT

MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for folder in ("policy_service", "api")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in file.read_text("utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_come_out_as_written(module: str) -> None:
    home = import_module(module)
    names = {name: getattr(home, name) for name in getattr(home, "__all__", ())}
    own = {name: unwrap(each) for name, each in vars(home).items() if isfunction(each)}  # tests/once.py wraps some
    with mock.patch.dict(vars(home), own):
        result = doctest.testmod(home, extraglobs=names)
    assert result.attempted
    assert not result.failed
