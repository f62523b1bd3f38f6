"""Every error a user can meet, each with its exit code, and the fixed list of reasons for which a model is skipped.

A message says what is wrong, with which input, and what to do.
"""

from __future__ import annotations

from enum import StrEnum

EXIT_OK = 0
EXIT_FAILED = 1  # work was attempted and part of it failed: a shard, a verification, a disk
EXIT_USAGE = 2  # the request itself is wrong: recipe, flags, an output folder that may not be used
EXIT_REFUSED = 3  # one input (a model, an archive) was looked at and refused
EXIT_INTERRUPTED = 130  # Ctrl-C, as a shell reports it


class Reason(StrEnum):
    """Why a model was refused. Receipts count these words, so they are part of the data contract: add, never rename."""

    MISSING = "missing"  # no such file or member
    UNREADABLE = "unreadable"  # the parser gave up: truncated, empty, index out of range
    NOT_A_MODEL = "not_a_model"  # an HTML page, an LFS pointer, a text file saved under a model's name
    NO_FACES = "no_faces"  # empty scene, point cloud, lines
    NON_FINITE = "non_finite"  # NaN or infinite vertices
    ZERO_EXTENT = "zero_extent"  # no area or no volume to normalise by
    HUGE_COORDINATES = "huge_coordinates"  # squares overflow float32
    FAR_FROM_ORIGIN = "far_from_origin"  # so far out that float32 has destroyed the shape
    TOO_MANY_FACES = "too_many_faces"
    TOO_LARGE = "too_large"  # bytes, before or while inflating
    TEXTURE_TOO_LARGE = "texture_too_large"
    UNSUPPORTED = "unsupported"  # a feature that would load wrongly (DRACO without its decoder, .blend, KTX2)
    HOSTILE_PATH = "hostile_path"  # a member or URI that leaves its folder
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    ACCESS_DENIED = "access_denied"
    UNREACHABLE = "unreachable"  # the network or the server kept failing, however often it was tried
    LICENCE = "licence"  # it forbids giving on what is made of the model, and the recipe is to be published
    INVISIBLE = "invisible"  # the render shows not one pixel of it
    NO_POSE = "no_pose"  # imports: no annotation says where the camera stood
    CONTRADICTION = "contradiction"  # imports: annotation, CAD model and render do not agree with each other
    UNPROVEN = "unproven"  # imports: there is no render that the pose could be checked against
    HOSTILE_PICKLE = "hostile_pickle"  # imports: a pickle that asks for more than numbers and texts


class Dst3dError(Exception):
    """Base of all errors that are told to the user as one message, without a traceback."""

    exit_code = EXIT_FAILED


class RecipeError(Dst3dError):
    """A recipe is wrong; the message names the field's path and the choices."""

    exit_code = EXIT_USAGE


class UsageError(Dst3dError):
    """A flag, a folder or a combination of them cannot be used."""

    exit_code = EXIT_USAGE


class BusyError(UsageError):
    """Another process holds the folder."""


class MissingDependency(Dst3dError):
    """An optional package or system library is not installed; the message names the command that installs it."""

    exit_code = EXIT_USAGE


class SourceError(Dst3dError):
    """A whole source cannot be used: its root is missing or unreadable."""

    exit_code = EXIT_USAGE


class HostDown(SourceError):
    """A machine that cannot be reached at all: whatever else is asked of it would fail too."""


class NotListable(SourceError):
    """A place whose files cannot be listed, only named."""


class ModelRefused(Dst3dError):
    """One model cannot be used. The build goes on; the receipt keeps the reason.

    Args:
        reason: one of the fixed list.
        detail: what exactly is wrong, for a person; no paths outside the source's root.
    """

    exit_code = EXIT_REFUSED

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[Reason, str]]:
        """Survive a process boundary: exceptions with two arguments do not by themselves."""
        return type(self), (self.reason, self.detail)


class LoaderError(Dst3dError):
    """The process that models are loaded in cannot be started: no model's fault."""


class StoreError(Dst3dError):
    """The store cannot be written or read: disk full, read-only, vanished. Nothing finished is lost."""


class ShardFailed(Dst3dError):
    """One or more shards could not be made; the message names them."""


class ReleaseError(Dst3dError):
    """A release cannot be written from what the run folder holds."""

    exit_code = EXIT_USAGE
