"""Products out: new ones, and what has changed of the others.

The shop refuses next to nothing: a price of "abc" becomes 0, an unknown option is taken. So values are checked here.
"""

from __future__ import annotations

import math
from typing import Any

from odoo.tools import float_compare

from odoo.addons.connector_framework.exceptions import ConfigurationError, ExternalNotFoundError, MappingError
from odoo.addons.connector_framework.mappings import ExportMapper, changed_by, mapping, only_create
from odoo.addons.connector_framework.synchronizers import Agreement

from ...references import magento
from ..texts import plain_text
from .exporter import CatalogueExporter

#: Catalogue and search.
VISIBLE = 4


class BaseProductExportMapper(ExportMapper):
    """What products of all types have in common. ``price@2`` is the price in store view 2, and so in its website."""

    direct = [("name", "name")]

    @mapping
    @changed_by("description_sale")
    def description(self, product):
        """Send the shop's own text, with its HTML, as long as nobody wrote another one here."""
        here, there = product.description_sale or "", product.magento_description or ""
        return {"description": there if (plain_text(there) or "").split() == here.split() else here}

    @mapping
    @changed_by("enabled", "active")
    def status(self, product):
        return {"status": 1 if product.enabled and product.active else 2}

    @mapping
    @changed_by("website_ids")
    def websites(self, product):
        return {"websites": [website.external_id for website in product.website_ids]}

    @mapping
    @changed_by("list_price")
    def price(self, product):
        return {"price": product.list_price}

    @mapping
    @changed_by("list_price", "website_ids")
    def website_prices(self, product):
        """Give the pricelist's price to the websites that want it."""
        if self.options.for_create:
            return None
        values = {}
        for website in product.website_ids.filtered("price_exported"):
            view = self.backend.storeview_ids.filtered(lambda view, site=website: view.website_id == site)[:1]
            if view and website.pricelist_id:
                price = website.pricelist_id._get_product_price(product.odoo_id, 1.0)
                values[f"price@{view.external_id}"] = website.pricelist_id.currency_id.round(price)
        return values

    @mapping
    @changed_by("taxes_id")
    def tax_class(self, product):
        """Give the class that has the product's taxes, where a person has chosen some for it."""
        company = self.backend.company_id
        taxes = product.sudo().taxes_id.filtered(lambda tax: tax.company_id in company.parent_ids)
        classes = self.backend.sudo().tax_class_ids.filtered("tax_ids")
        if product.tax_class_id.sudo().tax_ids == taxes and taxes:
            return {"tax_class_id": product.tax_class_id.external_id}
        found = classes.filtered(lambda one: one.tax_ids == taxes)[:1]
        return {"tax_class_id": found.external_id} if found else None


@magento
class ProductExportMapper(BaseProductExportMapper):
    _apply_on = "magento.product.product"

    @mapping
    @changed_by("weight")
    def weight(self, product):
        return {"weight": exact(product.magento_weight, product.weight, product, "weight")}

    @mapping
    @changed_by("list_price")
    def price(self, product):
        if product.magento_type == "grouped":
            return None
        # With what the attributes of a variant cost.
        return {"price": product.lst_price}

    @mapping
    @changed_by("default_code")
    def sku(self, product):
        return {"sku": product.default_code or product.sku}

    @mapping
    @changed_by("magento_qty")
    def stock(self, product):
        # A quantity of 0 clears "in stock", a later one does not set it again: both are said. What is missing is none.
        qty = max(product.uom_id.round(product.magento_qty), 0.0)
        values = {"sku": product.sku, "qty": qty, "is_in_stock": int(qty > 0)}
        is_sent = product.stock_exported or self.options.for_create
        return {"stock": values} if product.is_storable and is_sent else None

    @only_create
    @mapping
    def new(self, product):
        return {
            "type": "virtual" if product.type == "service" else "simple",
            "set": (product.attribute_set_id or self.backend.attribute_set_ids[:1]).external_id,
            "visibility": VISIBLE,
            "short_description": product.description_sale or product.name,
            "categories": [category.external_id for category in product.category_ids],
        }

    @changed_by("magento_template_id")
    def finalize(self, map_record, values):
        values = super().finalize(map_record, values)
        if map_record.source.magento_template_id:
            # A variant has a name and a price of its own there; here these are those of all.
            for target in [name for name in values if name.partition("@")[0] in COMMON]:
                del values[target]
        return values


