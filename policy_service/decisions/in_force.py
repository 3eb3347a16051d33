"""The versions in force, ready to decide: right at every instant, though they change while decisions are made.

    registry's activations ──► window: which versions, from when until when ──► the decider has them, and the next

A decision is made by the versions in force now, as far as this process knows. Before it is recorded, the transaction
that records it asks the database again, `now_in_force`: if another version came into force meanwhile, the decision
is made again. So no record names a version that was not in force at its `decided_at`, however many processes serve.

The next versions are built ahead, so that at their instant they only take their place. A thread looks after that, and
after what other processes record.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import NamedTuple

from sqlmodel import Session, select

from policy_service.audit.guard import IN_FORCE, faults_in
from policy_service.clock import Clock
from policy_service.compilers.rules_engine import EngineLimitError, EngineTrialError
from policy_service.damaged import DamagedRecord
from policy_service.database import Database, Lane, LaneName, borne_out, count
from policy_service.decisions.building import Build, NotBuilt, Parts, read_parts
from policy_service.decisions.decide import Decider, Prepared, explained
from policy_service.decisions.decision import Decision, EngineName
from policy_service.decisions.overrides import Book
from policy_service.decisions.overriding import Overriding
from policy_service.decisions.served import Alarm
from policy_service.decisions.window import Stopped, Window, window_at
from policy_service.errors import UnknownKind, UnknownPolicies
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import PolicyFolderError, load_bytes
from policy_service.registry.model import Activation
from policy_service.registry.service import UnknownVersion, activations, ended_by, version_text
from policy_service.sentences import Sentence
from policy_service.subject import Subject

LOOK_SECONDS = 0.5
"""How often the thread asks whether another process recorded something."""
OWN_DOMAIN = "governance"
"""The domain whose policies decide about the service itself, not about subjects: they must be asked for by name."""
_GOVERNANCE = select(Lane.count, Lane.at).where(Lane.name == LaneName.GOVERNANCE).with_for_update(read=True)


Texts = Mapping[str, bytes]
"""The texts of versions, by digest."""


class NotReady(Exception):
    """The versions in force cannot decide yet; the message says why."""


class Turning(NotReady):
    """The versions in force have just changed: `refresh`, then ask again."""

    def __init__(self) -> None:
        super().__init__(Sentence("other versions come into force at this moment: try again"))


class Question(NamedTuple):
    """What is asked about a subject."""

    subject: Subject
    facts: Mapping[str, object]
    as_of: date
    policies: Sequence[str] | None = None
    explain: bool = False


class Made(NamedTuple):
    """A decision, and what it was made by."""

    question: Question
    decision: Decision
    asked: Sequence[str]
    digests: Mapping[str, str]
    stopped: Mapping[str, Stopped]
    overrides: Mapping[str, Overriding]


class InForce:
    """A decider that has the versions in force."""

    def __init__(  # noqa: PLR0913  # what a decider is made of, and where its policies come from
        self,
        database: Database,
        clock: Clock,
        *,
        engine: EngineName = "durable_rules",
        shadow_every: int = 0,
        alarm: Callable[[Alarm], None] | None = None,
        build: Build | None = None,
        changed: Callable[[], None] | None = None,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Builds what is in force.

        `build` builds in another process what comes into force later; without it that is done here. `changed` is
        called, in a thread, after other policies took their place. Raises NotReady, DatabaseUnavailable.
        """
        self.decider = Decider([], engine=engine, shadow_every=shadow_every, alarm=alarm)
        self.book = Book()
        self.trouble: str | None = None
        """Why the thread could not do its work when it last tried."""
        self._database, self._clock, self._look_seconds = database, clock, look_seconds
        self._engine: EngineName = engine
        self._changed = changed
        self._served_before: list[Prepared] = []
        self._elsewhere: Build | None = None  # nobody waits for a decision yet
        self._recorded: tuple[int, Sequence[Activation]] = (-1, ())
        self._window = Window(-1, datetime.min.replace(tzinfo=UTC), None, {}, {})
        self._default: Mapping[str, Sequence[str]] = {}
        self._next: tuple[Window, Prepared] | None = None
        self._turns = 0
        self._lock = threading.RLock()  # held for a decision, or while other policies take their place
        self._building = threading.RLock()  # held for as long as it takes to build policies
        self._wake, self._closed = threading.Event(), False
        try:
            self.refresh()
        except BaseException:
            self.decider.close()
            raise
        self._elsewhere = build
        self._thread = threading.Thread(target=self._look_after, name="in-force", daemon=True)
        self._thread.start()

    @property
    def window(self) -> Window:
        """The versions that decide."""
        return self._window

    def now(self) -> datetime:
        """The present instant; never before what is in service began to be, though the clock may go back."""
        return max(self._clock.now(), self._window.start)

    # deciding

    def make(self, question: Question) -> Made:
        """Decides by the versions in force; slow when the decision is to be explained, which holds nobody up.

        Raises Turning, NotReady, FactsRefused, UnknownPolicies, OtherKind, UnknownKind.
        """
        made = self._make(question)
        return made._replace(decision=explained(made.decision)) if question.explain else made

    def _make(self, question: Question) -> Made:
        with self._lock:
            now = self.now()
            if not self._window.covers(now) and not self._turn(now):
                raise Turning
            kind = question.subject.kind
            asked = self._default.get(kind) if question.policies is None else question.policies
            if not asked:
                raise self._nothing_about(kind)
            overrides = self.book.active_overrides(question.subject, now)
            stopped = self._window.stopped
            try:
                decision = self.decider.decide(
                    question.facts,
                    as_of=question.as_of,
                    policies=asked,
                    kind=kind,
                    overrides=overrides,
                    stopped=stopped,
                )
            except UnknownPolicies as unknown:
                raise _with_endings(unknown, self._window.absent) from None
            return Made(question, decision, asked, self._window.digests, stopped, overrides)

    def _nothing_about(self, kind: str) -> Exception:
        """Why there is nothing to ask about a subject of a kind."""
        if self._default:
            return UnknownKind(kind, self._default)
        return NotReady(Sentence("no policy is in force"))

    def holds(self, made: Made, window: Window) -> bool:
        """Whether a decision was made by what is in force in the window, at its start."""
        if made.digests is not window.digests and made.digests != window.digests:
            return False
        if made.stopped != window.stopped:
            return False
        overrides = self.book.active_overrides(made.question.subject, window.start)
        return overrides == made.overrides

    def now_in_force(self, session: Session, now: datetime) -> Window:
        """What the database says is in force at `now`, or at the last write of governance, if that is later.

        For a transaction that writes: until its end nobody can put anything else in force.
        """
        epoch, at = session.connection().execute(_GOVERNANCE).one()
        window = self._window
        now = max(now, at if at <= now else borne_out(session, at), window.start)
        if epoch == window.epoch and window.covers(now):
            return replace(window, start=now)
        self.book.refresh(session)
        return self._same(window_at(epoch, self._read(session, epoch), now))

    # changing

    def refresh(self) -> None:
        """Puts in service what is in force now; takes a while when policies have to be built.

        Raises NotReady, DatabaseUnavailable.
        """
        self._refresh()
        self._wake.set()

    def close(self) -> None:
        """Ends the thread and gives back what the policies hold."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        with self._building, self._lock:
            self._drop_next()
            self.decider.close()

    def _refresh(self) -> None:
        with self._building:
            while not self._advance():
                pass

    def _advance(self) -> bool:
        """Takes a step towards what is in force; whether it is in service now."""
        with self._database.read() as session:
            turns = self._turns
            now = self.now()
            epoch, at = _lanes(session)
            now = now if at <= now else max(now, borne_out(session, at))
            with self._lock:
                if epoch == self._window.epoch and (self._window.covers(now) or self._turn(now)):
                    return True
            self.book.refresh(session)
            window = self._same(window_at(epoch, self._read(session, epoch), now))
            if window.digests is self._window.digests:
                with self._lock:
                    if turns == self._turns:
                        self._window = window
                    return turns == self._turns
            texts = self._texts(session, window)
        built = self._build(window, texts, turns, lambda prepared: self._put(window, prepared))
        return built and window.covers(self.now())

    def _build(self, window: Window, texts: Texts, turns: int, use: Callable[[Prepared], None]) -> bool:
        """Builds the policies of a window and uses them, unless others took their place meanwhile. Raises NotReady."""
        at_hand = {policy.digest: policy for policy in self.decider.policies.values()}
        built: dict[str, Parts] = {}
        try:
            if self._elsewhere is not None and texts:
                parts = map(read_parts, self._elsewhere(list(texts.values()), self._engine))
                built = {each.policy.digest: each for each in parts}
                at_hand |= {digest: each.policy for digest, each in built.items()}
            else:
                at_hand |= {digest: load_bytes(text) for digest, text in texts.items()}
            policies = [at_hand[digest] for digest in window.digests.values()]
            prepared = self.decider.prepare(policies, built, window.absent)
        except (PolicyError, PolicyFolderError, EngineTrialError, EngineLimitError, NotBuilt) as error:
            raise _unfit(error) from error
        with self._lock:
            if turns == self._turns:
                use(prepared)
                return True
            self.decider.discard(prepared)
            return False

    def _put(self, window: Window, prepared: Prepared) -> None:
        self._drop_next()
        self._served_before.append(self.decider.put(prepared))
        self._window = window
        default: dict[str, list[str]] = {}
        for id_, served in prepared.items():
            if served.policy.domain != OWN_DOMAIN:
                default.setdefault(served.policy.subject, []).append(id_)
        self._default = default
        self._turns += 1

    def _turn(self, now: datetime) -> bool:
        """Puts the versions that were built ahead in service, if their time has come."""
        if self._next is None or self._next[0].epoch != self._window.epoch or not self._next[0].covers(now):
            return False
        (window, prepared), self._next = self._next, None
        self._put(window, prepared)
        self._wake.set()
        return True

    def _drop_next(self) -> None:
        if self._next is not None:
            self.decider.discard(self._next[1])
            self._next = None

    # looking ahead

    def _look_after(self) -> None:
        while not self._closed:
            try:
                self._refresh()
                self._look_ahead()
                self._settle()
                self.trouble = None
            except Exception as error:  # noqa: BLE001  # whatever it is, the next look may be better
                self.trouble = str(error)
            until, now = self._window.until, self.now()
            left = (until - now).total_seconds() if until is not None and until > now else self._look_seconds
            self._wake.wait(min(left, self._look_seconds))
            self._wake.clear()

    def _settle(self) -> None:
        """Lets go of what served before, and says so: when nobody waits, as it may take some milliseconds."""
        if self._served_before:
            self._served_before.clear()
            if self._changed is not None:
                self._changed()

    def _look_ahead(self) -> None:
        """Builds the versions that come into force next."""
        with self._building:
            turns, window, next_ = self._turns, self._window, self._next
            if window.until is None or (next_ is not None and next_[0].epoch == window.epoch):
                return
            with self._database.read() as session:
                if count(session) != window.epoch:
                    return
                coming = window_at(window.epoch, self._read(session, window.epoch), window.until)
                if next_ is not None and coming.digests == next_[0].digests:  # governance wrote something else
                    with self._lock:
                        if turns == self._turns:
                            self._next = coming, next_[1]
                    return
                texts = self._texts(session, coming)
            self._build(coming, texts, turns, lambda prepared: self._keep_next(coming, prepared))

    def _keep_next(self, window: Window, prepared: Prepared) -> None:
        self._drop_next()
        self._next = (window, prepared)

    def _read(self, session: Session, epoch: int) -> Sequence[Activation]:
        """What is recorded; what was before, while the log does not tell of all of it. Raises NotReady at the start."""
        if self._recorded[0] != epoch:
            faults = faults_in(session, IN_FORCE)
            if faults and self._recorded[0] < 0:
                raise NotReady(faults[0])
            self._recorded = (epoch, self._recorded[1] if faults else activations(session))
        return self._recorded[1]

    def _texts(self, session: Session, window: Window) -> Texts:
        """The texts of the versions of a window that are not in service."""
        at_hand = {policy.digest for policy in self.decider.policies.values()}
        try:
            texts = {name: version_text(session, name) for name in window.digests.values() if name not in at_hand}
        except (UnknownVersion, DamagedRecord) as error:
            raise _unfit(error) from error
        return texts

    def _same(self, window: Window) -> Window:
        """The window, with the digests in service if they are the same, so that they need not be compared again."""
        digests = self._window.digests
        return replace(window, digests=digests) if window.digests == digests else window


def _with_endings(unknown: UnknownPolicies, absent: Mapping[str, Activation]) -> UnknownPolicies:
    """The refusal, in which policies that were ended are told apart from those that never were."""
    ended = {name: ended_by(absent[name]) for name in unknown.names if name in absent}
    return UnknownPolicies(unknown.names, unknown.hints, ended) if ended else unknown


def _unfit(error: Exception) -> NotReady:
    return NotReady(Sentence("the versions in force cannot be put in service: {error}", error=str(error)))


def _lanes(session: Session) -> tuple[int, datetime]:
    """How often governance has written, and when anything was last written."""
    rows = session.exec(select(Lane)).all()
    return next(row.count for row in rows if row.name == LaneName.GOVERNANCE), max(row.at for row in rows)
