"""Mappings: translate an external record to Odoo values, and back.

A mapper is a class that declares which source feeds which target: ``direct`` pairs, with modifiers where the value
changes on the way, methods for the rest, and ``children`` for what a record contains. It is compiled once per class.
``docs/mappings.md`` is the guide.
"""

from ..exceptions import MappingError
from .context import Context, MapRecord
from .definition import changed_by, mapping, only_create
from .export_mapper import ExportMapper
from .import_mapper import ImportMapper
from .mapper import Mapper
from .modifiers import (
    Modifier,
    code_to_m2o,
    convert,
    default,
    external_to_m2m,
    external_to_m2o,
    follow_m2o,
    m2m_to_external,
    m2o_to_external,
    modifier,
    none,
)
from .source import MISSING, is_no_time, is_nothing, to_decimal, to_tz, to_utc

__all__ = [
    "MISSING",
    "Context",
    "ExportMapper",
    "ImportMapper",
    "MapRecord",
    "Mapper",
    "MappingError",
    "Modifier",
    "changed_by",
    "code_to_m2o",
    "convert",
    "default",
    "external_to_m2m",
    "external_to_m2o",
    "follow_m2o",
    "is_no_time",
    "is_nothing",
    "m2m_to_external",
    "m2o_to_external",
    "mapping",
    "modifier",
    "none",
    "only_create",
    "to_decimal",
    "to_tz",
    "to_utc",
]
