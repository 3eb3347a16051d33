"""The policy files given to a command, each read once, with all their errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from policy_service.analysis.lint import lint
from policy_service.cli.status import UsageError
from policy_service.language.benchmark_set import BenchmarkSet, is_benchmark_set, load_benchmark_set, misplaced
from policy_service.language.diagnostics import Diagnostic, PolicyError
from policy_service.language.load import PolicyFolderError, load_anywhere, misplaced_policy, newest
from policy_service.language.policy import Policy
from policy_service.language.requirements import topological_order
from policy_service.regulations.regulation import FOLDER, load_regulations
from policy_service.shipped import shipped_policies

SUFFIXES = (".yaml", ".yml")
LEVELS = 3
"""The depth of a policy file: `<domain>/<policy>/<version>.yaml`."""


@dataclass(frozen=True)
class PolicyFile:
    """One file: its policy, its benchmark set, or the errors."""

    path: Path
    policy: Policy | None
    error: PolicyError | None = None
    benchmark_set: BenchmarkSet | None = None
    misplaced: Policy | None = None
    """The policy of a file at the wrong path: it is not compared with the others of a tree."""

    @cached_property
    def loaded(self) -> Policy | None:
        """The policy of a file that can be parsed, wherever the file is."""
        return self.policy or self.misplaced

    @cached_property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings about its policy."""
        return lint(self.loaded) if self.loaded else ()

    @property
    def is_fine(self) -> bool:
        """True if it has no errors."""
        return self.error is None


def read_files(paths: Sequence[Path]) -> list[PolicyFile]:
    """Return the files at `paths` and below folders; the shipped ones without paths.

    Raises UsageError if there is no file, or one cannot be read.
    """
    roots = list(paths) or [shipped_policies()]
    files = dict.fromkeys(file for path in roots for file in _files(path))
    if not files:
        raise UsageError(f"no policy file in {', '.join(map(str, roots))}")
    folders = [path for path in roots if path.is_dir()]
    return [*_with_mismatches([_read(file) for file in files], folders), *_faulty_regulations(folders)]


def _files(path: Path) -> Iterable[Path]:
    if path.is_dir():
        files = (file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
        return sorted(file for file in files if file.parent.name != FOLDER)
    return [path]


def _faulty_regulations(folders: Iterable[Path]) -> Iterator[PolicyFile]:
    """Yield the regulations with errors below folders of policies."""
    for folder in folders:
        try:
            load_regulations(folder)
        except PolicyError as error:
            yield PolicyFile(Path(error.path), None, error)
        except OSError as error:
            raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from None


def _read(path: Path) -> PolicyFile:
    try:
        if is_benchmark_set(path):
            found = load_benchmark_set(path)
            return PolicyFile(path, None, misplaced(found, path), found)
        policy = load_anywhere(path)
        if (error := misplaced_policy(policy, path)) is not None:
            return PolicyFile(path, None, error, misplaced=policy)
        return PolicyFile(path, policy)
    except PolicyError as error:
        return PolicyFile(path, None, error)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _with_mismatches(files: list[PolicyFile], folders: Sequence[Path]) -> list[PolicyFile]:
    """Return the same files, with errors for those that do not fit the others of their tree."""
    policies = [file.policy for file in files if file.policy is not None]
    neighbourhood = newest((*policies, *_neighbours(files)))
    single = [
        file.policy
        for file in files
        if file.policy and file.path.parent not in folders and not _is_below(file.path, folders)
    ]
    errors: dict[str, PolicyError] = {}
    for candidate in [None, *single]:
        candidate_set = {policy.id: policy for policy in neighbourhood} | (
            {candidate.id: candidate} if candidate else {}
        )
        try:
            topological_order(candidate_set.values())
        except PolicyFolderError as error:
            for each in error.errors:
                errors.setdefault(each.path, each)
    return [_with_error(file, errors) for file in files]


def _is_below(path: Path, folders: Sequence[Path]) -> bool:
    return any(folder in path.parents for folder in folders)


def _neighbours(files: Iterable[PolicyFile]) -> Iterable[Policy]:
    """Return the other policies in the files' trees, as far as they have no errors."""
    known = {file.path.resolve() for file in files}
    roots = dict.fromkeys(file.path.resolve().parents[LEVELS - 1] for file in files if file.policy is not None)
    for root in roots:
        for path in sorted(root.glob("*/*/*.yaml")):
            if path not in known and (policy := _read(path).policy) is not None:
                yield policy


def _with_error(file: PolicyFile, errors: dict[str, PolicyError]) -> PolicyFile:
    if file.policy is None or (error := errors.get(f"{file.policy.id}/{file.policy.version}.yaml")) is None:
        return file
    return PolicyFile(file.path, file.policy, PolicyError(str(file.path), error.diagnostics, file.policy.text))
