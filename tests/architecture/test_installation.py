"""The pinned versions are whole, keep the declared bounds, and name no machine."""

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.project import ROOT, settings
from tests.for_each import for_each

PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
PROJECT = settings()["project"]
DECLARED = [
    *PROJECT["dependencies"],
    *(
        item
        for extra in PROJECT["optional-dependencies"].values()
        for item in extra
        if Requirement(item).name != PROJECT["name"]  # an extra made of other extras
    ),
    *settings()["dependency-groups"]["build"],
]


@for_each(zip([Requirement(text) for text in DECLARED]))
def test_a_dependency_is_bounded_and_pinned_within_its_bounds(requirement: Requirement) -> None:
    [pin] = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    [exact] = pin.specifier
    assert requirement.specifier.contains(exact.version)


def test_every_pin_is_one_exact_version_from_no_particular_place() -> None:
    for pin in PINS:
        assert pin.url is None, pin
        assert [clause.operator for clause in pin.specifier] == ["=="], pin


def test_the_set_up_looks_for_the_pythons_the_project_declares() -> None:
    minors = sorted(int(minor) for minor in re.findall(r":: 3\.(\d+)", " ".join(PROJECT["classifiers"])))
    assert PROJECT["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert makefile.count(f"(3, {minors[0]}) <= sys.version_info[:2] <= (3, {minors[-1]})") == 2
    for minor in minors:
        assert f"python3.{minor}" in makefile
