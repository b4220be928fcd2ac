"""What a mapper class declares: ``direct``, ``children`` and mapping methods, collected and checked once per class."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar, overload

from odoo.models import BaseModel

from ..addon import path_of
from ..exceptions import ConfigurationError
from ..signatures import refusal
from .context import Context
from .modifiers import Apply, Modifier, chained
from .source import MISSING, Reader, feeds, is_nothing, listed, reader, root

__all__ = ["Children", "Definition", "Direct", "Method", "Step", "Steps", "changed_by", "mapping", "only_create"]

Function = TypeVar("Function", bound=Callable[..., Any])

# -- decorators --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """What the decorators of a method say."""

    is_mapping: bool = False
    only_create: bool = False
    changed_by: tuple[str, ...] | None = None
    source: str | None = None
    target: str | None = None


def _mark_of(method: object) -> Mark | None:
    return getattr(method, "_connector_mark", None)


def _mark(method: Function, **said: Any) -> Function:
    if isinstance(method, str):
        raise TypeError(f"a decorator of a mapping method got {method!r} in place of the method: name the argument")
    if not callable(method) and not isinstance(method, staticmethod | classmethod):
        raise TypeError(f"a decorator of a mapping method got {method!r}, which is no method")
    method._connector_mark = replace(_mark_of(method) or Mark(), **said)  # type: ignore[attr-defined]
    return method


@overload
def mapping(method: Function) -> Function: ...
@overload
def mapping(*, source: str | None = None, target: str | None = None) -> Callable[[Function], Function]: ...
def mapping(
    method: Function | None = None, *, source: str | None = None, target: str | None = None
) -> Function | Callable[[Function], Function]:
    """Make ``method(self, record) -> dict`` a mapping method: what it returns goes into the values.

    It may return None, for nothing. ``record`` is the source, or the part of a merged source that ``source`` names.

    :param source: name of one of the mapper's ``sources``
    :param target: name of the one of the mapper's ``targets`` that the returned values belong to
    """
    if method is not None:
        return _mark(method, is_mapping=True)
    return lambda method: _mark(method, is_mapping=True, source=source, target=target)


def only_create(method: Function) -> Function:
    """Call the mapping method only for a record that is about to be created."""
    return _mark(method, only_create=True)


def changed_by(*names: str) -> Callable[[Function], Function]:
    """Declare the source fields that a mapping method, or ``finalize``, reads.

    ``values(fields=...)`` calls the mapping method only for these. An export mapper is asked for its fields to know
    which changes to export: a method without ``@changed_by`` makes that any change.

    :raises ValueError: without a name
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("changed_by() needs the names of the source fields that the method reads")

    def decorate(method: Function) -> Function:
        before = _mark_of(method)
        known = before.changed_by or () if before else ()
        return _mark(method, changed_by=tuple(dict.fromkeys((*known, *names))))

    return decorate


# -- steps -------------------------------------------------------------------------------------------------------------


class Entry:
    """An entry of ``direct`` or ``children``: what is read at a key goes to a target.

    :param apply: ``(context, value) -> value for the target``, if that is another one; ``MISSING`` is left out
    """

    def __init__(self, owner: type, key: str, target: str, read: Reader, apply: Apply | None) -> None:
        self.owner = owner
        self.key = key
        self.keys: tuple[str, ...] | None = (key,)
        self.target = self.name = target
        self.read = read
        self.apply = apply


class Direct(Entry):
    """One entry of ``direct``.

    :param modifiers: in the order in which they work
    """

    def __init__(self, owner: type, key: str, target: str, modifiers: list[Modifier]) -> None:
        read = reader(key, strict_empty=bool(modifiers))
        super().__init__(owner, key, target, read, chained(modifiers) if modifiers else None)
        self.modifiers = modifiers

    def prefetch(self, context: Context, sources: Iterable[Any]) -> None:
        """Let the last modifier look up what the sources refer to; what fails is reported when it is mapped."""
        *before, last = self.modifiers
        read, apply = self.read, chained(before)
        context.target = self.target
        values = []
        for source in sources:
            try:
                value = read(source)
                values.append(apply(context, value) if before else value)
            except Exception:
                continue
        last.prefetch(context, values, *last.arguments)  # type: ignore[misc]


