"""A mapping that is going on: the record, the options of the caller, and the context that modifiers get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import FieldErrors

__all__ = ["Context", "MapRecord", "Options"]


class Options(Mapping[str, Any]):
    """The options that the caller of ``values()`` gave, with ``for_create``, ``fields`` and ``binding``.

    They read as attributes (``options.shop``, None if it was not given) and as a mapping (``options.get("shop", 1)``,
    ``"shop" in options``). As an attribute, an option goes before a method of mappings with its name.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.__dict__.update(given)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __len__(self) -> int:
        return len(self.__dict__)


class MapRecord:
    """A source with the mapper that maps it, as ``mapper.map_record(source)`` returns it.

    ``source`` is a mapping or a record of Odoo, or a mapping of these where sources are merged; ``parent`` is the map
    record of the source that this one is a child of; ``forced`` has the values of :meth:`update`.
    """

    __slots__ = ("forced", "mapper", "parent", "source")

    def __init__(self, mapper: Any, source: Any, parent: MapRecord | None = None) -> None:
        self.mapper = mapper
        self.source = source
        self.parent = parent
        self.forced: dict[str, Any] = {}

    def update(self, *values: Mapping[str, Any], **more: Any) -> None:
        """Force values, whatever the mapping gives for them."""
        for mapping in (*values, more):
            self.forced.update(mapping)

    def values(
        self, for_create: bool = False, fields: Iterable[str] | None = None, binding: Any = None, **options: Any
    ) -> dict[str, Any]:
        """Map the source and return the values.

        :param for_create: the values are for a new record: run the ``@only_create`` methods
        :param fields: map only what these source fields feed; None: everything
        :param binding: (import) the record that the values will be written on, so that its lines are recognised; a
            mapping of records by target name where targets are split
        :param options: known to the mapper and to the mappers of children as ``self.options``
        :raises MappingError: with the errors of all fields
        :raises RetryableError: as the mapping raised it, e.g. for a missing dependency
        """
        return self.mapper.map_in(Context(self.mapper, for_create, fields, binding, options), self)

    def values_by_target(self, **arguments: Any) -> dict[str, dict[str, Any]]:
        """Map as :meth:`values` does and return the values of each of the mapper's ``targets``, in a dict of dicts.

        :raises ConfigurationError: when the mapper has no ``targets``
        """
        return self.mapper.by_target(self.values(**arguments))


class Context:
    """One call of a mapper, for one source or for many: what the caller asked for, and the source at hand.

    A modifier gets it as its first argument. ``context.mapper`` has the environment, the backend and the resolvers;
    ``context.target`` is the target of the entry of ``direct`` whose modifiers are being applied.

    :param fields: names of source fields, None for all
    :param given: the options, also for children
    :param parent: the context of the source that the sources are children of
    :param trace: the :class:`.Trace` of the record, to explain it
    """

    __slots__ = (
        *("binding", "children", "fields", "for_create", "given", "known_record"),
        *("mapper", "parent", "source", "steps", "target", "trace"),
    )

    source: Any
    target: str

    def __init__(
        self,
        mapper: Any,
        for_create: bool,
        fields: Iterable[str] | None,
        binding: Any,
        given: Mapping[str, Any],
        parent: Context | None = None,
        trace: Any = None,
    ) -> None:
        if isinstance(fields, str):
            raise TypeError(f"fields takes a list of source fields, not the text {fields!r}")
        self.mapper = mapper
        self.for_create = bool(for_create)
        self.fields = fields if fields is None else frozenset(fields)
        self.binding = binding
        self.given = given
        self.parent = parent
        self.trace = trace
        #: The steps to run.
        self.steps: Any = mapper.steps(self.fields, self.for_create)
        #: The map record of the source, once it was asked for.
        self.known_record: MapRecord | None = None
        #: The contexts of children, by step; each is for the children of all sources.
        self.children: dict[Any, Context] = {}

    @property
    def record(self) -> MapRecord:
        """The map record of the source."""
        if self.known_record is None:
            self.known_record = MapRecord(self.mapper, self.source, self.parent.record if self.parent else None)
        return self.known_record

    @property
    def options(self) -> Options:
        """The options as the mapper reads them."""
        return Options({**self.given, "for_create": self.for_create, "fields": self.fields, "binding": self.binding})

    def field_errors(self) -> FieldErrors:
        """Return a new collection of errors: of typed ones too, if the record is explained."""
        return FieldErrors(collects_all=self.trace is not None and self.trace.explains)

    def add_error(self, errors: FieldErrors | None, step: Any, exc: Exception) -> FieldErrors:
        """Add the error of a step; return the errors, new ones if there were none yet."""
        errors = errors or self.field_errors()
        errors.add(step.name, exc, step.key)
        if self.trace is not None:
            self.trace.add_error(step, exc)
        return errors
