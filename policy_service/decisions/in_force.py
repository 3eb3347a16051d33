"""The versions in force, ready to decide: correct at every instant, even if they change while decisions are made.

    registry's activations ──► window: which versions, from when until when ──► the decider has them, and the next

A decision is made by the versions in force as far as this process knows. The transaction that records it checks the
database (`window_in_force`): if another version came into force meanwhile, the decision is made again. So no record
names a version that was not in force at its `decided_at`, whatever the number of processes.

A background thread builds the next versions ahead of time, so that switching is instant, and polls for what other
processes record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from sqlmodel import Session, select

from policy_service.audit.guard import IN_FORCE, OVERRIDES, names_no_row, usable
from policy_service.clock import Clock
from policy_service.compilers.rules_engine import EngineLimitError, SmokeTestFailed
from policy_service.database import Database, Lane, LaneName, borne_out, last_write_at, log_size
from policy_service.decisions.decider import Decider, ServedPolicies, with_trace
from policy_service.decisions.decision import EngineName
from policy_service.decisions.evaluation import Evaluation, Question
from policy_service.decisions.groups.model import Place
from policy_service.decisions.groups.previous import read_previous
from policy_service.decisions.override_store import OverrideCache
from policy_service.decisions.previous import NO_PREVIOUS, PreviousByPolicy
from policy_service.decisions.served_policy import Alarm
from policy_service.decisions.version_build import Build, BuildFailed, Parts, read_parts
from policy_service.decisions.window import Window, window_at
from policy_service.errors import PolicyServiceError, UnknownPolicies, UnknownSubjectKind
from policy_service.integrity import DamagedRecord
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import PolicyFolderError, load_bytes
from policy_service.messages import Message
from policy_service.registry.model import Activation
from policy_service.registry.service import UnknownVersion, activations, describe_ending, version_text

POLL_SECONDS = 0.5
"""How often the thread checks whether another process recorded something."""
COMPARE_SECONDS = 5.0
"""How long comparing the rows with the log is skipped while new log entries name none of them."""
OWN_DOMAIN = "governance"
"""The domain of policies that decide about the service itself, not about subjects: evaluated only if requested by name.
"""
_GOVERNANCE = select(Lane.at).where(Lane.name == LaneName.GOVERNANCE).with_for_update(read=True)
Texts = Mapping[str, bytes]
"""The texts of versions, by digest."""


class NotReady(PolicyServiceError):
    """The versions in force cannot decide yet; the message says why."""

    kind = "not-ready"
    retry_seconds = 1


class VersionsChanging(NotReady):
    """The versions in force have just changed: call `refresh`, then retry."""

    def __init__(self) -> None:
        super().__init__(Message("other versions come into force at this moment: try again"))


class InForce:
    """A decider with the versions in force."""

    def __init__(  # noqa: PLR0913  # what a decider is made of, and where its policies come from
        self,
        database: Database,
        clock: Clock,
        *,
        engine: EngineName = "durable_rules",
        shadow_every: int = 0,
        on_alarm: Callable[[Alarm], None] | None = None,
        build: Build | None = None,
        on_change: Callable[[], None] | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        """Build the versions in force.

        `build` builds the next versions, in another process; without it they are built in this one. `on_change` is
        called in a thread after a switch of versions. Raises NotReady, DatabaseUnavailable.
        """
        self.decider = Decider([], engine=engine, shadow_every=shadow_every, on_alarm=on_alarm)
        self.override_cache = OverrideCache()
        self.last_error: str | None = None
        """Why the thread last failed; None if it succeeded."""
        self._database, self._clock, self._poll_seconds = database, clock, poll_seconds
        self._engine: EngineName = engine
        self._on_change = on_change
        self._replaced: list[ServedPolicies] = []
        self._build_in_worker: Build | None = None  # nobody waits for a decision yet
        self._known_activations: tuple[int, Sequence[Activation]] = (-1, ())
        self._window = Window(-1, datetime.min.replace(tzinfo=UTC), None, {}, {})
        self._default: Mapping[str, Sequence[str]] = {}
        self._next: tuple[Window, ServedPolicies] | None = None
        self._switch_count = 0
        self._compared = (-1, float("-inf"))  # to which entry the rows were compared with the log, and when
        self._lock = threading.RLock()  # held for a decision, or while other policies take their place
        self._build_lock = threading.RLock()  # held for as long as it takes to build policies
        self._wake, self._closed = threading.Event(), False
        try:
            self.refresh()
        except BaseException:
            self.decider.close()
            raise
        self._build_in_worker = build
        self._thread = threading.Thread(target=self._run, name="in-force", daemon=True)
        self._thread.start()

    @property
    def window(self) -> Window:
        """Return the window of the versions in service."""
        return self._window

    def now(self) -> datetime:
        """Return the current instant; never before the start of the window in service, even if the clock goes back."""
        return max(self._clock.now(), self._window.start)

    # deciding

    def evaluate(self, question: Question) -> Evaluation:
        """Decide by the versions in force. Slow if the decision is to be explained, but without holding the lock.

        Raises VersionsChanging, NotReady, FactsRejected, UnknownPolicies, WrongSubjectKind, UnknownSubjectKind.
        """
        evaluation = self._evaluate(question, self._read_previous(question))
        return evaluation._replace(decision=with_trace(evaluation.decision)) if question.explain else evaluation

    def reads_previous(self, question: Question) -> tuple[str, ...]:
        """Return the policies of a question that read the subject's previous outcomes from the database."""
        kind = question.subject.kind
        return self.decider.reads_previous(kind, question.policies or self._default.get(kind, ()))

    def _read_previous(self, question: Question) -> PreviousByPolicy:
        if not (policies := self.reads_previous(question)):
            return NO_PREVIOUS
        with self._database.read() as session:
            places = {policy: Place(*question.subject, policy) for policy in policies}
            return {policy: read_previous(session, place, question.as_of) for policy, place in places.items()}

    def _evaluate(self, question: Question, previous: PreviousByPolicy) -> Evaluation:
        with self._lock:
            now = self.now()
            if not self._window.covers(now) and not self._switch(now):
                raise VersionsChanging
            if self.reads_previous(question) != tuple(previous):  # other versions came between
                raise VersionsChanging
            kind = question.subject.kind
            requested = self._default.get(kind) if question.policies is None else question.policies
            if not requested:
                raise self._no_policies_error(kind)
            overrides = self.override_cache.active_overrides(question.subject, now)
            stops = self._window.stops
            try:
                decision = self.decider.decide(
                    question.facts,
                    as_of=question.as_of,
                    policies=requested,
                    kind=kind,
                    overrides=overrides,
                    stops=stops,
                    previous=previous,
                )
            except UnknownPolicies as unknown:
                raise _with_ended_policies(unknown, self._window.absent) from None
            return Evaluation(question, decision, requested, self._window.digests, stops, overrides, previous)

    def _no_policies_error(self, kind: str) -> Exception:
        """Build the error for a kind of subject without policies."""
        if self._default:
            return UnknownSubjectKind(kind, self._default)
        return NotReady(Message("no policy is in force"))

    def is_current(self, evaluation: Evaluation, window: Window) -> bool:
        """Return True if a decision was made by the versions in force at the start of the window."""
        if evaluation.digests is not window.digests and evaluation.digests != window.digests:
            return False
        if evaluation.stops != window.stops:
            return False
        overrides = self.override_cache.active_overrides(evaluation.question.subject, window.start)
        return overrides == evaluation.overrides

    def window_in_force(self, session: Session, now: datetime) -> Window:
        """Read what is in force at `now`, or at the last write of governance if that is later.

        For a write transaction: until it ends, no other transaction can put a version in force.
        """
        at = session.connection().execute(_GOVERNANCE).scalar_one()
        epoch = log_size(session)  # after the lane was taken, as it is another statement's snapshot on PostgreSQL
        self._skip_to(session, epoch)
        window = self._window
        now = max(now, at if at <= now else borne_out(session, at), window.start)
        if epoch == window.epoch and window.covers(now):
            return replace(window, start=now)
        self.override_cache.refresh(session)
        return self._reuse_digests(window_at(epoch, self._read_activations(session, epoch), now))

    # changing

    def refresh(self) -> None:
        """Put in service what is in force now; slow if policies have to be built."""
        self._refresh()
        self._wake.set()

    def close(self) -> None:
        """Stop the thread and release the policies."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        with self._build_lock, self._lock:
            self._drop_next()
            self.decider.close()

    def _refresh(self) -> None:
        with self._build_lock:
            while not self._advance():
                pass

    def _advance(self) -> bool:
        """Take one step towards the versions in force; return True if they are in service now."""
        with self._database.read() as session:
            switch_count = self._switch_count
            now = self.now()
            epoch, at = log_size(session), last_write_at(session)
            now = now if at <= now else max(now, borne_out(session, at))
            compared_epoch, compared_at = self._compared
            is_due = epoch != compared_epoch and monotonic() > compared_at + COMPARE_SECONDS
            if not is_due:
                self._skip_to(session, epoch)
            with self._lock:
                if not is_due and epoch == self._window.epoch and (self._window.covers(now) or self._switch(now)):
                    return True
            self._compared = epoch, monotonic()
            self.override_cache.refresh(session)
            window = self._reuse_digests(window_at(epoch, self._read_activations(session, epoch), now))
            if window.digests is self._window.digests:
                with self._lock:
                    if switch_count == self._switch_count:
                        self._window = window
                    return switch_count == self._switch_count
            texts = self._texts(session, window)
        built = self._build(window, texts, switch_count, lambda prepared: self._install(window, prepared))
        return built and window.covers(self.now())

    def _skip_to(self, session: Session, epoch: int) -> None:
        """Extend what is known to a later entry, if the entries in between name none of its rows.

        This is the case when records are sealed, many times a minute. Raises KeyUnavailable.
        """
        window, activations = self._window, self._known_activations[1]
        if epoch > window.epoch and names_no_row(session, (*IN_FORCE, *OVERRIDES), window.epoch):
            with self._lock:
                if self._window is window:
                    self._window, self._known_activations = replace(window, epoch=epoch), (epoch, activations)

    def _build(self, window: Window, texts: Texts, switch_count: int, use: Callable[[ServedPolicies], None]) -> bool:
        """Build the policies of a window and put them in service, unless another switch came first. Raises NotReady."""
        available = {policy.digest: policy for policy in self.decider.policies.values()}
        parts_by_digest: dict[str, Parts] = {}
        try:
            if self._build_in_worker is not None and texts:
                parts = map(read_parts, self._build_in_worker(list(texts.values()), self._engine))
                parts_by_digest = {each.policy.digest: each for each in parts}
                available |= {digest: each.policy for digest, each in parts_by_digest.items()}
            else:
                available |= {digest: load_bytes(text) for digest, text in texts.items()}
            policies = [available[digest] for digest in window.digests.values()]
            prepared = self.decider.prepare(policies, parts_by_digest, window.absent)
        except (PolicyError, PolicyFolderError, SmokeTestFailed, EngineLimitError, BuildFailed) as error:
            raise _not_ready(error) from error
        with self._lock:
            if switch_count == self._switch_count:
                use(prepared)
                return True
            self.decider.discard(prepared)
            return False

    def _install(self, window: Window, prepared: ServedPolicies) -> None:
        self._drop_next()
        self._replaced.append(self.decider.put(prepared))
        self._window = window
        default: dict[str, list[str]] = {}
        for id_, served in prepared.items():
            if served.policy.domain != OWN_DOMAIN and not served.policy.has_figures:
                default.setdefault(served.policy.subject, []).append(id_)
        self._default = default
        self._switch_count += 1

    def _switch(self, now: datetime) -> bool:
        """Put the prebuilt versions in service if their time has come."""
        if self._next is None or self._next[0].epoch != self._window.epoch or not self._next[0].covers(now):
            return False
        (window, prepared), self._next = self._next, None
        self._install(window, prepared)
        self._wake.set()
        return True

    def _drop_next(self) -> None:
        if self._next is not None:
            self.decider.discard(self._next[1])
            self._next = None

    # looking ahead

    def _run(self) -> None:
        while not self._closed:
            try:
                self._refresh()
                self._build_next()
                self._release_replaced()
                self.last_error = None
            except Exception as error:  # noqa: BLE001  # whatever it is, the next look may be better
                self.last_error = str(error)
            until, now = self._window.until, self.now()
            delay = (until - now).total_seconds() if until is not None and until > now else self._poll_seconds
            self._wake.wait(min(delay, self._poll_seconds))
            self._wake.clear()

    def _release_replaced(self) -> None:
        """Release the replaced versions while no request waits, since it may take some milliseconds."""
        if self._replaced:
            self._replaced.clear()
            if self._on_change is not None:
                self._on_change()

    def _build_next(self) -> None:
        """Build the versions that come into force next."""
        with self._build_lock:
            switch_count, window, next_ = self._switch_count, self._window, self._next
            if window.until is None or (next_ is not None and next_[0].epoch == window.epoch):
                return
            with self._database.read() as session:
                if log_size(session) != window.epoch:
                    return
                upcoming = window_at(window.epoch, self._read_activations(session, window.epoch), window.until)
                if next_ is not None and upcoming.digests == next_[0].digests:  # governance wrote something else
                    with self._lock:
                        if switch_count == self._switch_count:
                            self._next = upcoming, next_[1]
                    return
                texts = self._texts(session, upcoming)
            self._build(upcoming, texts, switch_count, lambda prepared: self._set_next(upcoming, prepared))

    def _set_next(self, window: Window, prepared: ServedPolicies) -> None:
        self._drop_next()
        self._next = (window, prepared)

    def _read_activations(self, session: Session, epoch: int) -> Sequence[Activation]:
        """Return the activations; the earlier ones while the log does not confirm all. Raises NotReady at the start."""
        if self._known_activations[0] != epoch:
            faults, left_out = usable(session, IN_FORCE)
            if faults and self._known_activations[0] < 0:
                raise NotReady(faults[0])
            known = self._known_activations[1] if faults else _logged_activations(session, left_out)
            self._known_activations = epoch, known
        return self._known_activations[1]

    def _texts(self, session: Session, window: Window) -> Texts:
        """Return the texts of the versions of a window that are not in service."""
        in_service = {policy.digest for policy in self.decider.policies.values()}
        try:
            texts = {name: version_text(session, name) for name in window.digests.values() if name not in in_service}
        except (UnknownVersion, DamagedRecord) as error:
            raise _not_ready(error) from error
        return texts

    def _reuse_digests(self, window: Window) -> Window:
        """Return the window with the digests object in service if equal, so that later comparisons are by identity."""
        digests = self._window.digests
        return replace(window, digests=digests) if window.digests == digests else window


def _logged_activations(session: Session, left_out: Mapping[str, frozenset[str]]) -> Sequence[Activation]:
    """Return the recorded activations, excluding some rows."""
    added, taken_back = (left_out[table] for table in IN_FORCE)
    recorded = activations(session, without=[*map(int, added)])
    return [replace(each, cancelled_at=None) if each.id in taken_back else each for each in recorded]


def _with_ended_policies(unknown: UnknownPolicies, absent: Mapping[str, Activation]) -> UnknownPolicies:
    """Return the error with ended policies distinguished from those that never existed."""
    endings = {name: describe_ending(absent[name]) for name in unknown.names if name in absent}
    return UnknownPolicies(unknown.names, unknown.hints, endings) if endings else unknown


def _not_ready(error: Exception) -> NotReady:
    return NotReady(Message("the versions in force cannot be put in service: {error}", error=str(error)))
