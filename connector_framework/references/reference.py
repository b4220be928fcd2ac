"""The tree of references and the resolution of a class for a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, overload

from ..addon import addon_of
from ..exceptions import NoUnitError, SeveralUnitsError
from .unit import ConnectorUnit

__all__ = ["Reference", "get_reference"]

Unit = TypeVar("Unit", bound=type[ConnectorUnit])

_references: dict[tuple[str, str | None], Reference] = {}


@dataclass(frozen=True)
class _Registration:
    cls: type[ConnectorUnit]
    replacing: type[ConnectorUnit] | None
    addon: str | None


class Reference:
    """A service, or one version of it, with the classes that speak to it.

    Used as a decorator it registers the class below it::

        magento = Reference("magento")
        magento_1_7 = Reference("magento", version="1.7", parent=magento)

        @magento
        class PartnerMapper(ImportMapper): ...

        @magento_1_7(replacing=PartnerMapper)
        class PartnerMapper17(PartnerMapper): ...

    :param service: technical name of the service, e.g. ``"magento"``
    :param version: version of the service; None for the service itself
    :param parent: the reference to fall back on
    :raises ValueError: when this service and version exist already
    """

    # Counts every registration and unregistration anywhere: what was looked up before is then looked up anew.
    _generation = 0

    def __init__(self, service: str, version: str | None = None, parent: Reference | None = None) -> None:
        key = (service, version)
        if key in _references:
            raise ValueError(f"the reference {_references[key]} exists already: import it, or choose another version")
        self.service = service
        self.version = version
        self.parent = parent
        self._registrations: list[_Registration] = []
        _references[key] = self

    def __str__(self) -> str:
        return f"{self.service} {self.version}" if self.version else self.service

    def __repr__(self) -> str:
        parent = f", parent={self.parent!s}" if self.parent else ""
        return f"<Reference {self}{parent}: {len(self._registrations)} classes>"

    @overload
    def __call__(self, cls: Unit) -> Unit: ...
    @overload
    def __call__(self, *, replacing: type[ConnectorUnit] | None = None) -> Callable[[Unit], Unit]: ...
    def __call__(self, cls=None, *, replacing=None):
        """Register the decorated class: ``@reference`` or ``@reference(replacing=Other)``."""
        if cls is not None:
            return self.register(cls, replacing)
        return lambda cls: self.register(cls, replacing)

    def lineage(self) -> Iterator[Reference]:
        """Yield this reference, its parent, and so on up to the root."""
        reference: Reference | None = self
        while reference is not None:
            yield reference
            reference = reference.parent

    def register(self, cls: Unit, replacing: type[ConnectorUnit] | None = None) -> Unit:
        """Register a class at this level and return it; the same class again changes nothing.

        :param replacing: a class registered here or above, hidden from now on for this reference and its children
        :raises TypeError: when ``cls`` is not a :class:`ConnectorUnit` class
        :raises ValueError: when ``replacing`` is ``cls`` itself or is registered neither here nor above
        """
        if not (isinstance(cls, type) and issubclass(cls, ConnectorUnit)):
            raise TypeError(f"{cls!r} cannot be registered on {self}: it is not a subclass of ConnectorUnit")
        if replacing is cls:
            raise ValueError(f"{cls.__name__} cannot replace itself on {self}")
        if replacing is not None and not any(replacing in level.classes() for level in self.lineage()):
            raise ValueError(
                f"{cls.__name__} cannot replace {replacing.__name__} on {self}: that class is registered on none of "
                + ", ".join(str(level) for level in self.lineage())
            )
        if cls not in self.classes():
            self._registrations.append(_Registration(cls, replacing, addon_of(cls)))
            Reference._generation += 1
        return cls

    def unregister(self, cls: type[ConnectorUnit]) -> None:
        """Take a class off this level; what it replaced is back.

        :raises ValueError: when the class is not registered at this level
        """
        kept = [registration for registration in self._registrations if registration.cls is not cls]
        if len(kept) == len(self._registrations):
            raise ValueError(f"{cls.__name__} is not registered on {self}")
        self._registrations = kept
        Reference._generation += 1

    def classes(self, base_class: type[ConnectorUnit] | None = None) -> list[type[ConnectorUnit]]:
        """Return the classes registered at this level, in order, those below ``base_class`` if given."""
        return [r.cls for r in self._registrations if base_class is None or issubclass(r.cls, base_class)]

    def get_class(self, base_class: Unit, model_name: str, env=None) -> Unit:
        """Return the class to use for a model.

        From this reference up to its root, the nearest level that has a subclass of ``base_class`` naming the model in
        ``_apply_on`` decides; only if there is none on any level, the nearest level with one that names no model. Of
        several at that level a subclass beats its base.

        :param env: an environment of the database; classes of addons that are not installed there do not exist
        :raises NoUnitError: when no level has one
        :raises SeveralUnitsError: when the deciding level has several and none is a subclass of all others
        """
        if env is None:
            cache, installed = self.__dict__.setdefault("_cache", {}), None
            key = (base_class, model_name, Reference._generation)
        else:
            # The cache lives and dies with the registry; while addons are being loaded their number grows.
            registry = env.registry
            cache, installed = registry.__dict__.setdefault("_connector_units", {}), registry._init_modules
            key = (self, base_class, model_name, Reference._generation, len(installed))
        try:
            return cache[key]
        except KeyError:
            if cache and next(reversed(cache))[-1 if env is None else 3] != Reference._generation:
                cache.clear()
            cls = cache[key] = self._resolve(base_class, model_name, installed)
            return cls

    def _resolve(self, base_class: Unit, model_name: str, installed) -> Unit:
        levels = self._visible(base_class, installed)
        for names_model in (True, False):
            for level, classes in levels:
                found = [
                    cls
                    for cls in classes
                    if (model_name in cls.applied_models() if names_model else cls._apply_on is None)
                ]
                found = [
                    cls for cls in found if not any(other is not cls and issubclass(other, cls) for other in found)
                ]
                if len(found) > 1:
                    raise SeveralUnitsError(
                        f"several {_kind(base_class)} classes for {model_name} on {level}: "
                        + ", ".join(f"{cls.__module__}.{cls.__qualname__}" for cls in found)
                        + "; register one with replacing= another, or unregister one"
                    )
                if found:
                    return found[0]
        searched = "; ".join(
            f"{level}: " + (", ".join(cls.__name__ for cls in classes) or "none of this kind")
            for level, classes in levels
        )
        raise NoUnitError(f"no {_kind(base_class)} class for {model_name}; searched {searched}")

    def _visible(self, base_class: Unit, installed) -> list[tuple[Reference, list[Unit]]]:
        """Return per level, nearest first, the classes that exist and that no nearer or same level replaced."""
        levels, hidden = [], set()
        for level in self.lineage():
            active = [r for r in level._registrations if installed is None or r.addon is None or r.addon in installed]
            hidden.update(r.replacing for r in active if r.replacing is not None)
            levels.append((level, [r.cls for r in active if r.cls not in hidden and issubclass(r.cls, base_class)]))
        return levels


def _kind(base_class: type[ConnectorUnit]) -> str:
    return base_class.__name__


def get_reference(service: str, version: str | None = None) -> Reference:
    """Return the reference of a service and version.

    :raises LookupError: when there is none; the message lists those that exist
    """
    try:
        return _references[service, version]
    except KeyError:
        wanted = f"{service} {version}" if version else service
        known = ", ".join(sorted(map(str, _references.values()))) or "none"
        raise LookupError(f"there is no reference {wanted!r}; known: {known}") from None