class Children(Entry):
    """One entry of ``children``."""

    def __init__(self, owner: type, key: str, target: str, model_name: str) -> None:
        super().__init__(owner, key, target, reader(key), self._map)
        self.model_name = model_name

    def _map(self, context: Context, items: Any) -> Any:
        return MISSING if items is MISSING else context.mapper.map_children(context, self, listed(items))

    def items(self, sources: Iterable[Any]) -> Iterator[Any]:
        """Yield the children of all sources; what fails is reported when it is mapped."""
        for source in sources:
            try:
                items = self.read(source)
            except Exception:
                continue
            if isinstance(items, (list, tuple, BaseModel)):
                yield from items


@dataclass(frozen=True, eq=False)
class Method:
    """A mapping method, or ``finalize``."""

    owner: type
    name: str
    #: Source keys of ``@changed_by``; None: any change.
    keys: tuple[str, ...] | None
    only_create: bool
    #: The part of a merged source that it gets, the part of a split target that it fills.
    source: str | None
    target: str | None

    #: The one source key, for messages.
    key: ClassVar[None] = None

    def values(self, context: Context, source: Any) -> Mapping[str, Any]:
        """Return the values by target.

        :raises TypeError: when the method returns something else
        """
        if self.source is not None:
            source = source.get(self.source)
            if is_nothing(source) and not isinstance(source, Mapping):
                return {}
        values = getattr(context.mapper, self.name)(source)
        if values is None:
            return {}
        if type(values) is not dict and not isinstance(values, Mapping):
            where = f"{self.owner.__qualname__}.{self.name}"
            raise TypeError(f"{where} returned {values!r}: a mapping method returns a dict by target, or None")
        return values if self.target is None else {f"{self.target}.{name}": value for name, value in values.items()}


Step = Entry | Method


class Steps:
    """The steps of a mapping, in the order in which they run."""

    def __init__(self, entries: Iterable[Entry], methods: Iterable[Method]) -> None:
        entries = list(entries)
        # Spread out, as looking up attributes of mixed classes costs more than the rest of the loop; with the key where
        # reading a dict is no more than get().
        self.entries = [(one, one.target, None if "." in one.key else one.key, one.read, one.apply) for one in entries]
        self.methods = list(methods)
        self.children = [entry for entry in entries if isinstance(entry, Children)]
        #: Entries whose last modifier looks up in one query what many sources refer to.
        self.prefetching = [
            entry for entry in entries if isinstance(entry, Direct) and entry.modifiers and entry.modifiers[-1].prefetch
        ]
        #: These, or those of children, may look up something.
        self.looks_up = bool(self.prefetching or self.children)


# -- the definition ----------------------------------------------------------------------------------------------------


