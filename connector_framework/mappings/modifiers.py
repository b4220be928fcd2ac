"""Modifiers: what may stand for a source key in a ``direct`` mapping, and be put around each other."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, overload

from odoo.fields import Command
from odoo.models import BaseModel

from ..exceptions import ConfigurationError
from .context import Context
from .source import MISSING, is_nothing

__all__ = [
    "Modifier",
    "chained",
    "code_to_m2o",
    "convert",
    "default",
    "external_to_m2m",
    "external_to_m2o",
    "follow_m2o",
    "m2m_to_external",
    "m2o_to_external",
    "modifier",
    "none",
]

Apply = Callable[[Context, Any], Any]


class Modifier:
    """What stands in the place of a source key: a source, and what is done to its value. :func:`modifier` makes it.

    :param source: a source key, or another modifier, which works first
    :param function: ``(context, value, *arguments) -> value``
    """

    def __init__(
        self,
        source: str | Modifier,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        sees_missing: bool,
        prefetch: Callable[..., None] | None,
    ) -> None:
        if not isinstance(source, str | Modifier):
            raise TypeError(f"{function.__name__}() takes a source key or a modifier, not {source!r}")
        self.source = source
        self.function = function
        self.name = function.__name__
        self.arguments = arguments
        self.prefetch = prefetch
        #: ``(context, value) -> value``; the value is ``MISSING`` where the source does not have the key.
        self.apply = _bound(function, arguments, sees_missing)

    def __repr__(self) -> str:
        shown = [getattr(one, "__name__", None) or repr(one) for one in self.arguments if one is not None]
        return f"{self.name}({', '.join([str(self.source), *shown])})"

    def chain(self) -> list[Modifier]:
        """Return the modifiers in the order in which they work, this one last."""
        return [*(self.source.chain() if isinstance(self.source, Modifier) else ()), self]

    @property
    def key(self) -> str:
        """The source key that the innermost modifier reads."""
        return str(self.chain()[0].source)


def _bound(function: Callable[..., Any], arguments: tuple[Any, ...], sees_missing: bool) -> Apply:
    """Return the function with its arguments; it lets ``MISSING`` through, unless it sees it."""
    passes = not sees_missing
    if not arguments:
        return lambda context, value: value if passes and value is MISSING else function(context, value)
    if len(arguments) == 1:  # The usual case: a call with *arguments costs three times as much.
        (argument,) = arguments
        return lambda context, value: value if passes and value is MISSING else function(context, value, argument)
    return lambda context, value: value if passes and value is MISSING else function(context, value, *arguments)


def chained(modifiers: list[Modifier]) -> Apply:
    """Return the function that applies modifiers one after the other; the one place that does."""
    functions = [modifier.apply for modifier in modifiers]

    def apply(context: Context, value: Any) -> Any:
        for function in functions:
            value = function(context, value)
        return value

    return functions[0] if len(functions) == 1 else apply


@overload
def modifier(function: Callable[..., Any]) -> Callable[..., Modifier]: ...
@overload
def modifier(
    *,
    sees_missing: bool = False,
    prefetch: Callable[..., None] | None = None,
    check: Callable[..., None] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Modifier]]: ...
def modifier(
    function: Callable[..., Any] | None = None,
    *,
    sees_missing: bool = False,
    prefetch: Callable[..., None] | None = None,
    check: Callable[..., None] | None = None,
) -> Any:
    """Make ``function(context, value, *arguments) -> value`` a modifier, used as ``function(source, *arguments)``.

    ::

        @modifier
        def prefixed(context, value, prefix):
            return value and prefix + value

        direct = [(prefixed("sku", "SHOP-"), "default_code")]

    It is called for each value, None included, and may return None for empty; its exception is the error of the target.
    ``context`` is the :class:`.Context`.

    :param sees_missing: call it with ``MISSING``, too, where the source does not have the key
    :param prefetch: ``(context, values, *arguments)``, to look up in one query what the function will look up for each
        of ``values`` (``MISSING`` and nonsense may be among them); called before many sources are mapped, where the
        modifier is the outermost one
    :param check: ``(*arguments)``, called where the modifier is written; raises for arguments that cannot work
    :raises TypeError: when the function does not take the context and the value first
    """
    if function is None:
        return partial(modifier, sees_missing=sees_missing, prefetch=prefetch, check=check)
    signature = inspect.signature(function)
    name = function.__name__
    used_as = f"{name}({', '.join(['source', *list(signature.parameters)[2:]])})"
    try:
        signature.bind_partial(None, None)
    except TypeError:
        raise TypeError(f"the modifier {name}{signature} has to take the context and the value first") from None

    def make(source: str | Modifier, *arguments: Any, **named: Any) -> Modifier:
        try:
            bound = signature.bind(None, None, *arguments, **named)
        except TypeError as error:
            raise TypeError(f"{name}(): {error}; it is used as {used_as}") from None
        bound.apply_defaults()
        if check is not None:
            check(*bound.args[2:])
        return Modifier(source, function, bound.args[2:], sees_missing, prefetch)

    make.is_modifier = True  # type: ignore[attr-defined]
    make.__name__, make.__qualname__, make.__module__ = function.__name__, function.__qualname__, function.__module__
    make.__doc__ = function.__doc__
    return make


# -- values ------------------------------------------------------------------------------------------------------------


@modifier
def none(context: Context, value: Any, *others: Any) -> Any:
    """Take what is falsy (0, False, an empty text), and the ``others``, for None, that is for empty."""
    return None if not value or value in others else value


def _check_type(type: Any) -> None:
    if not callable(type):
        raise TypeError(f"convert() takes a type or a function, not {type!r}")


@modifier(check=_check_type)
def convert(context: Context, value: Any, type: Callable[[Any], Any]) -> Any:
    """Convert the value with a type or any function of one argument; None stays None."""
    return None if value is None else type(value)


@modifier(sees_missing=True)
def default(context: Context, found: Any, value: Any) -> Any:
    """Use ``value`` when the source key is missing or None."""
    return value if found is None or found is MISSING else found


@modifier
def follow_m2o(context: Context, value: Any) -> Any:
    """Follow many2ones to a field of another record: the dotted key, where a modifier is wanted."""
    return value


# -- from external ids -------------------------------------------------------------------------------------------------

#: Types of external ids; a list is a composite one.
ID_TYPES = (str, int, tuple, list)


def _check_binding(binding: Any) -> None:
    if not isinstance(binding, str | None):
        raise TypeError(f"binding= takes the name of a binding model, not {binding!r}")


def _prefetch_ids(context: Context, values: list[Any], binding: str | None) -> None:
    ids = {tuple(value) if type(value) is list else value for value in values if type(value) in ID_TYPES} - {"", ()}
    if len(ids) > 1:
        context.mapper.resolver(context.target, binding).prefetch(ids)


def _prefetch_lists_of_ids(context: Context, values: list[Any], binding: str | None) -> None:
    _prefetch_ids(context, [one for value in values if type(value) is list for one in value], binding)


@modifier(prefetch=_prefetch_ids, check=_check_binding)
def external_to_m2o(context: Context, value: Any, binding: str | None = None) -> int | None:
    """Turn an external id into the value of a many2one.

    The id of the binding where the field points to a binding model, else of its Odoo record. None, False and an empty
    text clear the field; 0 is an id.

    :param binding: the binding model, where the field's comodel is not one and has several of this backend
    :raises DependencyMissingError: (when mapping) the external id is not bound yet
    """
    if not value and is_nothing(value):
        return None
    return context.mapper.resolver(context.target, binding).to_id(value)


@modifier(prefetch=_prefetch_lists_of_ids, check=_check_binding)
def external_to_m2m(context: Context, value: Any, binding: str | None = None) -> list[Any]:
    """Turn a list of external ids into the command that sets a many2many."""
    external_ids = [external_id for external_id in value or () if not is_nothing(external_id)]
    if not external_ids:
        return [Command.clear()]
    return [Command.set(context.mapper.resolver(context.target, binding).to_ids(external_ids))]


@modifier
def code_to_m2o(context: Context, value: Any, field: str = "code") -> int | None:
    """Find the record of a many2one by a code both systems know: a currency by its name, a country by its code.

    Archived records count. None, False and an empty text clear the field; a code that no record has is an error of
    the field.

    :param field: the field of the comodel that holds the code
    """
    if is_nothing(value):
        return None
    mapper = context.mapper
    comodel = getattr(mapper.target_field(context.target), "comodel_name", None)
    if not comodel:
        raise ConfigurationError(f"{type(mapper).__name__}, code_to_m2o for {context.target!r}: that is no relation")
    found: dict[Any, int] = mapper.work.shared.setdefault("mappings.codes", {})
    key = (comodel, field, value)
    if key not in found:
        records = mapper.env[comodel].with_context(active_test=False).search([(field, "=", value)], limit=2)
        if len(records) != 1:
            raise ValueError(f"{'several records' if records else 'no record'} of {comodel} with {field} {value!r}")
        found[key] = records.id
    return found[key]


# -- to external ids ---------------------------------------------------------------------------------------------------


def _prefetch_records(context: Context, values: list[Any], binding: str | None) -> None:
    records = [value for value in values if isinstance(value, BaseModel)]
    together = records[0].union(*records[1:]) if records else None
    if together is not None and len(together) > 1:
        context.mapper.export_resolver(together._name, binding).prefetch(together)


def _external_id(context: Context, record: Any, binding: str | None) -> Any:
    if not isinstance(record, BaseModel):
        raise TypeError(f"a relation is needed to find an external id, not {record!r}")
    return context.mapper.export_resolver(record._name, binding).to_external(record)


@modifier(prefetch=_prefetch_records, check=_check_binding)
def m2o_to_external(context: Context, value: Any, binding: str | None = None) -> Any:
    """Turn a many2one of a record into the external id of its target; empty gives None.

    :param binding: the binding model, where the target's model is not one and has several of this backend
    :raises DependencyMissingError: (when mapping) the target is not bound yet
    """
    return _external_id(context, value, binding) if value else None


@modifier(prefetch=_prefetch_records, check=_check_binding)
def m2m_to_external(context: Context, value: Any, binding: str | None = None) -> list[Any]:
    """Turn an x2many of a record into the list of the external ids of its targets."""
    return [_external_id(context, record, binding) for record in value or ()]
