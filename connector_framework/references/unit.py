"""The base of all classes that a reference resolves."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from .work import WorkSession

__all__ = ["ConnectorUnit"]

Kind = TypeVar("Kind", bound="ConnectorUnit")


class ConnectorUnit:
    """A piece of a connector for some models: a mapper, a synchronizer, an adapter, a binder.

    An instance belongs to one work session (``self.work``), that is to one backend, one environment and one model.
    """

    #: The model, or models, that the class is for; None for any model.
    _apply_on: ClassVar[str | Collection[str] | None] = None

    #: Set by the base class of each kind ("adapter", "binder"...): makes it known to the shortcuts below.
    _kind: ClassVar[str | None] = None
    #: The kind that :attr:`mapper` resolves: an importer's is the import mapper.
    _mapper_kind: ClassVar[str] = "mapper"
    _kinds: ClassVar[dict[str, type[ConnectorUnit]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        kind = cls.__dict__.get("_kind")
        if kind:
            ConnectorUnit._kinds[kind] = cls

    def __init__(self, work: WorkSession) -> None:
        self.work = work

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {self.work.model_name} of {self.work.backend!r}>"

    @classmethod
    def applied_models(cls) -> tuple[str, ...]:
        """Return the names of the models that the class is for, empty for any model."""
        if cls._apply_on is None:
            return ()
        return (cls._apply_on,) if isinstance(cls._apply_on, str) else tuple(cls._apply_on)

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