class Definition:
    """The definitions of a mapper class and of all its bases.

    They add up, a base's first. A subclass's entry for a target takes the place of the bases' entries for it; a method
    takes the place of the base's method of that name (with the base's decorators if it has none of its own;
    ``name = None`` takes the method out).

    :param base: the class whose ``finalize`` does nothing, so that it reads nothing
    :raises ConfigurationError: with all mistakes in the definitions
    """

    def __init__(self, cls: type, base: type) -> None:
        self.cls = cls
        self._mistakes: list[str] = []
        self.sources = self._names_in("sources")
        self.targets = self._names_in("targets")
        entries: list[Entry] = []
        marks: dict[str, tuple[Mark, type]] = {}
        for owner in reversed(cls.__mro__):
            own = list(self._own_entries(owner))
            redefined = {entry.target for entry in own}
            entries = [entry for entry in entries if entry.target not in redefined] + own
            self._add_marks(owner, marks)
        finalize_owner = next(owner for owner in cls.__mro__ if "finalize" in vars(owner))
        self.finalize = self._method("finalize", marks.pop("finalize", (Mark(), finalize_owner))[0], finalize_owner)
        self.methods = [self._method(name, mark, owner) for name, (mark, owner) in marks.items()]
        for method in self.methods:
            self._check_function(method)
        if self._mistakes:
            raise ConfigurationError(f"{path_of(cls)}: {'; '.join(self._mistakes)}")

        steps: list[Step] = [*entries, *self.methods, self.finalize]
        #: The fields of the source that are read, as far as the definitions tell.
        self.source_fields = {root(key, self.sources) for step in steps for key in step.keys or ()}
        #: The names of the methods that may read any field of a record that exists already.
        self.undeclared = [method.name for method in self.methods if method.keys is None and not method.only_create]
        if finalize_owner is not base and self.finalize.keys is None:
            self.undeclared.append("finalize")
        self.direct = {entry.target: entry for entry in entries if isinstance(entry, Direct)}
        # Children first, since the ORM writes x2many fields in the order of the values: a line that it deletes empties
        # the cache, where an inherited many2many of the same write would be waiting, and be lost.
        self.entries = sorted(entries, key=lambda entry: not isinstance(entry, Children))
        self._complete = {for_create: self._select(None, for_create) for for_create in (False, True)}

    # -- collecting --------------------------------------------------------------------------------------------------

    def _add_mistake(self, problem: str, owner: type | None = None) -> None:
        via = f" (defined in {path_of(owner)})" if owner and owner is not self.cls else ""
        self._mistakes.append(problem + via)

    def _names_in(self, attribute: str) -> tuple[str, ...]:
        names = getattr(self.cls, attribute)
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            self._add_mistake(f"{attribute}: {names!r} is not a list of names")
            return ()
        return tuple(names)

    def _own_entries(self, owner: type) -> Iterator[Entry]:
        """Yield the entries that a class itself declares, without its bases."""
        for source, target in self._declared(owner, "direct", 2):
            if not isinstance(source, str | Modifier):
                uncalled = f": call it, {source.__name__}(...)" if hasattr(source, "is_modifier") else ""
                self._add_mistake(f"direct: {source!r} is neither a source key nor a modifier{uncalled}", owner)
                continue
            key, modifiers = (source.key, source.chain()) if isinstance(source, Modifier) else (source, [])
            if self._is_entry(key, target, owner):
                yield Direct(owner, key, target, modifiers)
        for key, target, model_name in self._declared(owner, "children", 3):
            if not isinstance(model_name, str) or not model_name:
                self._add_mistake(f"children: {model_name!r} is no name of a model", owner)
            elif self._is_entry(key, target, owner):
                yield Children(owner, key, target, model_name)

    def _declared(self, owner: type, attribute: str, size: int) -> Iterator[tuple[Any, ...]]:
        entries = vars(owner).get(attribute) or ()
        if not isinstance(entries, list | tuple):
            self._add_mistake(f"{attribute}: {entries!r} is not a list", owner)
            return
        for entry in entries:
            if isinstance(entry, tuple | list) and len(entry) == size:
                yield tuple(entry)
            else:
                self._add_mistake(f"{attribute}: {entry!r} is not a tuple of {size}", owner)

    def _is_entry(self, key: Any, target: Any, owner: type) -> bool:
        """Tell whether a source key and a target make an entry; what is wrong with them is a mistake."""
        problem = ""
        if not isinstance(key, str) or not all(key.split(".")):
            problem = f"{key!r} is no source key"
        elif self.sources and key.partition(".")[0] not in self.sources:
            problem = f"the source key {key!r} begins with none of its sources {self.sources}"
        elif not isinstance(target, str) or not target:
            problem = f"{target!r} is no target"
        elif self.targets and (target.partition(".")[0] not in self.targets or "." not in target):
            problem = f"the target {target!r} is in none of its targets {self.targets}"
        if problem:
            self._add_mistake(problem, owner)
        return not problem

    def _add_marks(self, owner: type, marks: dict[str, tuple[Mark, type]]) -> None:
        """Add the decorated methods of a class itself to those of its bases."""
        for name, method in vars(owner).items():
            mark = _mark_of(method)
            if mark is None and name in marks:
                if method is None:
                    del marks[name]
                else:
                    marks[name] = (marks[name][0], owner)
            elif mark is not None and not mark.is_mapping and name not in marks and name != "finalize":
                self._add_mistake(f"the method {name} has a decorator of a mapping method, but not @mapping", owner)
            elif mark is not None:
                marks[name] = (mark, owner)

    def _method(self, name: str, mark: Mark, owner: type) -> Method:
        for given, known, what in ((mark.source, self.sources, "sources"), (mark.target, self.targets, "targets")):
            if given is not None and given not in known:
                self._add_mistake(f"@mapping of {name} names {given!r}, which is not one of its {what} {known}", owner)
        keys = mark.changed_by
        if keys and mark.source:
            prefix = f"{mark.source}."
            keys = tuple(key if key.startswith(prefix) else prefix + key for key in keys)
        return Method(owner, name, keys, mark.only_create, mark.source, mark.target)

    def _check_function(self, method: Method) -> None:
        """Find out whether a mapping method can be called with a record, and return a dict."""
        function = vars(method.owner).get(method.name)
        if not inspect.isfunction(function):
            return
        problem = refusal(function, None, None)
        if problem:
            self._add_mistake(
                f"the mapping method {method.name} is called as {method.name}(record): {problem}", method.owner
            )
        elif inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            kind = "generator" if inspect.isgeneratorfunction(function) else "coroutine"
            self._add_mistake(f"the mapping method {method.name} is a {kind}: it has to return a dict", method.owner)

    # -- using -------------------------------------------------------------------------------------------------------

    def select(self, fields: frozenset[str] | None, for_create: bool) -> Steps:
        """Return the steps that these source fields feed; None: all steps."""
        return self._complete[for_create] if fields is None else self._select(fields, for_create)

    def _select(self, fields: frozenset[str] | None, for_create: bool) -> Steps:
        def is_fed(keys: tuple[str, ...] | None) -> bool:
            if fields is None or keys is None:  # A method that does not declare its keys is fed by any field.
                return fields is None or bool(fields)
            return any(feeds(name, key) for name in fields for key in keys)

        return Steps(
            [entry for entry in self.entries if is_fed(entry.keys)],
            [method for method in self.methods if is_fed(method.keys) and (for_create or not method.only_create)],
        )

    def parts_of(self, source: Any) -> list[Any]:
        """Return the parts of a merged source, without those that are nothing.

        :raises TypeError: when it is no mapping
        :raises ValueError: when a part is not in ``sources``
        """
        if not isinstance(source, Mapping):
            raise TypeError(f"{self.cls.__name__} merges {self.sources}: it takes a mapping of these")
        unknown = set(source) - set(self.sources)
        if unknown:
            raise ValueError(f"{self.cls.__name__} merges {self.sources}, and nothing named {unknown}")
        return [part for part in source.values() if not is_nothing(part)]

    def split(self, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return flat values by target.

        :raises ConfigurationError: when there are no ``targets``, or a value is in none of them
        """
        if not self.targets:
            raise ConfigurationError(f"{self.cls.__name__} has no targets to split its values on: use values()")
        by_target: dict[str, dict[str, Any]] = {target: {} for target in self.targets}
        for name, value in values.items():
            target, _, rest = name.partition(".")
            if target not in by_target:
                raise ConfigurationError(f"{self.cls.__name__}: the value {name!r} is in none of {self.targets}")
            by_target[target].update({rest: value} if rest else value)
        return by_target
