"""Configurable products, as products with variants.

The shop's products stay the variants, each with its own import; here it is said what they have in common and which
attributes tell them apart.
"""

from __future__ import annotations

from typing import Any

from odoo.fields import Command

from odoo.addons.connector_framework.mappings import changed_by, mapping, only_create

from ...references import magento
from .product import BaseProductImporter, BaseProductImportMapper


@magento
class TemplateImportMapper(BaseProductImportMapper):
    _apply_on = "magento.product.template"

    @only_create
    @mapping
    def attribute_ids(self, record):
        """The shop does not change the attributes of a configurable product either."""
        return {"attribute_ids": [Command.set(self._attributes(record).ids)]}

    @mapping
    @changed_by("variants")
    def lines(self, record):
        """Add the values that variants have; one that none has any more stays, its orders may refer to it."""
        binding = self.options.binding
        attributes = binding.attribute_ids if binding else self._attributes(record)
        if not attributes:
            # Without variants there is nothing to sell.
            return {"sale_ok": False}
        lines = {line.attribute_id: line for line in binding.attribute_line_ids} if binding else {}
        options = self.binder_for("magento.attribute.option")
        commands = []
        for attribute in attributes:
            used = {
                values[attribute.external_id]
                for values in record["variants"].values()
                if attribute.external_id in values
            }
            found = options.to_internal_many(sorted(used)).values()
            values = [option.odoo_id.id for option in found]
            line = lines.get(attribute.odoo_id)
            if line is None:
                commands.append(
                    Command.create({"attribute_id": attribute.odoo_id.id, "value_ids": [Command.set(values)]})
                )
            elif set(values) - set(line.value_ids.ids):
                commands.append(Command.update(line.id, {"value_ids": [Command.link(value) for value in values]}))
        return {"attribute_line_ids": commands} if commands else {}

    def _attributes(self, record: dict[str, Any]) -> Any:
        """Return the attributes (n) that tell the variants apart; none if they do not."""
        codes = record["attributes"]
        variants = [tuple(values[code] for code in codes) for values in record["variants"].values()]
        if len(set(variants)) < len(variants):
            codes = []
        found = self.binder_for("magento.attribute").to_internal_many(codes)
        return self.env["magento.attribute"].union(*found.values())


@magento
class TemplateImporter(BaseProductImporter):
    _apply_on = "magento.product.template"

    def _import_dependencies(self, record):
        super()._import_dependencies(record)
        for code in record["attributes"]:
            used = {values[code] for values in record["variants"].values()}
            known = self.binder_for("magento.attribute.option").to_internal_many(used)
            self.import_dependency(code, "magento.attribute", force=len(known) < len(used))

    def _after_import(self, binding):
        super()._after_import(binding)
        # Those that came before it are products of their own until now.
        variants = self.binder_for("magento.product.product").to_internal_many(self.external_record["variants"])
        strays = [number for number, variant in variants.items() if not variant.magento_template_id]
        if strays and binding.attribute_ids:
            self.env["magento.product.product"].as_job().map(
                "import_record", [(self.backend, number, True) for number in strays]
            )
