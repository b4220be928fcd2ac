"""Units, the classes that a reference resolves, and the session that they work in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

__all__ = ["ConnectorUnit", "WorkSession", "watching_units"]

Kind = TypeVar("Kind", bound="ConnectorUnit")

#: By cursor.
_watchers: dict[Any, Callable[[ConnectorUnit], None]] = {}


@contextmanager
def watching_units(cr: Any, watcher: Callable[[ConnectorUnit], None]) -> Iterator[None]:
    """Call ``watcher(unit)`` for each unit of the sessions that are opened on a cursor inside, when it is made."""
    _watchers[cr] = watcher
    try:
        yield
    finally:
        del _watchers[cr]


class ConnectorUnit:
    """A piece of a connector for some models: a mapper, a synchronizer, an adapter, a binder.

    An instance belongs to one work session (``self.work``): one backend, one environment and one model.

    What a connector sets or overrides:

    ======================  ============================================================================================
    ``_apply_on``           the model, or a list of models, that the class is for; None, the default: any model
    ``check_definition()``  class method, called by ``Reference.register``; raises ``ValueError`` for a definition that
                            cannot work; default: accepts it
    ``close()``             called at the end of the session, where a unit has it; default: there is none
    ======================  ============================================================================================
    """

    _apply_on: ClassVar[str | Collection[str] | None] = None

    #: Set by the base class of each kind ("adapter", "binder"...): makes it known to the shortcuts below.
    _kind: ClassVar[str | None] = None
    #: The kind that :attr:`mapper` resolves: an importer's is the import mapper.
    _mapper_kind: ClassVar[str] = "mapper"
    _kinds: ClassVar[dict[str, type[ConnectorUnit]]] = {}
    #: Set by a class that serves any model without being registered. Subclasses do not inherit it.
    _usable_as_is: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        kind = cls.__dict__.get("_kind")
        if kind:
            ConnectorUnit._kinds[kind] = cls

    def __init__(self, work: WorkSession) -> None:
        if isinstance(work, type) and issubclass(work, ConnectorUnit):
            # What @reference(SomeClass) above another class does.
            raise TypeError(f"{type(self).__name__} is made for a work session, not for {work!r}: write replacing=")
        self.work = work
        watcher = getattr(work, "watcher", None)
        if watcher is not None:
            watcher(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.work.model_name} of {self.work.backend!r}>"

    @classmethod
    def applied_models(cls) -> tuple[str, ...]:
        """Return the names of the models that the class is for, empty for any model."""
        if cls._apply_on is None:
            return ()
        return (cls._apply_on,) if isinstance(cls._apply_on, str) else tuple(cls._apply_on)

    @classmethod
    def check_definition(cls) -> None:
        """Check the class when it is registered.

        :raises ValueError: for a definition that cannot work, naming the class, what is wrong and what it can be
        """

    @property
    def env(self) -> Any:
        """The environment of the session."""
        return self.work.env

    @property
    def backend(self) -> Any:
        """The backend record (1), in the environment of the session."""
        return self.work.backend

    @property
    def model(self) -> Any:
        """The empty recordset of the session's model."""
        return self.work.model

    def unit(self, base_class: type[Kind], model_name: str | None = None) -> Kind:
        """Return the unit of that kind for a model, by default this one's, in the same session."""
        return self.work.unit(base_class, model_name)

    @property
    def adapter(self) -> Any:
        """The adapter of the session's model."""
        return self.unit(self._kinds["adapter"])

    @property
    def binder(self) -> Any:
        """The binder of the session's model."""
        return self.unit(self._kinds["binder"])

    def binder_for(self, model_name: str) -> Any:
        """Return the binder of another binding model."""
        return self.unit(self._kinds["binder"], model_name)

    @property
    def mapper(self) -> Any:
        """The mapper in the direction of this unit."""
        return self.unit(self._kinds[self._mapper_kind])


@dataclass
class _Common:
    """The part of a session that it shares with its siblings of other models."""

    backend: Any
    reference: Any
    env: Any
    options: dict[str, Any]
    watcher: Callable[[ConnectorUnit], None] | None = None
    shared: dict[Any, Any] = field(default_factory=dict)
    #: By model.
    sessions: dict[str, WorkSession] = field(default_factory=dict)


class WorkSession:
    """A unit's working place: one backend, one model, one environment; opened by ``backend.work_on(model, **options)``.

    Units of other models (``unit(Adapter, "other.model")``) live in a session of that model that shares all but the
    model: environment, :attr:`options` and :attr:`shared`.

    :param backend: the backend record (1)
    :param model_name: the model that the session is about
    :param reference: resolves the classes; the backend's own by default
    :param options: for the units to read
    """

    def __init__(
        self, backend: Any, model_name: str, reference: Any = None, *, _common: _Common | None = None, **options: Any
    ) -> None:
        common = _common or _Common(
            backend,
            reference or backend.reference,
            backend.env,
            options,
            _watchers.get(backend.env.cr) if _watchers else None,
        )
        common.sessions[model_name] = self
        self.model_name = model_name
        self.reference = common.reference
        self.options = common.options
        #: Called with each unit that is made, see :func:`watching_units`.
        self.watcher = common.watcher
        #: What units keep for all models until the session ends, by keys of their own.
        self.shared = common.shared
        self._common = common
        self._units: dict[type[ConnectorUnit], ConnectorUnit] = {}

    def __repr__(self) -> str:
        return f"<WorkSession on {self.model_name} of {self._common.backend!r}>"

    @property
    def env(self) -> Any:
        """The environment, the same for all models of the session."""
        return self._common.env

    @property
    def backend(self) -> Any:
        """The backend record (1), in the environment of the session."""
        return self._common.backend.with_env(self.env)

    @property
    def model(self) -> Any:
        """The empty recordset of the model."""
        return self.env[self.model_name]

    def on(self, model_name: str) -> WorkSession:
        """Return the session of another model, the same one each time."""
        session = self._common.sessions.get(model_name)
        return session or type(self)(self._common.backend, model_name, _common=self._common)

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
        """Mark what is written inside as coming from this backend; yields the environment to write with.

        Inside, ``work.env`` carries the context ``connector_origin=(backend model, backend id)``. It is flushed before
        the end, so that what is recomputed has the same origin.
        """
        before = self.env
        origin = (self._common.backend._name, self._common.backend.id)
        if before.context.get("connector_origin") == origin:
            # The outer one flushes.
            yield before
            return
        inside = before(context=dict(before.context, connector_origin=origin))
        self._common.env = inside
        try:
            yield inside
            inside.flush_all()
        finally:
            self._common.env = before

    def close(self) -> None:
        """Close every unit that has a ``close()``, also when one of them fails."""
        with ExitStack() as stack:
            for session in self._common.sessions.values():
                for unit in session._units.values():
                    close = getattr(unit, "close", None)
                    if callable(close):
                        stack.callback(close)
