"""A work session: one backend, one model, one environment, and what its units share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from .unit import ConnectorUnit

if TYPE_CHECKING:
    from .reference import Reference

__all__ = ["WorkSession"]

Kind = TypeVar("Kind", bound=ConnectorUnit)


class WorkSession:
    """What a unit works with; opened by ``backend.work_on(model_name, **options)``.

    Units of other models (``unit(Adapter, "other.model")``) live in a session of that model that shares all but the
    model: environment, options, and :attr:`shared`, where adapters keep their API client.

    :param backend: the backend record (1)
    :param model_name: the model that the session is about
    :param reference: resolves the classes; the backend's own by default
    :param options: whatever the caller wants its units to know
    """

    def __init__(self, backend: Any, model_name: str, reference: Reference | None = None, **options: Any) -> None:
        self.model_name = model_name
        self.reference: Reference = reference or backend.reference
        self.options: dict[str, Any] = options
        #: What units share over all models of the session, by a key of their own.
        self.shared: dict[Any, Any] = {}
        self._backend = backend
        self._state = _State(backend.env)
        self._sessions: dict[str, WorkSession] = {model_name: self}
        self._units: dict[type[ConnectorUnit], ConnectorUnit] = {}

    def __repr__(self) -> str:
        return f"<WorkSession on {self.model_name} of {self._backend!r}>"

    @property
    def env(self) -> Any:
        return self._state.env

    @property
    def backend(self) -> Any:
        return self._backend.with_env(self.env)

    @property
    def model(self) -> Any:
        return self.env[self.model_name]

    def on(self, model_name: str) -> WorkSession:
        """Return the session of another model, the same one each time."""
        session = self._sessions.get(model_name)
        if session is None:
            session = object.__new__(type(self))
            session.__dict__.update(self.__dict__, model_name=model_name, _units={})
            self._sessions[model_name] = session
        return session

    def unit(self, base_class: type[Kind], model_name: str | None = None) -> Kind:
        """Return the unit of a kind for a model; one instance a session.

        :raises NoUnitError: when the reference has no class; a kind that is usable as it is (``_usable_as_is``) serves
            instead
        """
        if model_name is not None and model_name != self.model_name:
            return self.on(model_name).unit(base_class)
        unit = self._units.get(base_class)
        if unit is None:
            find = self.reference.find_class if base_class.__dict__.get("_usable_as_is") else self.reference.get_class
            cls = find(base_class, self.model_name, self.env) or base_class
            unit = self._units[base_class] = cls(self)
        return unit  # type: ignore[return-value]

    @contextmanager
    def origin(self) -> Iterator[Any]:
        """Mark all that is written inside as coming from this backend; yields the environment to write with.

        Inside, ``work.env`` carries the context ``connector_origin=(backend model, backend id)``. It is flushed before
        the end, so that what is recomputed has the same origin.
        """
        before = self.env
        inside = before(context=dict(before.context, connector_origin=(self._backend._name, self._backend.id)))
        self._state.env = inside
        try:
            yield inside
            inside.flush_all()
        finally:
            self._state.env = before

    def close(self) -> None:
        """Close every unit that has something to close, whatever happens to the others."""
        with ExitStack() as stack:
            for session in self._sessions.values():
                for unit in session._units.values():
                    close = getattr(unit, "close", None)
                    if callable(close):
                        stack.callback(close)


class _State:
    """The environment, in one place for the sessions of all models."""

    def __init__(self, env: Any) -> None:
        self.env = env
