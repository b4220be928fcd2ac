"""What a mapper class says, compiled once per class into flat lists of steps."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from ..exceptions import ConfigurationError
from .decorators import Mark, mark_of
from .modifiers import Modifier
from .source import feeds, reader, root
from .steps import Children, Direct, Method, Step
from .unrolled import Unrolled, unroll

if TYPE_CHECKING:
    from .mapper import Mapper

__all__ = ["Plan", "Selection"]


class Selection:
    """The steps to run for some source fields, when creating or when not."""

    def __init__(self, cls: type[Mapper], steps: list[Step]) -> None:
        self._cls = cls
        self.steps = steps
        self.children = [step for step in steps if isinstance(step, Children)]
        #: The entries that look something up at the end, for which that can be done for many sources at once.
        self.lookups = [
            step for step in steps if isinstance(step, Direct) and step.modifiers and step.modifiers[-1].looks_up
        ]
        #: These or the children's do.
        self.may_look_up = bool(self.lookups or self.children)

    @cached_property
    def run_dict(self) -> Unrolled:
        """The steps as one function, for sources that are dicts."""
        return unroll(self._cls, self.steps, for_dicts=True)

    @cached_property
    def run_other(self) -> Unrolled:
        """The steps as one function, for records and other mappings."""
        return unroll(self._cls, self.steps, for_dicts=False)


class Plan:
    """The compiled form of a mapper class: its own definitions and those of all its bases.

    Definitions add up, a base's first. A subclass's entry for a target takes the place of the bases' entries for it; a
    method takes the place of the base's method of that name (with the base's decorators if it has none of its own;
    ``name = None`` takes the method out).

    :raises ConfigurationError: when a definition makes no sense
    """

    def __init__(self, cls: type[Mapper]) -> None:
        self.cls = cls
        self.sources = tuple(cls.sources)
        self.targets = tuple(cls.targets)
        entries: list[Direct | Children] = []
        marks: dict[str, tuple[Mark, type]] = {}
        for owner in reversed(cls.__mro__):
            own: list[Direct | Children] = [self._direct(owner, *pair) for pair in self._declared(owner, "direct", 2)]
            own += [self._children(owner, *triple) for triple in self._declared(owner, "children", 3)]
            redefined = {entry.target for entry in own}
            entries = [entry for entry in entries if entry.target not in redefined] + own
            self._collect_methods(owner, marks)
        self.direct = [entry for entry in entries if isinstance(entry, Direct)]
        self.children = [entry for entry in entries if isinstance(entry, Children)]
        self.methods = [self._method(name, mark, owner) for name, (mark, owner) in marks.items()]
        self._selections: dict[tuple[frozenset[str] | None, bool], Selection] = {}
        self._key_entries: dict[tuple[str, ...], list[Direct] | None] = {}

    # -- compiling ---------------------------------------------------------------------------------------------------

    def _declared(self, owner: type, name: str, size: int) -> Iterable[tuple]:
        for entry in vars(owner).get(name) or ():
            if not isinstance(entry, tuple | list) or len(entry) != size:
                raise self._error(f"{name}: {entry!r} is not a tuple of {size}", owner)
            yield tuple(entry)

    def _direct(self, owner: type, source: str | Modifier, target: str) -> Direct:
        if not isinstance(source, str | Modifier):
            raise self._error(f"direct: {source!r} is neither a source key nor a modifier", owner)
        modifiers = tuple(source.chain()) if isinstance(source, Modifier) else ()
        key = source.key if isinstance(source, Modifier) else source
        self._check_source(key, owner)
        self._check_target(target, owner)
        functions = tuple(modifier.function(target) for modifier in modifiers)
        return Direct(target, key, modifiers, owner, reader(key, strict_empty=bool(modifiers)), functions)

    def _children(self, owner: type, key: str, target: str, model_name: str) -> Children:
        self._check_source(key, owner)
        self._check_target(target, owner)
        return Children(target, key, model_name, owner, reader(key))

    def _collect_methods(self, owner: type, marks: dict[str, tuple[Mark, type]]) -> None:
        for name, method in vars(owner).items():
            mark = mark_of(method)
            if mark is None:
                if name in marks:
                    if method is None:
                        del marks[name]
                    else:
                        marks[name] = (marks[name][0], owner)
                continue
            if not mark.is_mapping and name not in marks:
                raise self._error(f"the method {name} has a decorator of a mapping method, but not @mapping", owner)
            marks[name] = (mark, owner)

    def _method(self, name: str, mark: Mark, owner: type) -> Method:
        for given, known, what in ((mark.source, self.sources, "sources"), (mark.target, self.targets, "targets")):
            if given is not None and given not in known:
                raise self._error(f"@mapping of {name} names {given!r}, which is not one of its {what} {known}", owner)
        keys = mark.changed_by
        if keys and mark.source:
            prefix = f"{mark.source}."
            keys = tuple(key if key.startswith(prefix) else prefix + key for key in keys)
        return Method(name, keys, mark.only_create, mark.source, mark.target, owner)

    def _check_source(self, key: str, owner: type) -> None:
        if self.sources and key.partition(".")[0] not in self.sources:
            raise self._error(f"the source key {key!r} begins with none of its sources {self.sources}", owner)

    def _check_target(self, target: str, owner: type) -> None:
        if self.targets and (target.partition(".")[0] not in self.targets or "." not in target):
            raise self._error(f"the target {target!r} is in none of its targets {self.targets}", owner)

    def _error(self, problem: str, owner: type) -> ConfigurationError:
        via = "" if owner is self.cls else f" (defined in {owner.__module__}.{owner.__qualname__})"
        return ConfigurationError(f"{self.cls.__module__}.{self.cls.__qualname__}{via}: {problem}")

    # -- selecting ---------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> list[Step]:
        # Children first, since the ORM writes x2many fields in the order of the values: a line that it deletes empties
        # the cache, where an inherited many2many of the same write would be waiting, and be lost.
        return [*self.children, *self.direct, *self.methods]

    def source_fields(self) -> set[str]:
        """Return the fields of the source that are read, as far as the definitions tell."""
        return {root(key, self.sources) for step in self.steps for key in step.keys or ()}

    def selection(self, fields: frozenset[str] | None, for_create: bool) -> Selection:
        """Return the steps that these source fields feed; None: all steps."""
        key = (fields, for_create)
        selection = self._selections.get(key)
        if selection is None:
            if len(self._selections) > 200:  # Sets of changed fields are few, but nothing says so.
                self._selections.clear()
            selection = self._selections[key] = self._select(fields, for_create)
        return selection

    def _select(self, fields: frozenset[str] | None, for_create: bool) -> Selection:
        return Selection(
            self.cls,
            [
                step
                for step in self.steps
                if (fields is None or _is_fed(step.keys, fields))
                and not (isinstance(step, Method) and step.only_create and not for_create)
            ],
        )

    def key_entries(self, names: tuple[str, ...]) -> list[Direct] | None:
        """Return the entries that fill a child's key, in the order of ``names``; None unless all are in ``direct``."""
        if names not in self._key_entries:
            by_target = {entry.target: entry for entry in self.direct}
            entries = [by_target[name] for name in names if name in by_target]
            self._key_entries[names] = entries if len(entries) == len(names) else None
        return self._key_entries[names]


def _is_fed(keys: tuple[str, ...] | None, fields: frozenset[str]) -> bool:
    """Tell whether one of the fields feeds one of the keys; a method that does not name its keys is fed by any."""
    if keys is None:
        return bool(fields)
    return any(feeds(name, key) for name in fields for key in keys)
