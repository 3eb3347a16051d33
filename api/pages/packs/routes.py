"""`/packs`: asks for an audit pack, shows how far it is, and gives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.authentication import asker
from api.gauge import Moved
from api.packing import Made, Packer
from api.pages.forms import Faults, Filled, Form, checked, read_form
from api.pages.frame import Frame, Page
from api.pages.jobs import Job
from api.pages.packs.asking import Option, PackForm, options, scope_of, unknown
from api.pages.rendering import Do, Pages
from api.pages.subjects import kinds_offered
from api.pages.working import Working, begin, find, sent, working
from api.transactions import reading
from policy_service.packs.scope import MAX_SAMPLE, Scope, ScopeRefused
from policy_service.sentences import Sentence

KIND = "pack"
ZIP = "application/zip"
TO_PACKS = ((Sentence("Audit packs"), "/packs"),)
PREFILLED = ("policy", "subject", "kind", "since", "until")
"""Fields that a link may fill in."""
COUNTED: tuple[tuple[str, Sentence], ...] = (
    ("versions", Sentence("Versions")),
    ("changes", Sentence("Changes")),
    ("signatures", Sentence("Signatures")),
    ("suspensions", Sentence("Suspensions")),
    ("activations", Sentence("Times that a version was put in force")),
    ("overrides", Sentence("Overrides")),
    ("decisions", Sentence("Decisions")),
    ("replayed_same", Sentence("of these the replay gave the same")),
    ("replayed_different", Sentence("of these the replay gave something else")),
    ("replayed_not_replayable", Sentence("of these could not be replayed")),
    ("entries", Sentence("Entries of the log")),
)
"""What is counted in a pack, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class PacksPage:
    """The form, and the packs that the reader asked for lately."""

    template: ClassVar[str] = "packs/ask.html"
    frame: Frame
    form: Filled
    policies: tuple[Option, ...]
    kinds: tuple[Option, ...]
    largest: int
    lately: tuple[tuple[Working, datetime], ...]
    """Each with when it was asked for."""


@dataclass(frozen=True, slots=True)
class PackPage:
    """A pack: how far it is, then what is in it."""

    template: ClassVar[str] = "packs/pack.html"
    frame: Frame
    work: Working
    size: int | None
    """Bytes of the file; None while it is not there."""
    counts: tuple[tuple[Sentence, int], ...]
    left_out: tuple[str, ...]
    trail: tuple[tuple[Sentence, str], ...] = TO_PACKS


def pack_routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    packer = Packer(pages.service)

    @router.get("/packs")
    async def packs(request: Request) -> Response:
        """The form."""
        given = {name: value for name in PREFILLED if (value := request.query_params.get(name))}
        return pages.show(await _asking(pages, request, pages.new_form(**given)))

    @router.post("/packs")
    async def ask(request: Request) -> Response:
        """Begins to make a pack."""
        form = await read_form(request)
        scope = await _scope(pages, form)
        if not isinstance(scope, Scope):
            return pages.show(await _asking(pages, request, scope), 422)

        async def prepare() -> Do:
            job = begin(pages, request, KIND, _Making(packer, scope, asker(request).actor.printed_name))
            return lambda _: f"/packs/{job.id}"

        return await pages.attempt(request, form, prepare, lambda filled: _asking(pages, request, filled))

    @router.get("/packs/{job}")
    async def pack(request: Request, job: str) -> Response:
        """How far it is, or what is in it."""
        found = find(pages, request, KIND, job)
        return pages.show(_shown(pages, request, found, job), 404 if found is None else 200)

    @router.get("/packs/{job}/file")
    async def file(request: Request, job: str) -> Response:
        """The file."""
        found = find(pages, request, KIND, job)
        name = f"audit-pack-{found.started_at:%Y%m%d-%H%M%S}.zip" if found else ""
        return sent(found, name, ZIP)

    return router


@dataclass(frozen=True, slots=True)
class _Making:
    """Makes a pack, and leaves its file to the job."""

    packer: Packer
    scope: Scope
    by: str

    async def __call__(self, job: Job, moved: Moved) -> Made:
        made = await self.packer.make(self.scope, self.by, moved)
        job.file = made.file
        return made


async def _scope(pages: Pages, form: Form) -> Scope | Filled:
    """What a form asks for, or the form with what is wrong with it."""
    given = checked(form, PackForm)
    if not isinstance(given, PackForm):
        return form.filled(given)
    faults: Faults = await reading(pages.service, lambda session: unknown(session, given))
    if faults:
        return form.filled(faults)
    try:
        return scope_of(given, pages.service.zone)
    except ScopeRefused as refused:
        return form.filled(refusal=str(refused))


async def _asking(pages: Pages, request: Request, form: Filled) -> Page:
    frame, service = pages.frame(request), pages.service
    in_force = service.decider.policies
    found = await reading(service, lambda session: options(session, in_force, frame.lang))
    kinds = kinds_offered(in_force.values(), frame.lang, form.value("kind"))
    jobs = pages.jobs.of(asker(request).actor.id, KIND)
    lately = tuple((working(pages, job, f"/packs/{job.id}"), job.started_at) for job in reversed(jobs))
    return PacksPage(frame, form, found, kinds, MAX_SAMPLE, lately)


def _shown(pages: Pages, request: Request, job: Job | None, name: str) -> PackPage:
    frame = pages.frame(request)
    work = working(pages, job, f"/packs/{name}")
    if job is None or job.state != "done" or job.file is None:
        return PackPage(frame, work, None, (), ())
    made = cast("Made", job.result)
    counts = tuple((words, made.counts[name]) for name, words in COUNTED if name in made.counts)
    left_out = tuple(each["zh" if frame.lang == "zh" else "en"] for each in made.left_out)
    size = job.file.stat().st_size if job.file.exists() else None
    return PackPage(frame, work, size, counts, left_out)
