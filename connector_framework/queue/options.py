"""The options of a job and the defaults that a method declares for its jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

__all__ = ["METHOD_OPTIONS", "OPTIONS", "check_options", "job_options", "method_options"]

Method = TypeVar("Method", bound=Callable[..., Any])

_NUMBER = (int, float)

# Any, as Callable, Iterable and Mapping are no types to a type checker, though isinstance takes them.
_Types = tuple[Any, ...]

#: What a call may say: option -> accepted types. None always means "not said".
OPTIONS: dict[str, _Types] = {
    "priority": (int,),
    "eta": (int, float, timedelta, datetime),
    "channel": (str,),
    "max_attempts": (int,),
    "identity_key": (str, Callable),
    "identity_until": (str,),
    "exclusive_key": (str, Callable),
    "after": (object,),
    "timeout_s": _NUMBER,
    "description": (str, Callable),
    "keep_context": (Iterable,),
    "split": (int,),
}

#: What a method alone may say, beside the above.
METHOD_OPTIONS: dict[str, _Types] = {
    "retry_pattern": (Mapping,),
    "group_commit": (int,),
    "async_commit": (bool,),
}

_ATTRIBUTE = "_connector_job_options"


def check_options(options: Mapping[str, Any], allowed: Mapping[str, _Types]) -> None:
    """Check names, types and ranges of options.

    :raises TypeError: for an unknown option or a value of the wrong type
    :raises ValueError: for a value out of range
    """
    for name, value in options.items():
        if name not in allowed:
            raise TypeError(f"unknown job option {name!r}; the options are: {', '.join(allowed)}")
        if value is None:
            continue
        if not isinstance(value, allowed[name]) or (isinstance(value, bool) and bool not in allowed[name]):
            expected = " or ".join(getattr(kind, "__name__", str(kind)) for kind in allowed[name])
            raise TypeError(f"job option {name} takes {expected}, not {value!r}")
        if name == "after" and getattr(value, "_name", None) != "connector.job":
            raise TypeError(f"job option after takes records of connector.job, not {value!r}")
        if name == "keep_context" and isinstance(value, str):
            raise TypeError(f"job option keep_context takes a list of context keys, not the text {value!r}")
        if name in ("max_attempts", "timeout_s") and value < 0:
            raise ValueError(f"job option {name} cannot be negative: {value!r}")
        if name in ("split", "group_commit") and value < 1:
            raise ValueError(f"job option {name} is at least 1, not {value!r}")
        if name == "identity_until" and value not in ("start", "done"):
            raise ValueError(f"job option identity_until is 'start' or 'done', not {value!r}")
        if name == "eta" and isinstance(value, datetime) and value.tzinfo is not None:
            raise ValueError(f"job option eta takes a naive UTC datetime, not {value!r}")


def job_options(**options: Any) -> Callable[[Method], Method]:
    """Declare the defaults of the jobs of a model method.

    Takes every option of ``as_job`` and, for methods alone:

    - ``retry_pattern={1: 10, 5: 300}``: seconds to wait after a retryable failure, from the n-th attempt on
    - ``group_commit=N``: up to N claimed jobs of the method share one transaction
    - ``async_commit=True``: the job's transaction commits with ``synchronous_commit=off``

    An override of the method keeps what its base declares, and may declare anew option by option.

    :raises TypeError: for an unknown option or a value of the wrong type
    :raises ValueError: for a value out of range
    """
    check_options(options, {**OPTIONS, **METHOD_OPTIONS})
    for attempt, seconds in (options.get("retry_pattern") or {}).items():
        if not isinstance(attempt, int) or attempt < 1 or not isinstance(seconds, int | float) or seconds < 0:
            raise ValueError(f"retry_pattern takes attempt >= 1 -> seconds >= 0, not {attempt!r}: {seconds!r}")

    def decorate(method: Method) -> Method:
        setattr(method, _ATTRIBUTE, {**getattr(method, _ATTRIBUTE, {}), **options})
        return method

    return decorate


def method_options(model_class: type, method_name: str) -> Mapping[str, Any]:
    """Return the declared options of a model's method, those of overridden methods included."""
    registry = model_class.pool  # type: ignore[attr-defined]
    cache: dict[tuple[type, str], dict[str, Any]] = registry.__dict__.setdefault("_connector_job_options", {})
    key = (model_class, method_name)
    if key not in cache:
        merged: dict[str, Any] = {}
        for cls in reversed(model_class.__mro__):
            merged.update(getattr(cls.__dict__.get(method_name), _ATTRIBUTE, {}))
        cache[key] = merged
    return cache[key]
