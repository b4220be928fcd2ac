"""The choice among registered classes for a model, and the errors when there is none or more than one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..addon import path_of
from ..exceptions import NoUnitError, SeveralUnitsError
from .unit import ConnectorUnit

__all__ = ["Entry", "no_unit", "resolve"]

UnitClass = type[ConnectorUnit]

#: Classes of a level that an error names before it counts the others.
NAMED_CLASSES = 6


@dataclass(frozen=True)
class Entry:
    """A registered class, as a reference at or below its level sees it."""

    #: The reference where the class is registered.
    level: object
    cls: UnitClass
    #: The class that it was registered to replace.
    replacing: UnitClass | None
    #: The addon that defines it, None for a class from elsewhere.
    addon: str | None
    #: Its addon is installed in the database that was asked about; without one, every addon is.
    is_installed: bool
    #: The class that hides it.
    replaced_by: UnitClass | None

    @property
    def exists(self) -> bool:
        """It is installed and nothing hides it."""
        return self.is_installed and self.replaced_by is None

    @property
    def is_for_any_model(self) -> bool:
        return self.cls._apply_on is None

    def names(self, model_name: str) -> bool:
        """Tell whether the class names a model in its ``_apply_on``."""
        return model_name in self.cls.applied_models()


def resolve(entries: Iterable[Entry], base_class: UnitClass, model_name: str) -> UnitClass | None:
    """Return the class to use, None when there is none.

    :param entries: of a reference, nearest level first
    :raises SeveralUnitsError: when the deciding level has several and none is a subclass of all others
    """
    existing = [entry for entry in entries if entry.exists and issubclass(entry.cls, base_class)]
    found = [entry for entry in existing if entry.names(model_name)]
    found = found or [entry for entry in existing if entry.is_for_any_model]
    if not found:
        return None
    found = [entry for entry in found if entry.level is found[0].level]
    bases = {base for entry in found for base in entry.cls.__mro__[1:]}
    best = [entry for entry in found if entry.cls not in bases]
    if len(best) > 1:
        raise _several_units(best, base_class, model_name)
    return best[0].cls


def _several_units(entries: Sequence[Entry], base_class: UnitClass, model_name: str) -> SeveralUnitsError:
    def described(entry: Entry) -> str:
        replaces = f", in place of {entry.replacing.__name__}" if entry.replacing else ""
        return f"{path_of(entry.cls)} (addon {entry.addon or 'none'}{replaces})"

    return SeveralUnitsError(
        f"several {base_class.__name__} classes for {model_name} on {entries[0].level}: "
        f"{', '.join(map(described, entries))}. Register one of them with replacing= the other, derive it from the "
        "other, or unregister one"
    )


def no_unit(levels: Sequence[object], entries: Sequence[Entry], base_class: UnitClass, model_name: str) -> NoUnitError:
    """Return the error that names the searched levels, nearest first, and near misses."""
    of_kind = [entry for entry in entries if issubclass(entry.cls, base_class)]
    searched = "; ".join(
        f"{level}: {_listed(entry for entry in of_kind if entry.level is level and entry.exists)}" for level in levels
    )
    text = f"no {base_class.__name__} class for {model_name} on {levels[0]}; searched {searched}"
    return NoUnitError(". ".join([text, *_near_misses(entries, of_kind, base_class, model_name)]))


def _listed(entries: Iterable[Entry]) -> str:
    named = [f"{entry.cls.__name__} ({', '.join(entry.cls.applied_models()) or 'any model'})" for entry in entries]
    if len(named) > NAMED_CLASSES:
        named[NAMED_CLASSES:] = [f"and {len(named) - NAMED_CLASSES} more"]
    return ", ".join(named) or "none of this kind"


def _near_misses(
    entries: Sequence[Entry], of_kind: Sequence[Entry], base_class: UnitClass, model_name: str
) -> Iterable[str]:
    for entry in of_kind:
        if entry.names(model_name) or entry.is_for_any_model:
            if not entry.is_installed:
                yield f"{entry.cls.__name__} is for it, but its addon {entry.addon} is not installed here"
            elif entry.replaced_by is not None:
                yield f"{entry.cls.__name__} is for it, but {entry.replaced_by.__name__} replaces it"
    others = [
        entry.cls.__name__ for entry in entries if entry not in of_kind and entry.exists and entry.names(model_name)
    ]
    if others:
        yield f"For this model, but of another kind than {base_class.__name__}: {', '.join(others)}"
    models = {name for entry in of_kind if entry.exists for name in entry.cls.applied_models()}
    close = difflib.get_close_matches(model_name, models)
    if close:
        yield f"Did you mean {' or '.join(close)}? If not, the _apply_on of its class is misspelt"