#: What the variants of a product have in common here.
COMMON = ("name", "description", "short_description", "price", "tax_class_id")


@magento
class TemplateExportMapper(BaseProductExportMapper):
    _apply_on = "magento.product.template"


class BaseProductExporter(CatalogueExporter):
    """Sends what the store views have in common, and to each view the texts that it has of its own."""

    def _is_gone(self, binding: Any) -> bool:
        """Tell whether a product that was not found is deleted; if not, its SKU is another one now, which is kept."""
        with self.work.origin():
            binding = binding.with_env(self.env)
            try:
                binding.sku = self.adapter.read(binding.external_id, ["sku"])["sku"]
            except ExternalNotFoundError:
                return super()._is_gone(binding)
        return False

    def _map(self, for_create, fields):
        values = super()._map(for_create, fields)
        return values if for_create else {**values, **self._translated(self.binding, values)}

    def _translated(self, binding: Any, values: dict[str, Any]) -> dict[str, Any]:
        """Return the texts of the store views: a view that has the default text follows it, so nothing is sent to it.

        Unless it had a text of its own: False takes that away.
        """
        views = self.backend._views_by_lang() if {"name", "description"}.intersection(values) else {}
        texts = {}
        for lang, translated in self.mapper.translations(binding, views).items():
            own = (binding.translated or {}).get(lang, ())
            for target in ("name", "description"):
                if target not in values or target not in translated:
                    continue
                for view in views[lang]:
                    scoped = f"{target}@{view.external_id}"
                    if translated[target] != values[target]:
                        texts[scoped] = translated[target]
                    elif target in own or scoped in self.unit(Agreement).sent(binding):
                        texts[scoped] = False
        return texts

    def _validate(self, values):
        errors = {}
        for target, value in values.items():
            name = target.partition("@")[0]
            if name in ("price", "weight") and not _is_amount(value):
                errors[target] = f"{value!r} is no amount: the shop would take it for another one"
            elif name in ("name", "sku", "set") and target == name and not value:
                errors[target] = "it is empty"
            elif name == "sku" and len(value) > 64:
                errors[target] = f"{value!r} is longer than 64 characters"
        if errors:
            raise MappingError(errors)


@magento
class ProductExporter(BaseProductExporter):
    _apply_on = "magento.product.product"

    #: The new binding (1) that was sent last.
    _created = None

    def _create(self, values):
        self._created = self.binding
        external_id = self._find_external(values)
        if external_id is not None:
            if not self.binding.stock_exported:
                # Somebody else put it there, and how many there are is known there alone.
                values.pop("stock", None)
            self._update(external_id, values)
            return external_id
        if not self.binding.stock_exported:
            with self.work.origin():
                self.binding.with_env(self.env).stock_exported = True
            # Should the answer get lost, the one that is found next time is ours.
            self._commit()
        return self.adapter.create(values)

    def _find_external(self, values):
        # The shop has one product of a SKU: that of an earlier attempt, or one that a person made.
        return self.adapter.id_of_sku(values["sku"])

    def _after_export(self, binding):
        sku = binding.default_code
        if sku and binding.sku != sku:
            binding.sku = sku
        if self._created == binding:
            # The texts and prices of store views and websites go to the id, which is known only now.
            self._created = None
            self.run(binding)


@magento
class TemplateExporter(BaseProductExporter):
    _apply_on = "magento.product.template"

    def _create(self, values):
        raise ConfigurationError(f"{self.binding.display_name}: the API cannot make configurable products")


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def exact(there: float, here: float, product: Any, name: str) -> float:
    """Return the shop's amount where the one here is that one with fewer digits: it would lose them.

    :param name: of the field that has the amount here
    """
    _size, digits = product._fields[name].get_digits(product.env)
    return there if there and not float_compare(there, here, precision_digits=digits) else here
