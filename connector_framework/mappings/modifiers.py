"""Modifiers: what may stand for a source key in a ``direct`` mapping, and be put around each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from odoo.fields import Command
from odoo.models import BaseModel

from ..exceptions import ConfigurationError
from .source import MISSING

if TYPE_CHECKING:
    from .mapper import Mapper

__all__ = [
    "Modifier",
    "code_to_m2o",
    "convert",
    "default",
    "external_to_m2m",
    "external_to_m2o",
    "follow_m2o",
    "m2m_to_external",
    "m2o_to_external",
    "none",
]

#: What a modifier does to one value.
Function = Callable[["Mapper", Any], Any]


class Modifier:
    """The base of modifiers: a source, and a function for its value.

    A modifier of one's own is a subclass with :meth:`function`.

    :param source: a source key, or another modifier, which works first
    """

    #: It is called with ``MISSING`` too, where the source does not have the key; others are passed over then.
    fills_missing: ClassVar[bool] = False
    #: What the modifier does, where that is less than a call: a Python expression of ``value`` and of ``{argument}``,
    #: the first one after ``f``.
    expression: ClassVar[str | None] = None
    #: It looks something up for each value: :meth:`prefetch` does so for many.
    looks_up: ClassVar[bool] = False

    def __init__(self, source: str | Modifier, *arguments: Any) -> None:
        if not isinstance(source, str | Modifier):
            raise TypeError(f"{type(self).__name__}() takes a source key or a modifier, not {source!r}")
        self.source = source
        self._arguments = tuple(argument for argument in arguments if argument is not None)

    def __repr__(self) -> str:
        shown = [getattr(argument, "__name__", None) or repr(argument) for argument in self._arguments]
        return f"{type(self).__name__}({', '.join([str(self.source), *shown])})"

    @property
    def key(self) -> str:
        """The source key that the innermost modifier reads."""
        return self.source if isinstance(self.source, str) else self.source.key

    def chain(self) -> Iterator[Modifier]:
        """Yield the modifiers in the order in which they work, this one last."""
        if isinstance(self.source, Modifier):
            yield from self.source.chain()
        yield self

    @property
    def argument(self) -> Any:
        """What ``{argument}`` of :attr:`expression` stands for."""
        return self._arguments[0] if self._arguments else None

    def function(self, target: str) -> Function:
        """Return the function for a target, called once per record; made once per mapper class."""
        if self.expression is None:
            raise NotImplementedError(type(self).__name__)
        code = f"lambda mapper, value: {self.expression.format(argument='argument')}"
        return eval(code, {"argument": self.argument, "MISSING": MISSING})

    def prefetch(self, mapper: Mapper, target: str, values: list[Any]) -> None:
        """Look up in one query what the function will ask for one by one.

        :param values: what it will get, ``MISSING`` and nonsense included
        """
        raise NotImplementedError(type(self).__name__)


class none(Modifier):
    """Take what is falsy (0, False, an empty text) for None, that is for empty."""

    expression = "value or None"

    def __init__(self, f: str | Modifier) -> None:
        super().__init__(f)


class convert(Modifier):
    """Convert the value with a type or any function of one argument; None stays None.

    :raises ValueError: (of the type) becomes the field's error
    """

    expression = "None if value is None else {argument}(value)"

    def __init__(self, f: str | Modifier, type: Callable[[Any], Any]) -> None:
        super().__init__(f, type)


class default(Modifier):
    """Use ``value`` when the source key is missing or None."""

    fills_missing = True
    expression = "{argument} if value is None or value is MISSING else value"

    def __init__(self, f: str | Modifier, value: Any) -> None:
        super().__init__(f, value)


class follow_m2o(Modifier):
    """Follow many2ones to a field of another record: the dotted key, where a modifier is wanted."""

    expression = "value"

    def __init__(self, f: str) -> None:
        super().__init__(f)


class external_to_m2o(Modifier):
    """Turn an external id into the value of a many2one.

    The id of the binding where the field points to a binding model, else of its Odoo record. None, False and an empty
    text clear the field; 0 is an id.

    :param binding: the binding model, where the field's comodel is not one and has several of this backend
    :raises DependencyMissingError: (when mapping) the external id is not bound yet
    """

    looks_up = True

    def __init__(self, f: str | Modifier, binding: str | None = None) -> None:
        super().__init__(f, binding)
        self.binding = binding

    def prefetch(self, mapper: Mapper, target: str, values: list[Any]) -> None:
        external_ids = {tuple(value) if type(value) is list else value for value in values if _may_be_id(value)}
        if len(external_ids) > 1:
            mapper.link(target, self.binding).prefetch(external_ids)

    def function(self, target: str) -> Function:
        binding = self.binding
        key = (target, binding)

        def to_id(mapper: Mapper, value: Any) -> Any:
            if value is None or value is False or value == "":
                return None
            if type(value) is list:  # a composite key
                value = tuple(value)
            link = mapper._links.get(key) or mapper.link(target, binding)
            return link.found.get(value) or link.to_id(value)

        return to_id


class external_to_m2m(external_to_m2o):
    """Turn a list of external ids into the command that sets a many2many."""

    def function(self, target: str) -> Function:
        def to_command(mapper: Mapper, value: Any) -> Any:
            external_ids = [external_id for external_id in value or () if not _is_nothing(external_id)]
            if not external_ids:
                return [Command.clear()]
            return [Command.set(mapper.link(target, self.binding).to_ids(external_ids))]

        return to_command

    def prefetch(self, mapper: Mapper, target: str, values: list[Any]) -> None:
        super().prefetch(mapper, target, [one for value in values if type(value) is list for one in value])


class m2o_to_external(Modifier):
    """Turn a many2one of a record into the external id of its target; empty gives None.

    :param binding: the binding model, where the target's model is not one and has several of this backend
    :raises DependencyMissingError: (when mapping) the target is not bound yet
    """

    looks_up = True

    def __init__(self, f: str | Modifier, binding: str | None = None) -> None:
        super().__init__(f, binding)
        self.binding = binding

    def prefetch(self, mapper: Mapper, target: str, values: list[Any]) -> None:
        records = [value for value in values if isinstance(value, BaseModel)]
        together = records[0].union(*records[1:]) if records else None
        if together is not None and len(together) > 1:
            mapper.export_link(together._name, self.binding).prefetch(together)

    def function(self, target: str) -> Function:
        def to_external(mapper: Mapper, value: Any) -> Any:
            return self._external_id(mapper, value) if value else None

        return to_external

    def _external_id(self, mapper: Mapper, record: Any) -> Any:
        if not isinstance(record, BaseModel):
            raise TypeError(f"{type(self).__name__} needs a relation, got {record!r}")
        return mapper.export_link(record._name, self.binding).to_external(record)


class m2m_to_external(m2o_to_external):
    """Turn an x2many of a record into the list of the external ids of its targets."""

    def function(self, target: str) -> Function:
        def to_list(mapper: Mapper, value: Any) -> Any:
            return [self._external_id(mapper, record) for record in value or ()]

        return to_list


class code_to_m2o(Modifier):
    """Find the record of a many2one by a code both systems know: a currency by its name, a country by its code.

    Archived records count. None, False and an empty text clear the field; a code that no record has is an error of
    the field.

    :param field: the field of the comodel that holds the code
    """

    def __init__(self, f: str | Modifier, field: str = "code") -> None:
        super().__init__(f, field)
        self.field = field

    def function(self, target: str) -> Function:
        def to_id(mapper: Mapper, value: Any) -> Any:
            return None if _is_nothing(value) else self._id(mapper, target, value)

        return to_id

    def _id(self, mapper: Mapper, target: str, code: Any) -> int:
        found: dict[Any, int] = mapper.work.shared.setdefault(code_to_m2o, {})
        field = mapper.target_field(target)
        if field is None or not field.comodel_name:
            raise ConfigurationError(f"{type(mapper).__name__}, code_to_m2o for {target!r}: that is no relation")
        key = (field.comodel_name, self.field, code)
        if key not in found:
            records = mapper.env[field.comodel_name].with_context(active_test=False)
            record = records.search([(self.field, "=", code)], limit=2)
            if len(record) != 1:
                many = "several records" if record else "no record"
                raise ValueError(f"{many} of {field.comodel_name} with {self.field} {code!r}")
            found[key] = record.id
        return found[key]


def _may_be_id(value: Any) -> bool:
    return type(value) in (str, int, tuple, list) and value != ""


def _is_nothing(external_id: Any) -> bool:
    return external_id is None or external_id is False or external_id == ""
