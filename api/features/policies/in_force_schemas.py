"""The shapes of what applied to a policy at an instant: a version, a suspension that left none, or nothing."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.features.policies.schemas import InForceModel, in_force_model
from api.web.schemas import Digest, Model
from policy_service.registry.model import Activation, ActivationKind


class ActivationModel(Model):
    """The record by which a version applies."""

    id: str
    version: str
    digest: Digest
    kind: ActivationKind
    effective: InForceModel
    recorded_at: datetime
    cancelled_at: datetime | None
    change: str | None
    suspension: str | None


class StopModel(Model):
    """A stop, which makes a policy answer `suspended`: `version` is out of force, and none applies in its place."""

    suspension: str
    reason: str
    version: str
    effective: InForceModel


class ActiveModel(Model):
    """The version that applied at `valid_at`, by what was known at `known_at`; null when none did."""

    policy: str
    valid_at: datetime
    known_at: datetime
    status: Annotated[
        Literal["in_force", "suspended", "ended", "not_in_force"],
        Field(
            description="`suspended`: a suspension left no version in force; `ended`: a signed change ended the policy"
        ),
    ]
    active: ActivationModel | None
    suspended: StopModel | None
    ended: Annotated[
        ActivationModel | None, Field(description="by what the policy was ended, where nothing is in force for that")
    ]


def activation_model(activation: Activation) -> ActivationModel:
    """The record by which a version applies."""
    return ActivationModel(
        id=activation.id,
        version=activation.version,
        digest=activation.digest,
        kind=activation.kind,
        effective=in_force_model(activation.effective),
        recorded_at=activation.recorded_at,
        cancelled_at=activation.cancelled_at,
        change=activation.change,
        suspension=activation.suspension,
    )


def active_model(
    policy: str, valid_at: datetime, known_at: datetime, activation: Activation | None, ending: Activation | None
) -> ActiveModel:
    """Convert what applied to a policy: a version, a suspension that left none, or nothing."""
    stop = activation if activation is not None and activation.is_stop else None
    return ActiveModel(
        policy=policy,
        valid_at=valid_at,
        known_at=known_at,
        status="suspended" if stop else "in_force" if activation else "ended" if ending else "not_in_force",
        active=activation_model(activation) if activation is not None and stop is None else None,
        suspended=StopModel(
            suspension=stop.suspension or "",
            reason=stop.reason or "",
            version=stop.version,
            effective=in_force_model(stop.effective),
        )
        if stop
        else None,
        ended=activation_model(ending) if ending is not None else None,
    )
