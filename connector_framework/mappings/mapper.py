"""The mapper: the class that a connector declares its mappings in, and the loop that maps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from typing import Any, ClassVar, Final, TypeVar

from ..exceptions import MappingError
from ..references import ConnectorUnit
from .context import Context, MapRecord, Options
from .definition import Children, Definition, Steps
from .errors import FieldErrors
from .explain import Trace
from .modifiers import Modifier
from .resolvers import ExportResolver, ImportResolver, Resolvers
from .source import MISSING

__all__ = ["Mapper"]

Result = TypeVar("Result")

NO_FIELDS: Final = frozenset[str]()


class Mapper(ConnectorUnit):
    """Translate a record of one system to values for the other; the common base of both directions.

    A class declares :attr:`direct`, :attr:`children` and methods with ``@mapping``; definitions add up along
    inheritance, and are checked when the class is made.

    Hooks, for a connector to override:

    ====================================  =======================================  =====================================
    hook                                  called                                   returns (default)
    ====================================  =======================================  =====================================
    ``map_record(source, parent=None)``   for each source, children included       its map record (the source as it is)
    ``finalize(map_record, values)``      when all is mapped, and forced           the values (as they are)
    ``skip_item(map_record)``             for each child, before it is mapped      true to leave the child out (False)
    ``finalize_child(map_record, values)``  for each child, after its ``finalize`` the values (as they are)
    ====================================  =======================================  =====================================
    """

    _kind: ClassVar[str | None] = "mapper"
    #: What None becomes in the values.
    _empty: ClassVar[Any] = None
    #: Children are new, whether their parent is or not.
    _creates_children: ClassVar[bool] = False
    _definition: ClassVar[Definition]

    #: (source key or modifier, target)
    direct: ClassVar[Sequence[tuple[str | Modifier, str]]] = ()
    #: (source key, target, model of the children)
    children: ClassVar[Sequence[tuple[str, str, str]]] = ()
    #: Names of the sources that are merged, empty for one source.
    sources: ClassVar[Sequence[str]] = ()
    #: Names of the targets to split into, empty for one target; a mapping to the names of their models lets
    #: ``external_to_m2o`` look at their fields.
    targets: ClassVar[Sequence[str] | Mapping[str, str]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._definition = Definition(cls, Mapper)

    def __init__(self, work: Any) -> None:
        super().__init__(work)
        cls = type(self)
        # Hooks that do nothing are not called.
        self._maps_dicts = cls.map_record is Mapper.map_record and not cls.sources
        self._finalizes = cls.finalize is not Mapper.finalize
        self._has_child_hooks = (cls.skip_item, cls.finalize_child) != (Mapper.skip_item, Mapper.finalize_child)
        #: The mapping that is going on.
        self._context: Context | None = None
        self._resolvers = Resolvers(self)
        #: The sources are mapped together: their references are prefetched, see also :meth:`once`.
        self._is_prefetched = False
        self._once: dict[Any, Any] = {}

    # -- what callers use --------------------------------------------------------------------------------------------

    def map_record(self, source: Any, parent: MapRecord | None = None) -> MapRecord:
        """Return the source, ready to be mapped.

        :param source: a mapping, or (export) a record; a mapping of them by the names in :attr:`sources` to merge
        :param parent: the map record that this is a child of
        :raises TypeError: when the source is neither
        :raises ValueError: when a part of a merged source is not in :attr:`sources`, or a record is not exactly one
        """
        if self.sources:
            for part in self._definition.parts_of(source):
                self._check_source(part)
        elif type(source) is not dict:
            self._check_source(source)
        return MapRecord(self, source, parent)

    def map_many(
        self, records: Iterable[Any], for_create: bool = False, fields: Iterable[str] | None = None, **options: Any
    ) -> list[dict[str, Any]]:
        """Map many sources; the external ids that they refer to are looked up in bulk.

        :raises MappingError: with the errors of all sources, named ``[3].name``
        """
        context = Context(self, for_create, fields, options.pop("binding", None), options)
        return self._map_each(context, list(records))

    def by_target(self, values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return the flat values of a splitting mapper (``{"customer.email": ...}``) by target, in a dict of dicts.

        :raises ConfigurationError: when the mapper has no ``targets``, or a value is in none of them
        """
        return self._definition.split(values)

    def prefetch(self, sources: Iterable[Any]) -> AbstractContextManager[None]:
        """Look up in bulk what mapping these sources one by one would look up each time; it is known inside."""
        return self._prefetched(Context(self, True, None, None, {}), sources)

    def once(self, key: Any, compute: Callable[[], Result]) -> Result:
        """Return ``compute()``, called once while :meth:`prefetch` is on, as for the records of a chunk.

        For a lookup in a mapping method that is the same for many sources.

        :param key: hashable, tells this lookup from others of the mapper
        """
        if not self._is_prefetched:
            return compute()
        if key not in self._once:
            self._once[key] = compute()
        return self._once[key]

    @classmethod
    def source_fields(cls) -> set[str]:
        """Return the fields of the source that the mapper reads, children's keys included.

        The first step of a dotted key; where sources are merged, with the name of the source (``address.city``). What a
        method reads is known by its ``@changed_by`` alone, see :meth:`undeclared_methods`.
        """
        return set(cls._definition.source_fields)

    @classmethod
    def undeclared_methods(cls) -> list[str]:
        """Return the names of the methods that may read any field of a record that exists already.

        These are the mapping methods, and ``finalize``, without ``@changed_by``.
        """
        return list(cls._definition.undeclared)

    @classmethod
    def direct_targets(cls, keys: Collection[str]) -> set[str]:
        """Return the targets of ``direct`` that these keys of the source feed.

        Where sources are merged, a key stands for that of each of them.
        """
        merged = {f"{source}.{key}" for source in cls.sources for key in keys}
        return {target for target, entry in cls._definition.direct.items() if entry.key in keys or entry.key in merged}

    @classmethod
    def child_models(cls) -> set[str]:
        """Return the models of the children, which come with the record and are not imported by themselves."""
        return {entry.model_name for entry in cls._definition.entries if isinstance(entry, Children)}

    def explain(self, source: Any, for_create: bool = True, **options: Any) -> dict[str, dict[str, Any]]:
        """Say for each target where its value comes from: map the source, and return the trace of it.

        Errors are part of the answer instead of being raised.

        :return: by target, a dict of ``source`` (key), ``modifier`` (text), ``method``, ``class`` and ``addon`` (names
            of those that define it), ``value``, ``note`` ("" or why there is no value); for children also ``model`` and
            ``children`` (a list of such answers)
        """
        record, trace = self.map_record(source), Trace()
        with suppress(MappingError):  # Its errors are in the trace.
            self.map_in(Context(self, for_create, None, options.pop("binding", None), options, None, trace), record)
        return trace.answer

    # -- what mapping methods use ------------------------------------------------------------------------------------

    @property
    def options(self) -> Options:
        """The options of the mapping that is going on; one that was not given is None."""
        return self._context.options if self._context else Options({})

    @property
    def current(self) -> MapRecord | None:
        """The map record that is being mapped: ``self.current.parent.source`` is the source of a child's parent."""
        return self._context.record if self._context else None

    def resolver(self, target: str, binding: str | None = None) -> ImportResolver:
        """Return the resolver from external ids to the ids that a relation takes.

        :param target: the relation
        :param binding: the binding model, where the field does not tell it
        """
        return self._resolvers[ImportResolver, target, binding]

    def export_resolver(self, model_name: str, binding: str | None = None) -> ExportResolver:
        """Return the resolver from records of a model to their external ids."""
        return self._resolvers[ExportResolver, model_name, binding]

    def target_field(self, target: str) -> Any:
        """Return the field that a target names, None if the mapper does not know its model."""
        model_name, name = self._target_place(target, self.model._name)
        return self.env[model_name]._fields.get(name) if model_name else None

    @classmethod
    def _target_place(cls, target: str, model_name: str) -> tuple[str | None, str]:
        """Return the model and the field that a target names; the model is None for a part without one.

        :param model_name: of a target that names no part
        """
        if not cls.targets:
            return model_name, target
        part, _, name = target.partition(".")
        return (cls.targets.get(part) if isinstance(cls.targets, Mapping) else None), name

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

    # -- what a direction defines ------------------------------------------------------------------------------------

    def map_children(self, context: Context, step: Children, items: Iterable[Any]) -> list[Any]:
        """Return the value for the target of the step: its children, mapped."""
        raise NotImplementedError

    def _check_source(self, source: Any) -> None:
        """Refuse what is no source for this mapper."""
        raise NotImplementedError

    @cached_property
    def _checks(self) -> dict[str, Callable[[Any], Any]]:
        """By target of ``direct``, what returns the value for it, or raises why it cannot be one."""
        raise NotImplementedError

    # -- mapping -----------------------------------------------------------------------------------------------------

    def steps(self, fields: frozenset[str] | None, for_create: bool) -> Steps:
        """Return the steps that these source fields feed; None: all steps."""
        return self._definition.select(fields, for_create)

    def map_in(self, context: Context, record: MapRecord) -> dict[str, Any]:
        """Return the values of a record; for :meth:`.MapRecord.values`."""
        before, self._context = self._context, context
        try:
            context.source, context.known_record = record.source, record
            return self._map(context)
        finally:
            self._context = before

    def _map(self, context: Context) -> dict[str, Any]:
        """Run the steps for the source at hand, force values, finalize."""
        source, trace, empty, checks = context.source, context.trace, self._empty, self._checks
        is_dict = type(source) is dict
        values: dict[str, Any] = {}
        errors: FieldErrors | None = None
        for step, target, key, read, apply in context.steps.entries:
            try:
                value = source.get(key, MISSING) if is_dict and key is not None else read(source)
                if apply is not None:
                    context.target = target
                    value = apply(context, value)
                if checks and target in checks:
                    value = checks[target](value)
            except Exception as exc:
                errors = context.add_error(errors, step, exc)
                continue
            if value is None:
                value = empty
            if trace is not None:
                trace.add(step, value)
            if value is not MISSING:
                values[target] = value
        for method in context.steps.methods:
            try:
                made = method.values(context, source)
            except Exception as exc:
                errors = context.add_error(errors, method, exc)
                continue
            if trace is not None:
                trace.add(method, made)
            values |= made
        if errors:
            errors.throw()
        forced = context.known_record.forced if context.known_record else None
        if forced:
            values.update(forced)
            if trace is not None:
                trace.add_forced(type(self), forced)
        # `fields=[]` maps nothing, so there is nothing to finalize either.
        if self._finalizes and context.fields != NO_FIELDS:
            try:
                values = self._call_hook(context, "finalize", values)
            except Exception as exc:
                context.add_error(None, self._definition.finalize, exc).throw()
            values.update(forced or ())
        return values

    def _call_hook(self, context: Context, hook: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return what ``finalize`` or ``finalize_child`` makes of the values."""
        before = dict(values) if context.trace is not None else values
        after = getattr(self, hook)(context.record, values)
        if not isinstance(after, dict):
            raise TypeError(f"{type(self).__qualname__}.{hook} returned {after!r} instead of the values")
        if context.trace is not None:
            context.trace.add_hook(type(self), hook, before, after)
        return after

    def _map_each(
        self, context: Context, sources: Iterable[Any], step: Children | None = None, lines: Any = None
    ) -> list[dict[str, Any]]:
        """Return the values of the records of :meth:`map_many`, or of the children of a step.

        :param lines: the :class:`.KnownLines` that the children may be, which decides on the steps to run
        :raises MappingError: with the errors of all, named by their index
        """
        if context.steps.looks_up and not self._is_prefetched and context.trace is None:
            sources = list(sources)
            with self._prefetched(context, sources):
                return self._map_each(context, sources, step, lines)
        parent_trace, maps_dicts = context.trace, self._maps_dicts
        is_hooked = step is not None and (self._has_child_hooks or lines is not None or parent_trace is not None)
        result: list[dict[str, Any]] = []
        errors: FieldErrors | None = None
        before, self._context = self._context, context
        try:
            for index, source in enumerate(sources):
                try:
                    if maps_dicts and type(source) is dict:
                        context.source, context.known_record = source, None
                    else:
                        self._enter(context, source)
                    if is_hooked:
                        result += self._map_child(context, parent_trace, lines)
                    else:
                        result.append(self._map(context))
                except Exception as exc:
                    target, key = (step.target, step.key) if step else ("", "")
                    errors = errors or context.field_errors()
                    errors.add_within(f"{target}[{index}]", exc, f"{key}[{index}]")
        finally:
            self._context = before
        if errors:
            errors.throw()
        return result

    def _enter(self, context: Context, source: Any) -> None:
        """Make a source the one at hand."""
        record = self.map_record(source, context.parent.record if context.parent else None)
        context.source, context.known_record = record.source, record

    def _map_child(self, context: Context, parent_trace: Trace | None, lines: Any) -> list[dict[str, Any]]:
        """Return the values of a child in a list, which is empty if the child is left out."""
        if lines is not None:  # Which one it is turns out after skip_item.
            context.for_create, context.binding = False, None
        if self.skip_item(context.record):
            return []
        if lines is not None:
            context.binding = lines.recognise(context)
            context.for_create = not context.binding
            context.steps = self.steps(None, context.for_create)
        if parent_trace is not None:
            context.trace = parent_trace.child()
        return [self._call_hook(context, "finalize_child", self._map(context))]

    def _child_context(self, context: Context, step: Children) -> Context:
        """Return the context for the children of a step, the same one for all sources of a context."""
        child = context.children.get(step)
        if child is None:
            for_create = context.for_create or self._creates_children
            child = Context(self._child_mapper(step), for_create, None, None, context.given, context)
            context.children[step] = child
        child.trace = context.trace
        return child

    def _child_mapper(self, step: Children) -> Any:
        return self.unit(self._kinds[self._kind], step.model_name)  # type: ignore[index]

    @contextmanager
    def _prefetched(self, context: Context, sources: Iterable[Any]) -> Iterator[None]:
        """Look up in bulk what the sources refer to, for children too; it is forgotten at the end."""
        mappers: list[Mapper] = []
        try:
            self._prefetch(context, sources, mappers)
            yield
        finally:
            for mapper in mappers:
                mapper._is_prefetched = False
                mapper._once = {}
                for resolver in mapper._resolvers.values():
                    resolver.forget()

    def _prefetch(self, context: Context, sources: Iterable[Any], mappers: list[Mapper]) -> None:
        """Look up what the sources refer to; what cannot be read is reported when it is mapped.

        :param mappers: gets those that have looked up something
        """
        mappers.append(self)
        self._is_prefetched = True
        if not self._maps_dicts:
            sources = self._entered(context, sources)
        for entry in context.steps.prefetching:
            entry.prefetch(context, sources)
        for step in context.steps.children:
            items = step.items(sources)
            first = next(items, MISSING)
            if first is not MISSING:
                child = self._child_context(context, step)
                if child.steps.looks_up:
                    child.mapper._prefetch(child, [first, *items], mappers)

    def _entered(self, context: Context, sources: Iterable[Any]) -> list[Any]:
        """Return what :meth:`map_record` makes of the sources."""
        entered = []
        for source in sources:
            with suppress(Exception):
                self._enter(context, source)
                entered.append(context.source)
        return entered
