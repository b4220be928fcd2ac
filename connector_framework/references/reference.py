"""The tree of references: a service, its versions, and the classes that are registered on each."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from importlib.machinery import ModuleSpec
from typing import Any, ClassVar, TypeVar, overload

from ..addon import addon_of
from .resolution import Entry, no_unit, resolve
from .unit import ConnectorUnit

__all__ = ["Reference", "all_references", "get_reference"]

Unit = TypeVar("Unit", bound=type[ConnectorUnit])

_references: dict[tuple[str, str | None], Reference] = {}
#: Two threads may import addons at the same time.
_lock = threading.Lock()


@dataclass(frozen=True)
class _Registration:
    cls: type[ConnectorUnit]
    replacing: type[ConnectorUnit] | None
    addon: str | None
    #: Of the module of the class, when it was registered.
    spec: ModuleSpec | None

    def is_reloaded_as(self, other: _Registration) -> bool:
        """Tell whether the other class has the same module and name, and the module was loaded again in between."""
        return self.cls.__qualname__ == other.cls.__qualname__ and _is_reload(self.spec, other.spec)


def _is_reload(before: ModuleSpec | None, now: ModuleSpec | None) -> bool:
    """Tell whether two specs are of the same module, loaded twice: each load makes a spec of its own."""
    return before is not None and now is not None and before is not now and before.name == now.name


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
    :raises ValueError: when this service and version exist already; a module that is loaded again gets the reference
        that it made before
    """

    #: Cache of lookups: the addons of a reference, and classes. A change replaces the dict by an empty one, so that a
    #: lookup in another thread that began before the change leaves nothing in the new one.
    _lookups: ClassVar[dict[Any, Any]] = {}

    #: In order; a tuple, so that a reader in another thread never sees half of a change.
    _registrations: tuple[_Registration, ...] = ()

    def __new__(cls, service: str, version: str | None = None, parent: Reference | None = None) -> Reference:
        known = _references.get((service, version or None))
        if known is None:
            return super().__new__(cls)
        if not _is_reload(known._spec, sys._getframe(1).f_globals.get("__spec__")):
            raise ValueError(f"the reference {known} exists already: import it, or choose another version")
        return known

    def __init__(self, service: str, version: str | None = None, parent: Reference | None = None) -> None:
        if not isinstance(service, str) or not isinstance(version or "", str):
            raise TypeError(f"a reference is named by strings, not by {service!r} and {version!r}")
        if not isinstance(parent, Reference | None):
            raise TypeError(f"the parent of {service} {version or ''} is no Reference: {parent!r}")
        self.service = service
        self.version = version or None
        self.parent = parent
        self._spec: ModuleSpec | None = sys._getframe(1).f_globals.get("__spec__")
        _references[self.service, self.version] = self
        Reference._lookups = {}

    def __str__(self) -> str:
        return f"{self.service} {self.version}" if self.version else self.service

    def __repr__(self) -> str:
        parent = f", parent {self.parent}" if self.parent else ""
        return f"<Reference {self}{parent}, classes: {len(self._registrations)}>"

    @overload
    def __call__(self, cls: Unit, *, replacing: type[ConnectorUnit] | None = None) -> Unit: ...
    @overload
    def __call__(self, *, replacing: type[ConnectorUnit] | None = None) -> Callable[[Unit], Unit]: ...
    def __call__(self, cls: Any = None, *, replacing: type[ConnectorUnit] | None = None) -> Any:
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

        When the module of a class is loaded again, the new class takes the place of the old one.

        :param replacing: a class registered here or above, hidden from now on for this reference and its children
        :raises TypeError: when ``cls`` is not a :class:`ConnectorUnit` class, or its ``_apply_on`` names no models
        :raises ValueError: when ``replacing`` is ``cls`` itself or is registered neither here nor above, or the class
            cannot work as it is defined
        """
        if not (isinstance(cls, type) and issubclass(cls, ConnectorUnit)):
            raise TypeError(f"{cls!r} cannot be registered on {self}: it is not a subclass of ConnectorUnit")
        names = [cls._apply_on] if isinstance(cls._apply_on, str) else cls._apply_on
        if names is not None and not (isinstance(names, Collection) and all(isinstance(name, str) for name in names)):
            raise TypeError(f"{cls.__name__}._apply_on is {names!r}: it takes a model's name, a list of names, or None")
        cls.check_definition()
        if replacing is cls:
            raise ValueError(f"{cls.__name__} cannot replace itself on {self}")
        spec = getattr(sys.modules.get(cls.__module__), "__spec__", None)
        new = _Registration(cls, replacing, addon_of(cls), spec)
        with _lock:
            if replacing is not None and not any(replacing in level.classes() for level in self.lineage()):
                levels = ", ".join(map(str, self.lineage()))
                name = getattr(replacing, "__name__", replacing)
                raise ValueError(
                    f"{cls.__name__} cannot replace {name} on {self}: it is registered on none of {levels}"
                    + ("" if isinstance(replacing, type) else "; replacing= takes the class itself")
                )
            if cls in self.classes():
                return cls
            for old in self._registrations:
                if old.is_reloaded_as(new):
                    self._exchange(old, new)
                    break
            else:
                self._registrations += (new,)
            Reference._lookups = {}
        return cls

    def _exchange(self, old: _Registration, new: _Registration) -> None:
        """Put a registration in the place of another, also for the classes that replace its class."""
        self._registrations = tuple(new if one is old else one for one in self._registrations)
        for reference in _references.values():
            reference._registrations = tuple(
                replace(one, replacing=new.cls) if one.replacing is old.cls else one for one in reference._registrations
            )

    def unregister(self, cls: type[ConnectorUnit]) -> None:
        """Take a class off this level; what it replaced is back.

        :raises ValueError: when the class is not registered at this level
        """
        with _lock:
            if cls not in self.classes():
                raise ValueError(f"{getattr(cls, '__name__', cls)} is not registered on {self}")
            self._registrations = tuple(one for one in self._registrations if one.cls is not cls)
            Reference._lookups = {}

    def classes(self, base_class: type[ConnectorUnit] | None = None) -> list[type[ConnectorUnit]]:
        """Return the classes registered at this level, in order, those below ``base_class`` if given."""
        return [one.cls for one in self._registrations if base_class is None or issubclass(one.cls, base_class)]

    def get_class(self, base_class: Unit, model_name: str, env: Any = None) -> Unit:
        """Return the class to use for a model.

        From this reference up to its root, the nearest level that has a subclass of ``base_class`` naming the model in
        ``_apply_on`` decides; only if there is none on any level, the nearest level with one that is for any model. Of
        several at that level a subclass beats its base.

        :param env: an environment of the database; classes of addons that are not installed there do not exist
        :raises NoUnitError: when no level has one
        :raises SeveralUnitsError: when the deciding level has several and none is a subclass of all others
        """
        cls = self.find_class(base_class, model_name, env)
        if cls is None:
            raise no_unit([*self.lineage()], self.entries(env), base_class, model_name)
        return cls

    def find_class(self, base_class: Unit, model_name: str, env: Any = None) -> Unit | None:
        """Return the class to use for a model, as :meth:`get_class`, None when there is none."""
        lookups = Reference._lookups
        installed = None
        if env is not None:
            addons = lookups.get(self)
            if addons is None:
                addons = lookups[self] = frozenset(
                    one.addon for level in self.lineage() for one in level._registrations
                )
            # Only the database's addons that matter to this reference are in the key: databases share lookups.
            installed = addons.intersection(env.registry._init_modules)
        key = (self, base_class, model_name, installed)
        try:
            return lookups[key]
        except KeyError:
            return lookups.setdefault(key, resolve(self.entries(env), base_class, model_name))

    def entries(self, env: Any = None) -> list[Entry]:
        """Return all classes of this reference and those above it, nearest level first, in order of registration.

        Those that do not exist are among them, with the reason: not installed in the database of ``env``, or replaced.
        """
        installed = None if env is None else env.registry._init_modules
        entries: list[Entry] = []
        replaced_by: dict[type[ConnectorUnit], type[ConnectorUnit]] = {}
        for level in self.lineage():
            registrations = [
                (one, installed is None or one.addon is None or one.addon in installed) for one in level._registrations
            ]
            for one, is_installed in registrations:
                if one.replacing is not None and is_installed:
                    replaced_by.setdefault(one.replacing, one.cls)
            entries += [
                Entry(level, one.cls, one.replacing, one.addon, is_installed, replaced_by.get(one.cls))
                for one, is_installed in registrations
            ]
        return entries


def get_reference(service: str, version: str | None = None) -> Reference:
    """Return the reference of a service and version.

    :raises LookupError: when there is none; the message lists those that exist
    """
    try:
        return _references[service, version or None]
    except KeyError:
        wanted = f"{service} {version}" if version else service
        known = ", ".join(map(str, all_references())) or "none"
        raise LookupError(f"there is no reference {wanted!r}; known: {known}") from None


def all_references() -> list[Reference]:
    """Return all references, each after its parent."""
    return sorted(_references.values(), key=lambda one: [str(level) for level in one.lineage()][::-1])
