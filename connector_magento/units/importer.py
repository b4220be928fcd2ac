"""What the importers of the shop's records have in common."""

from __future__ import annotations

from typing import Any

from odoo.fields import Command

from odoo.addons.connector_framework.synchronizers import Importer

from ..references import magento
from .texts import is_echo


@magento
class MagentoImporter(Importer):
    # A change of the stock, our own export included, moves the date of a product and nothing else.
    volatile_keys = ("updated_at",)

    def _update(self, binding, values):
        super()._update(binding, without_echo(values, binding))


def without_echo(values: dict[str, Any], binding: Any) -> dict[str, Any]:
    """Return the values to write on a binding (0..1), but for texts of here whose emoji the shop could not hold."""
    result = {}
    for name, value in values.items():
        field = binding._fields[name]
        if field.type == "one2many" and isinstance(value, list):
            lines = binding.env[field.comodel_name]
            value = [
                (command, line_id, without_echo(content, lines.browse(line_id)))
                if command == Command.UPDATE
                else (command, line_id, content)
                for command, line_id, content in value
            ]
        if not (binding and is_echo(value, binding[name])):
            result[name] = value
    return result
