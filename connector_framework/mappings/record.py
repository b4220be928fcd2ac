"""A source about to be mapped, and the options of one mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .mapper import Mapper
    from .steps import Children

__all__ = ["MapRecord", "Options", "Run", "names_of"]


class Options:
    """What the caller of ``values()`` wants the mapper to know; an option that was not given is None.

    ``for_create``, ``fields`` and ``binding`` are there too.
    """

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._given.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._given

    def __repr__(self) -> str:
        return f"Options({dict(self._given)!r})"


class MapRecord:
    """A source with the mapper that maps it; made by ``mapper.map_record(source)``."""

    __slots__ = ("_forced", "_mapper", "_parent", "_source")

    def __init__(self, mapper: Mapper, source: Any, parent: MapRecord | None = None) -> None:
        self._mapper = mapper
        self._source = source
        self._parent = parent
        self._forced: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<MapRecord of {self._mapper!r}>"

    @property
    def mapper(self) -> Mapper:
        return self._mapper

    @property
    def source(self) -> Any:
        """The mapping or the record that is mapped; a mapping of them where sources are merged."""
        return self._source

    @property
    def parent(self) -> MapRecord | None:
        """The map record of the source that this one is a child of."""
        return self._parent

    def update(self, *values: Mapping[str, Any], **more: Any) -> None:
        """Force values, whatever the mapping gives for them."""
        forced = self._forced if self._forced is not None else {}
        for mapping in values:
            forced.update(mapping)
        forced.update(more)
        self._forced = forced

    def values(
        self,
        for_create: bool = False,
        fields: Iterable[str] | None = None,
        binding: Any = None,
        **options: Any,
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
        names = None if fields is None else names_of(fields)
        return self._mapper._values(self, bool(for_create), names, binding, options)

    def values_by_target(self, **arguments: Any) -> dict[str, dict[str, Any]]:
        """Map as :meth:`values` does and return the values of each of the mapper's ``targets``, in a dict of dicts.

        :raises ConfigurationError: when the mapper has no ``targets``
        """
        return self._mapper.by_target(self.values(**arguments))


class Run:
    """A mapping that is going on: what was asked for, and the source whose turn it is.

    One for all the records of ``map_many``, and one for the children of each list of theirs, as this happens often and
    is the same for each.
    """

    __slots__ = (
        "binding",
        "children",
        "fields",
        "for_create",
        "made",
        "mapper",
        "options",
        "parent",
        "selection",
        "source",
    )

    source: Any
    #: The map record of the source, where somebody asked for it.
    made: MapRecord | None

    def __init__(
        self,
        mapper: Mapper,
        parent: Run | None,
        for_create: bool,
        fields: frozenset[str] | None,
        binding: Any,
        options: dict[str, Any],
    ) -> None:
        self.mapper = mapper
        self.parent = parent
        self.for_create = for_create
        self.fields = fields
        self.binding = binding
        self.options = options
        #: The steps to run.
        self.selection = mapper._complete[for_create] if fields is None else mapper._plan.selection(fields, for_create)
        #: The runs of children, made for those of the first source and used for those of all.
        self.children: dict[Children, Run] = {}

    def of_children(self, step: Children, for_create: bool) -> Run:
        """Make the run for children of the source whose turn it is; it is kept for those of the next ones."""
        mapper = self.mapper._child_mapper(step)
        run = self.children[step] = Run(mapper, self, for_create, None, None, self.options)
        return run

    @property
    def record(self) -> MapRecord:
        """The map record of the source, made now if there is none yet."""
        if self.made is None:
            self.made = MapRecord(self.mapper, self.source, self.parent.record if self.parent else None)
        return self.made


def names_of(fields: Iterable[str] | None) -> frozenset[str] | None:
    """Return the names of source fields as a set, None for all of them."""
    if fields is None:
        return None
    if isinstance(fields, str):
        raise TypeError(f"fields takes a list of source fields, not the text {fields!r}")
    return frozenset(fields)
