"""The options of a job, their defaults, and those that a method declares for its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from ..near import did_you_mean

__all__ = ["JobOptions", "JobRow", "JobValues", "check_options", "job_options", "method_options"]

Method = TypeVar("Method", bound=Callable[..., Any])

DEFAULT_PRIORITY = 10
DEFAULT_CHANNEL = "root"
DEFAULT_MAX_ATTEMPTS = 5
#: Days that done and cancelled jobs are kept.
DEFAULT_KEEP_DAYS = 30

#: Longest wait in seconds, a hundred years: beyond, PostgreSQL's times end somewhere.
MAX_WAIT_S = 100 * 365.25 * 86_400
_INT4 = 2**31 - 1
_Check = Callable[[Any], bool]


def _rule(*types: Any, check: _Check = lambda value: True, says: str = "", of_method: bool = False) -> dict[str, Any]:
    """Return the metadata of an option.

    :param types: accepted types; None always means "not given"
    :param check: False for a value out of range
    :param says: the range, for the error
    :param of_method: for ``@job_options`` alone
    """
    return {"types": types, "check": check, "says": says, "of_method": of_method}


def _is_time(value: Any) -> bool:
    if isinstance(value, datetime):
        return value.tzinfo is None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return abs(seconds) <= MAX_WAIT_S  # no NaN is


def _is_int4(value: int) -> bool:
    return abs(value) <= _INT4


_KEY = _rule(str, Callable)
_COUNT = _rule(int, check=lambda value: 1 <= value <= _INT4, says="at least 1")


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """What a call of ``as_job`` and the method's ``@job_options`` say; None: not given."""

    priority: int | None = field(default=None, metadata=_rule(int, check=_is_int4, says="within 32 bits"))
    eta: float | timedelta | datetime | None = field(
        default=None,
        metadata=_rule(
            int,
            float,
            timedelta,
            datetime,
            check=_is_time,
            says="a naive UTC datetime or a time within a hundred years",
        ),
    )
    channel: str | None = field(default=None, metadata=_rule(str))
    max_attempts: int | None = field(
        default=None,
        metadata=_rule(int, check=lambda value: 0 <= value <= _INT4, says="0 or more, within 32 bits"),
    )
    identity_key: str | Callable[..., Any] | None = field(default=None, metadata=_KEY)
    identity_until: str | None = field(
        default=None, metadata=_rule(str, check=lambda value: value in ("start", "done"), says="'start' or 'done'")
    )
    exclusive_key: str | Callable[..., Any] | None = field(default=None, metadata=_KEY)
    after: Any = field(default=None, metadata=_rule(object))
    timeout_s: float | None = field(
        default=None,
        metadata=_rule(
            int, float, check=lambda value: value >= 0 and _is_time(value), says="0 or more, at most a hundred years"
        ),
    )
    description: str | Callable[..., Any] | None = field(default=None, metadata=_KEY)
    keep_context: Iterable[str] | None = field(default=None, metadata=_rule(Iterable))
    split: int | None = field(default=None, metadata=_COUNT)
    retry_pattern: Mapping[int, float] | None = field(default=None, metadata=_rule(Mapping, of_method=True))
    group_commit: int | None = field(default=None, metadata={**_COUNT, "of_method": True})
    async_commit: bool | None = field(default=None, metadata=_rule(bool, of_method=True))
    on_failure: str | None = field(default=None, metadata=_rule(str, of_method=True))


_OPTIONS = {option.name: option.metadata for option in fields(JobOptions)}


class JobRow(NamedTuple):
    """What the jobs that one call stores differ in."""

    call: str
    identity_key: str | None
    exclusive_key: str | None
    description: str
    #: (record id or None, external id or None) of what the job is about, see ``_job_subjects``.
    subjects: Sequence[tuple[int | None, str | None]] = ()


@dataclass(frozen=True, kw_only=True)
class JobValues:
    """What the jobs that one call stores have in common."""

    model_name: str
    method_name: str
    priority: int
    user_id: int
    company_id: int
    identity_until_done: bool
    state: str
    channel: str
    eta: datetime | None
    eta_s: float | None
    max_attempts: int | None
    timeout_s: float | None
    #: The backend that the jobs work with.
    backend_model: str | None = None
    backend_id: int | None = None
    backend_name: str | None = None

    def columns(self) -> dict[str, Any]:
        """Return the columns that are stored as they are; the channel and the time complete the others."""
        names = ["model_name", "method_name", "priority", "user_id", "company_id", "identity_until_done", "state"]
        if self.backend_id:
            names += ["backend_model", "backend_id", "backend_name"]
        return {name: getattr(self, name) for name in names}


