"""Values of a claim and of an attempt's end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["CLAIMED_COLUMNS", "NO_FAILURE", "ClaimResult", "Claimed", "Failure"]


@dataclass(frozen=True)
class Claimed:
    """A claimed job; (``id``, worker, ``attempt``) is the fencing token. The fields are columns of the job."""

    id: int
    attempt: int = 1
    max_attempts: int = 0
    model_name: str = ""
    method_name: str = ""
    timeout_s: float | None = None
    #: How many workers died while they ran it.
    crashes: int = 0
    exclusive_key: str | None = None

    def __str__(self) -> str:
        return f"job {self.id} {self.model_name}.{self.method_name} (attempt {self.attempt})"

    @property
    def exhausted(self) -> bool:
        """Whether this attempt is the last one."""
        return 0 < self.max_attempts <= self.attempt


CLAIMED_COLUMNS = tuple(field.name for field in fields(Claimed))


@dataclass(frozen=True)
class ClaimResult:
    """What a claim returns.

    :param limited: not all was claimed because of a channel's limits: claim again, counting them
    :param passed_by: how many jobs were passed by for their exclusive key
    """

    jobs: list[Claimed]
    limited: bool
    passed_by: int

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[Any, ...]]) -> ClaimResult:
        """Read (limited, passed_by, *columns of a claimed job or NULLs)."""
        limited, passed_by = rows[0][:2]
        return cls([Claimed(*row[2:]) for row in rows if row[2] is not None], limited, passed_by)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed; all fields but ``place`` are columns of the job."""

    exc_type: str | None
    exc_message: str | None
    exc_info: str | None = None
    user_message: str | None = None
    #: Where it was raised, see :func:`~.causes.place`; None: the method of the job.
    place: str | None = None


NO_FAILURE = Failure(None, None)
