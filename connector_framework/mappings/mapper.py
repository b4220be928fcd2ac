"""The mappers: the classes that say what goes where, and run what was compiled from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Final

from ..exceptions import ConfigurationError
from ..references import ConnectorUnit
from .errors import FieldErrors
from .explain import explain
from .lines import KnownLines
from .links import ExportLink, Link, link_from, link_to
from .lookups import looked_up
from .modifiers import Modifier
from .plan import Plan, Selection
from .record import MapRecord, Options, Run, names_of
from .steps import Children

__all__ = ["Mapper"]

NO_FIELDS: Final = frozenset[str]()


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
        self._run: Run | None = None
        #: Runs without fields, binding and options that are over, to be used again; by ``for_create``.
        self._idle: list[Run | None] = [None, None]
        self._links: dict[tuple[str, str | None], Link] = {}
        self._export_links: dict[tuple[str, str | None], ExportLink] = {}
        #: What the sources refer to has been looked up in bulk.
        self._is_looked_up = False
        self._child_mappers: dict[str, Mapper] = {}
        cls = type(self)
        #: Hooks that do nothing are not called.
        self._finalizes = cls.finalize is not Mapper.finalize
        self._has_child_hooks = cls.skip_item is not Mapper.skip_item or cls.finalize_child is not Mapper.finalize_child
        self._needs_selection_alone = not (self._finalizes or self._merges)

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
        self._check(source)
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
        run = Run(self, None, bool(for_create), names_of(fields), options.pop("binding", None), options)
        return self._map_all(run, list(records))

    def by_target(self, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the flat values of a splitting mapper (``{"customer.email": ...}``) by target, in a dict of dicts.

        :raises ConfigurationError: when the mapper has no ``targets``, or a value is in none of them
        """
        targets = self._plan.targets
        if not targets:
            raise ConfigurationError(f"{type(self).__name__} has no targets to split its values on: use values()")
        split: dict[str, dict[str, Any]] = {target: {} for target in targets}
        for name, value in values.items():
            target, _, rest = name.partition(".")
            if target not in split:
                raise ConfigurationError(f"{type(self).__name__}: the value {name!r} is in none of {targets}")
            if rest:
                split[target][rest] = value
            else:
                split[target].update(value)
        return split

    def looked_up(self, sources: Iterable[Any]) -> AbstractContextManager[None]:
        """Look up in bulk what mapping these sources one by one would look up each time; it is known inside."""
        return looked_up(self, self._complete[True], list(sources))

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
        run = self._run
        if run is None:
            return Options({})
        return Options({**run.options, "for_create": run.for_create, "fields": run.fields, "binding": run.binding})

    @property
    def current(self) -> MapRecord | None:
        """The map record that is being mapped: ``self.current.parent.source`` is the source of a child's parent."""
        return self._run.record if self._run else None

    def link(self, target: str, binding: str | None = None) -> Link:
        """Return the way from an external id to the value of a many2one; found once per session."""
        key = (target, binding)
        link = self._links.get(key)
        if link is None:
            link = self._links[key] = link_to(self, target, binding)
        return link

    def export_link(self, model_name: str, binding: str | None = None) -> ExportLink:
        """Return the way from records of a model to their external ids; found once per session."""
        key = (model_name, binding)
        link = self._export_links.get(key)
        if link is None:
            link = self._export_links[key] = link_from(self, model_name, binding)
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

    def _check(self, source: Any) -> None:
        """Refuse what is no source for this mapper."""
        if type(source) is dict and not self._merges:
            return  # The usual case, at once.
        if not self._merges:
            self._check_source(source)
            return
        if not isinstance(source, Mapping):
            raise TypeError(f"{type(self).__name__} merges {self._plan.sources}: it takes a mapping of these")
        unknown = set(source) - set(self._plan.sources)
        if unknown:
            raise ValueError(f"{type(self).__name__} merges {self._plan.sources}, and nothing named {unknown}")
        for part in source.values():
            if part is not None:
                self._check_source(part)

    def _values(
        self,
        map_record: MapRecord,
        for_create: bool,
        fields: frozenset[str] | None,
        binding: Any,
        options: dict[str, Any],
    ) -> dict[str, Any]:
        """Map the source of a map record."""
        is_usual = fields is None and binding is None and not options
        run = self._idle[for_create] if is_usual else None
        if run is None:
            run = Run(self, None, for_create, fields, binding, options)
        else:
            self._idle[for_create] = None
        run.source, run.made = map_record._source, map_record
        before, self._run = self._run, run
        try:
            return self._map(run, run.selection)
        finally:
            self._run = before
            if is_usual:
                self._idle[for_create] = run

    def _map(self, run: Run, selection: Selection) -> dict[str, Any]:
        """Return the values of the source whose turn it is."""
        source = run.source
        values = (selection.run_dict if type(source) is dict else selection.run_other)(self, source)
        if run.made is not None and run.made._forced:
            values.update(run.made._forced)
        # `fields=[]` maps nothing, so there is nothing to finalize either.
        return self._finalized(run.record, values) if self._finalizes and run.fields != NO_FIELDS else values

    def _map_all(
        self, run: Run, sources: Any, step: Children | None = None, known: KnownLines | None = None
    ) -> list[dict[str, Any]]:
        """Return the values of sources: the children of a step, or the records of :meth:`map_many`.

        :param known: the lines that the children may be; what they are decides what is run for each
        :raises MappingError: with the errors of all, named by their index
        """
        selection = run.selection
        if selection.may_look_up and not self._is_looked_up and type(sources) is list:
            with looked_up(self, selection, sources):
                return self._map_all(run, sources, step, known)
        run_dict = selection.run_dict
        hooked = step is not None and self._has_child_hooks
        # Where the selection does all there is to do, it is called at once: this runs for each child of each record.
        is_all = not hooked and known is None and self._needs_selection_alone
        result: list[dict[str, Any]] = []
        errors: FieldErrors | None = None
        before, self._run = self._run, run
        try:
            for index, source in enumerate(sources):
                run.source, run.made = source, None
                try:
                    if is_all and type(source) is dict:
                        values = run_dict(self, source)
                        if run.made is not None:
                            values.update(run.made._forced or ())
                        result.append(values)
                        continue
                    self._check(source)
                    if known is not None:  # Which one it is turns out after skip_item.
                        run.for_create, run.binding = False, None
                    if hooked and self.skip_item(run.record):
                        continue
                    if known is not None:
                        run.binding = known.take(run.record)
                        run.for_create = run.binding is None
                        selection = self._complete[run.for_create]
                    values = self._map(run, selection)
                    result.append(self.finalize_child(run.record, values) if hooked else values)
                except Exception as exc:
                    target, key = (step.target, step.key) if step else ("", "")
                    errors = (errors or FieldErrors()).add_within(f"{target}[{index}]", exc, f"{key}[{index}]")
        finally:
            self._run = before
        if errors:
            errors.throw()
        return result

    def _finalized(self, map_record: MapRecord, values: dict[str, Any]) -> dict[str, Any]:
        try:
            values = self.finalize(map_record, values)
            if values is None:
                raise TypeError("returned None instead of the values")
        except Exception as exc:
            FieldErrors().add("finalize", exc).throw()
        values.update(map_record._forced or ())
        return values

    def _call(self, name: str, part: str | None, target: str | None, source: Any) -> Mapping[str, Any]:
        """Call a mapping method with its part of the source; the values that it gives, by full target."""
        if part is not None:
            source = source.get(part)
            if source is None:
                return {}
        values = getattr(self, name)(source) or {}
        return values if target is None else {f"{target}.{field}": value for field, value in values.items()}

    def _map_children(self, step: Children, items: Any) -> list[Any]:
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