def check_options(options: Mapping[str, Any], *, of_method: bool = False) -> None:
    """Check names, types and ranges of options.

    :param of_method: accept those that a method alone may declare, too
    :raises TypeError: for an unknown option or a value of the wrong type
    :raises ValueError: for a value out of range
    """
    for name, value in options.items():
        declared = _OPTIONS.get(name)
        if declared is None or (declared["of_method"] and not of_method):
            allowed = [key for key, option in _OPTIONS.items() if of_method or not option["of_method"]]
            if declared is not None:
                problem = f"{name!r} is no option of as_job(): declare it by @job_options on the method"
            else:
                problem = " ".join(filter(None, (f"unknown job option {name!r}.", did_you_mean(name, allowed)))).rstrip(
                    "."
                )
            raise TypeError(f"{problem}; the options are: {', '.join(allowed)}")
        if value is None:
            continue
        types = declared["types"]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in types)
            raise TypeError(f"job option {name} takes {expected}, not {value!r}")
        if name == "after" and getattr(value, "_name", None) != "connector.job":
            raise TypeError(f"job option after takes records of connector.job, not {value!r}")
        if name == "keep_context" and isinstance(value, str):
            raise TypeError(f"job option keep_context takes a list of context keys, not the text {value!r}")
        if not declared["check"](value):
            raise ValueError(f"job option {name} is {declared['says']}, not {value!r}")
    for attempt, seconds in (options.get("retry_pattern") or {}).items():
        if not isinstance(attempt, int) or attempt < 1:
            raise ValueError(f"retry_pattern takes attempt >= 1 -> seconds >= 0, not {attempt!r}: {seconds!r}")
        if not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_WAIT_S:
            raise ValueError(f"retry_pattern takes attempt >= 1 -> seconds >= 0, not {attempt!r}: {seconds!r}")


_ATTRIBUTE = "_connector_job_options"


def job_options(**options: Any) -> Callable[[Method], Method]:
    """Declare the defaults of the jobs of a model method.

    Takes every option of ``as_job`` and, for methods alone:

    - ``retry_pattern={1: 10, 5: 300}``: seconds to wait after a retryable failure, from the n-th attempt on
    - ``group_commit=N``: up to N claimed jobs of the method share one transaction
    - ``async_commit=True``: the job's transaction commits with ``synchronous_commit=off``
    - ``on_failure="method"``: when a job has ended ``failed``, ``records.method(job)`` is called in a transaction of
      its own, as the job's user, e.g. to leave a note on the records. An error in it is logged and changes nothing

    An override of the method keeps its base's declarations, and may replace them option by option.

    :raises TypeError: for an unknown option or a value of the wrong type
    :raises ValueError: for a value out of range
    """
    check_options(options, of_method=True)

    def decorate(method: Method) -> Method:
        setattr(method, _ATTRIBUTE, {**getattr(method, _ATTRIBUTE, {}), **options})
        return method

    return decorate


def method_options(model_class: type, method_name: str) -> JobOptions:
    """Return the declared options of a model's method, those of overridden methods included."""
    registry = model_class.pool  # type: ignore[attr-defined]
    cache: dict[tuple[type, str], JobOptions] = registry.__dict__.setdefault(_ATTRIBUTE, {})
    key = (model_class, method_name)
    if key not in cache:
        merged: dict[str, Any] = {}
        for cls in reversed(model_class.__mro__):
            merged.update(getattr(cls.__dict__.get(method_name), _ATTRIBUTE, {}))
        cache[key] = JobOptions(**merged)
    return cache[key]


def merged_options(model_class: type, method_name: str, given: Mapping[str, Any]) -> JobOptions:
    """Return the options of a call: those given, else the method's."""
    declared = vars(method_options(model_class, method_name))
    return JobOptions(**{**declared, **{name: value for name, value in given.items() if value is not None}})
