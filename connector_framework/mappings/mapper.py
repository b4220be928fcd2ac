"""The mappers: the classes that say what goes where, and run what was compiled from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..exceptions import MappingError
from ..references import ConnectorUnit
from .errors import FieldErrors
from .explain import explain
from .links import Link, link_to
from .modifiers import Modifier, external_to_m2o
from .plan import Children, Direct, Plan, Selection
from .record import MapRecord, Options, names_of
from .source import MISSING

__all__ = ["Mapper"]


class Mapper(ConnectorUnit):
    """Translate a record of one system to values for the other; the common base of both directions.

    A class declares :attr:`direct`, :attr:`children` and methods with ``@mapping``; definitions add up along
    inheritance.
    """

    _kind: ClassVar[str | None] = "mapper"
    #: What None becomes in the values.
    _empty: ClassVar[Any] = None
    _checks_records: ClassVar[bool] = False

    #: (source key or modifier, target)
    direct: ClassVar[Sequence[tuple[str | Modifier, str]]] = ()
    #: (source key, target, model of the children)
    children: ClassVar[Sequence[tuple[str, str, str]]] = ()
    #: Names of the sources that are merged, empty for one source.
    sources: ClassVar[Sequence[str]] = ()
    #: Names of the targets to split into, empty for one target; a mapping to the names of their models lets
    #: ``external_to_m2o`` look at their fields.
    targets: ClassVar[Sequence[str] | Mapping[str, str]] = ()

    def __init__(self, work: Any) -> None:
        super().__init__(work)
        self._plan = plan = self._compiled()
        #: The steps of a complete mapping, by ``for_create``.
        self._complete = (plan.selection(None, False), plan.selection(None, True))
        self._merges = bool(plan.sources)
        # (map record, for_create, fields, binding, options) of the mapping that is going on
        self._current: tuple[MapRecord, bool, frozenset[str] | None, Any, dict[str, Any]] | None = None
        self._links: dict[tuple[str, str | None], Link] = {}
        self._child_mappers: dict[str, Mapper] = {}
        cls = type(self)
        #: Hooks that do nothing are not called.
        self._finalizes = cls.finalize is not Mapper.finalize
        self._has_child_hooks = cls.skip_item is not Mapper.skip_item or cls.finalize_child is not Mapper.finalize_child

    @classmethod
    def _compiled(cls) -> Plan:
        plan = cls.__dict__.get("_compiled_plan")
        if plan is None:
            plan = cls._compiled_plan = Plan(cls)  # type: ignore[attr-defined]
        return plan

    # -- what callers use --------------------------------------------------------------------------------------------

    def map_record(self, source: Any, parent: MapRecord | None = None) -> MapRecord:
        """Return the source, ready to be mapped.

        :param source: a mapping, or (export) a record; a mapping of them by the names in :attr:`sources` to merge
        :param parent: the map record that this is a child of
        :raises TypeError: when the source is neither
        :raises ValueError: when a part of a merged source is not in :attr:`sources`, or a record is not exactly one
        """
        if type(source) is dict and not self._merges:  # The usual case, without more calls.
            return MapRecord(self, source, parent)
        if self._merges:
            if not isinstance(source, Mapping):
                raise TypeError(f"{type(self).__name__} merges {self._plan.sources}: it takes a mapping of these")
            unknown = set(source) - set(self._plan.sources)
            if unknown:
                raise ValueError(f"{type(self).__name__} merges {self._plan.sources}, and nothing named {unknown}")
            for part in source.values():
                if part is not None:
                    self._check_source(part)
        else:
            self._check_source(source)
        return MapRecord(self, source, parent)

    def map_many(
        self,
        records: Iterable[Any],
        for_create: bool = False,
        fields: Iterable[str] | None = None,
        **options: Any,
    ) -> list[dict[str, Any]]:
        """Map many sources; the external ids that they refer to are looked up in bulk.

        :raises MappingError: with the errors of all sources, named ``[3].name``
        """
        map_records = [self.map_record(record) for record in records]
        names = names_of(fields)
        binding = options.pop("binding", None)
        result: list[dict[str, Any]] = []
        errors = FieldErrors()
        try:
            if len(map_records) > 1 and (names is None or names):
                self._prefetch(map_records, names)
            for index, map_record in enumerate(map_records):
                try:
                    result.append(self._values(map_record, bool(for_create), names, binding, options))
                except MappingError as exc:
                    errors.add_within(f"[{index}]", exc)
        finally:
            for link in self._links.values():
                link.forget()
        if errors:
            errors.throw()
        return result

    @classmethod
    def source_fields(cls) -> set[str]:
        """Return the fields of the source that the mapper reads, children's keys included.

        The first step of a dotted key; where sources are merged, with the name of the source (``address.city``). What a
        method reads is known by its ``@changed_by`` alone.
        """
        return cls._compiled().source_fields()

    def explain(self, source: Any, for_create: bool = True, **options: Any) -> dict[str, dict[str, Any]]:
        """Say for each target where its value comes from.

        Errors are part of the answer instead of being raised.

        :return: by target, a dict of ``source`` (key), ``modifier`` (text), ``method``, ``class`` and ``addon`` (names
            of those that define it), ``value``, ``note`` ("" or why there is no value); for children also ``model`` and
            ``children`` (a list of such answers)
        """
        return explain(self, source, for_create, options)

    # -- what mapping methods use ------------------------------------------------------------------------------------

    @property
    def options(self) -> Options:
        """The options of the mapping that is going on; one that was not given is None."""
        if self._current is None:
            return Options({})
        _, for_create, fields, binding, options = self._current
        return Options({**options, "for_create": for_create, "fields": fields, "binding": binding})

    @property
    def current(self) -> MapRecord | None:
        """The map record that is being mapped: ``self.current.parent.source`` is the source of a child's parent."""
        return self._current[0] if self._current else None

    def link(self, target: str, binding: str | None = None) -> Link:
        """Return the way from an external id to the value of a many2one; found once per session."""
        key = (target, binding)
        link = self._links.get(key)
        if link is None:
            link = self._links[key] = link_to(self, target, binding)
        return link

    def target_field(self, target: str) -> Any:
        """Return the field that a target names, None if the mapper does not know its model."""
        if not self._plan.targets:
            return self.model._fields.get(target)
        part, _, name = target.partition(".")
        model_name = self.targets.get(part) if isinstance(self.targets, Mapping) else None
        return self.env[model_name]._fields.get(name) if model_name else None

    # -- hooks -------------------------------------------------------------------------------------------------------

    def finalize(self, map_record: MapRecord, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values, after everything was mapped; forced values are there already, and stay."""
        return values

    def skip_item(self, map_record: MapRecord) -> bool:
        """Tell whether a child is to be left out, as if its parent did not have it."""
        return False

    def finalize_child(self, map_record: MapRecord, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of a child, after its own :meth:`finalize`."""
        return values

    # -- running -----------------------------------------------------------------------------------------------------

    def _check_source(self, source: Any) -> None:
        raise NotImplementedError

    def _values(
        self,
        map_record: MapRecord,
        for_create: bool,
        fields: frozenset[str] | None,
        binding: Any,
        options: dict[str, Any],
    ) -> dict[str, Any]:
        """Select the steps, and run them within the right :attr:`current`."""
        if fields is None:
            selection = self._complete[for_create]
        elif fields:
            selection = self._plan.selection(fields, for_create)
        else:
            return dict(map_record._forced or ())
        before = self._current
        self._current = (map_record, for_create, fields, binding, options)
        try:
            return self._run(selection, map_record)
        finally:
            self._current = before

    def _finalized(self, map_record: MapRecord, values: dict[str, Any]) -> dict[str, Any]:
        try:
            values = self.finalize(map_record, values)
            if values is None:
                raise TypeError("returned None instead of the values")
        except Exception as exc:
            FieldErrors().add("finalize", exc).throw()
        values.update(map_record._forced or ())
        return values

    def _run(self, selection: Selection, map_record: MapRecord) -> dict[str, Any]:
        """Run the steps within the present :attr:`current`; all mappings come through here."""
        source = map_record._source
        values: dict[str, Any] = {}
        errors: FieldErrors | None = None
        # First, since the ORM writes x2many fields in the order of the values: a line that it deletes empties the
        # cache, where an inherited many2many of the same write would be waiting, and be lost.
        for step in selection.children:
            try:
                items = step.read(source)
                if items is not MISSING:
                    values[step.target] = self._map_children(step, map_record, items)
            except Exception as exc:
                errors = (errors or FieldErrors()).add(step.target, exc, step.key)
        if type(source) is dict:
            errors = selection.unrolled(self, source, values, errors, self._empty)
        else:
            errors = self._run_steps(selection, source, values, errors)
        if errors:
            errors.throw()
        if map_record._forced:
            values.update(map_record._forced)
        return self._finalized(map_record, values) if self._finalizes else values

    def _run_steps(
        self, selection: Selection, source: Any, values: dict[str, Any], errors: FieldErrors | None
    ) -> FieldErrors | None:
        """Run entries and methods on a source that is no dict; a dict has its ``unrolled`` function for that."""
        for entry in selection.direct:
            try:
                value = entry.read(source)
                if entry.function is not None:
                    value = entry.function(self, value)
                if value is not MISSING:
                    values[entry.target] = self._empty if value is None else value
            except Exception as exc:
                errors = (errors or FieldErrors()).add(entry.target, exc, entry.key)
        for method in selection.methods:
            try:
                values |= self._call(method.name, method.source, method.target, source)
            except Exception as exc:
                errors = (errors or FieldErrors()).add(method.name, exc)
        return errors

    def _call(self, name: str, part: str | None, target: str | None, source: Any) -> Mapping[str, Any]:
        """Call a mapping method with its part of the source; the values that it gives, by full target."""
        if part is not None:
            source = source.get(part)
            if source is None:
                return {}
        values = getattr(self, name)(source) or {}
        return values if target is None else {f"{target}.{field}": value for field, value in values.items()}

    def _map_children(self, step: Children, map_record: MapRecord, items: Any) -> list[Any]:
        raise NotImplementedError

    def _child_mapper(self, step: Children) -> Mapper:
        mapper = self._child_mappers.get(step.model_name)
        if mapper is None:
            mapper = self._child_mappers[step.model_name] = self.unit(self._direction(), step.model_name)
        return mapper

    @classmethod
    def _direction(cls) -> type[Mapper]:
        """Return the kind of mapper for children: the one of this direction."""
        raise NotImplementedError(cls.__name__)

    def _items(self, items: Any) -> Any:
        """Return the children as something to go through: nothing at all is no children."""
        if type(items) is list:
            return items
        if items is None or items is False or items == "":
            return ()
        if isinstance(items, str | bytes | Mapping) or not isinstance(items, Iterable):
            raise TypeError(f"a list of children was expected, not {type(items).__name__}")
        return items

    def _prefetch(self, map_records: list[MapRecord], fields: frozenset[str] | None) -> None:
        """Look up in bulk what the outermost modifiers of ``direct`` will ask for one by one."""
        for entry in self._plan.selection(fields, True).steps:
            if not isinstance(entry, Direct) or not isinstance(entry.modifier, external_to_m2o):
                continue
            functions = [modifier.function(entry.target) for modifier in entry.modifier.chain()][:-1]
            wanted: set[Any] = set()
            for map_record in map_records:
                try:
                    value = entry.read(map_record._source)
                    for function in functions:
                        value = function(self, value)
                    if type(value) is list:
                        wanted.update(value)
                    else:
                        wanted.add(value)
                except Exception:
                    continue  # The mapping itself meets it again, and reports it.
            wanted = {
                external_id for external_id in wanted if type(external_id) in (str, int, tuple) and external_id != ""
            }
            self.link(entry.target, entry.modifier.binding).prefetch(wanted)
