"""Products in."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from odoo.fields import Command

from odoo.addons.connector_framework.adapters import Adapter
from odoo.addons.connector_framework.exceptions import SkipError
from odoo.addons.connector_framework.mappings import (
    ImportMapper,
    changed_by,
    convert,
    external_to_m2m,
    external_to_m2o,
    mapping,
    only_create,
    to_decimal,
    to_utc,
)

from ...references import magento
from ..texts import plain_text
from .adapter import TEXTS
from .image import main_image
from .importer import CatalogueImporter
from .product_adapter import PLAIN_TYPES, PRICES, beginnings

SERVICE_TYPES = ("virtual", "downloadable")
#: The visibility of a product that the shop shows as a part of another one alone, as variants usually are.
NOT_VISIBLE = "1"

#: What ``info`` returns of every product; the rest are attributes that the shop has made.
STANDARD = frozenset(
    """
    product_id sku set type type_id categories category_ids websites created_at updated_at status visibility url_key
    url_path weight tax_class_id tier_price group_price minimal_price has_options required_options options_container
    old_id news_from_date news_to_date is_recurring recurring_profile custom_design custom_design_from custom_design_to
    custom_layout_update page_layout gift_message_available image_label small_image_label thumbnail_label meta_title
    meta_keyword meta_description msrp msrp_enabled msrp_display_actual_price_type
    images views prices members attributes variants
    """.split()
).union(TEXTS, PRICES)


class BaseProductImportMapper(ImportMapper):
    """What products of all types have in common."""

    direct = [
        ("sku", "sku"),
        ("name", "magento_name"),
        ("name", "name"),
        ("description", "magento_description"),
        (convert("description", plain_text), "description_sale"),
        ("type", "magento_type"),
        (external_to_m2o("set"), "attribute_set_id"),
        (external_to_m2m("websites"), "website_ids"),
        (convert("created_at", to_utc), "magento_created_at"),
        (convert("updated_at", to_utc), "magento_updated_at"),
    ]

    @mapping
    @changed_by("price")
    def price(self, record):
        """Take the price; a product that has none, as a grouped one, costs nothing by itself."""
        price = to_decimal(record.get("price"))
        if price is None and not self.options.for_create:
            return {"magento_price": 0.0}
        return {"list_price": float(price or 0), "magento_price": float(price or 0)}

    @mapping
    @changed_by("status")
    def enabled(self, record):
        return {"enabled": str(record["status"]) == "1"}

    @mapping
    @changed_by("categories")
    def categories(self, record):
        """Take the first category for Odoo's one; root categories are not imported and so not found."""
        found = self.binder_for("magento.product.category").to_internal_many([str(i) for i in record["categories"]])
        bindings = [found[str(i)] for i in record["categories"] if str(i) in found]
        values = {"category_ids": [Command.set([binding.id for binding in bindings])]}
        if bindings:
            values["categ_id"] = bindings[0].odoo_id.id
        return values

    @mapping
    @changed_by("tax_class_id")
    def taxes(self, record):
        """Give the taxes of the tax class, where a person chose some, in place of those of the other classes."""
        tax_class = self.binder_for("magento.tax.class").to_internal(str(record.get("tax_class_id") or 0))
        values = {"tax_class_id": tax_class.id}
        taxes = tax_class.sudo().tax_ids
        if taxes:
            others = self.backend.sudo().tax_class_ids.tax_ids - taxes
            values["taxes_id"] = [Command.unlink(tax.id) for tax in others] + [Command.link(tax.id) for tax in taxes]
        return values

    @mapping
    @changed_by("prices")
    def website_prices(self, record):
        """Keep the prices of the websites where they differ from those of all."""
        differing = {
            site: {name: value for name, value in prices.items() if value and value != record.get(name)}
            for site, prices in record["prices"].items()
        }
        return {"website_prices": {site: prices for site, prices in differing.items() if prices} or False}

    @mapping
    @changed_by("attributes")
    def attributes(self, record):
        further = {code: value for code, value in record.items() if code not in STANDARD and value not in (None, "")}
        return {"magento_attributes": further or False}

    @mapping
    @changed_by("views")
    def translated(self, record):
        """Keep which texts a view has of its own: it shows the default where it has none, and does not say so."""
        own = {
            lang: sorted(name for name, value in texts.items() if value != record[name])
            for lang, texts in record["views"].items()
        }
        return {"translated": {lang: names for lang, names in own.items() if names} or False}

    @only_create
    @mapping
    def kind(self, record):
        if record["type"] in SERVICE_TYPES:
            return {"type": "service"}
        return {"type": "consu", "is_storable": True}


@magento
class ProductImportMapper(BaseProductImportMapper):
    _apply_on = "magento.product.product"
    direct = [
        ("sku", "default_code"),
        (convert("weight", float), "weight"),
        (convert("weight", float), "magento_weight"),
    ]
    children = [("members", "member_ids", "magento.product.member")]

    @only_create
    @mapping
    def kind(self, record):
        if record["type"] in SERVICE_TYPES:
            return {"type": "service"}
        # What is composed of other products has no stock of its own, and its parts are what is sold.
        return {"type": "consu", "is_storable": record["type"] == "simple", "sale_ok": record["type"] == "simple"}

    def finalize(self, map_record, values):
        values = super().finalize(map_record, values)
        if self.options.is_variant:
            # What all variants have in common comes with the configurable product, or is Odoo's.
            fields = self.env["product.product"]._fields
            values = {name: value for name, value in values.items() if not (name in fields and fields[name].inherited)}
        return values


@magento
class MemberImportMapper(ImportMapper):
    _apply_on = "magento.product.member"
    direct = [
        ("link_id", "external_id"),
        (external_to_m2o("product_id"), "product_id"),
        (convert("qty", float), "qty"),
        (convert("position", int), "position"),
    ]

    def skip_item(self, map_record):
        """A configurable product may be a member as well; it is not sold itself."""
        return map_record.source["type"] == "configurable"


class BaseProductImporter(CatalogueImporter):
    """What the imports of products of all types have in common."""

    def _import_dependencies(self, record):
        wanted = [(record["set"], "magento.attribute.set"), *((site, "magento.website") for site in record["websites"])]
        if str(record.get("tax_class_id") or 0) != "0":
            wanted.append((record["tax_class_id"], "magento.tax.class"))
        self.import_dependencies((str(external_id), model_name) for external_id, model_name in wanted)
        for external_id in record["categories"]:
            with suppress(SkipError):  # a root category
                self.import_dependency(str(external_id), "magento.product.category")

    def _after_import(self, binding):
        image = main_image(self.external_record["images"])
        if self.backend.images_imported and (image or {}).get("file") != (binding.image_file or None):
            binding._enqueue_image()


@magento
class ProductImporter(BaseProductImporter):
    """Imports a product; one that is a variant becomes a variant of its configurable product.

    Where that cannot be, because it lacks one of the attributes or has the same values as another variant, it is a
    product of its own, as those are whose configurable product is not known.
    """

    _apply_on = "magento.product.product"
    _is_variant = False

    def _check_importable(self, record):
        if record["type"] == "configurable":
            raise SkipError(f"product {record['sku']} is configurable: it is a product with variants here")

    def _import_dependencies(self, record):
        super()._import_dependencies(record)
        for member in record.get("members") or ():
            self.import_dependency(str(member["product_id"]), "magento.product.product")

    def _map(self, record, binding):
        template, combination = self._place(record, binding)
        is_variant = bool(template) or _is_variant(binding)
        values = self.mapper.map_record(record).values(for_create=not binding, binding=binding, is_variant=is_variant)
        if template:
            values["magento_template_id"] = template.id
        product = template.odoo_id._get_variant_for_combination(combination) if template else None
        if product and not binding:
            # A quotation may have made it before the shop did.
            values["odoo_id"] = product.id
        elif template and (not binding or product != binding.odoo_id):
            values["product_tmpl_id"] = template.odoo_id.id
            values["product_template_attribute_value_ids"] = [Command.set(combination.ids)]
        return values

    def _update(self, binding, values):
        before = binding.odoo_id.product_tmpl_id
        super()._update(binding, values)
        if binding.odoo_id.product_tmpl_id != before:
            # It was a product of its own until its configurable product came; all that refers to it still does.
            before.with_context(active_test=False).filtered(lambda one: not one.product_variant_ids).action_archive()

    def _finish(self, binding):
        self._is_variant = _is_variant(binding)
        super()._finish(binding)

    def _create_many(self, values_list):
        bindings = super()._create_many(values_list)
        if self.backend.first_stock:
            bindings.filtered("is_storable")._enqueue_import_stock()
        return bindings

    def _texts(self, record):
        # The texts of a variant are those of its configurable product.
        return {} if self._is_variant else super()._texts(record)

    def _place(self, record: dict[str, Any], binding: Any) -> tuple[Any, Any]:
        """Return the binding (0..1) of the configurable product, and the values of its attributes on this one."""
        template = binding.magento_template_id if binding else self.env["magento.product.template"]
        combination = self.env["product.template.attribute.value"]
        template = template or self._template(record)
        if template:
            combination = self._combination(template, record)
            if combination is None:
                # A value that the configurable product had no variant with before.
                self.import_dependency(template.external_id, template._name, force=True)
                combination = self._combination(template, record)
        if combination and not self._is_taken(template, combination, binding):
            return template, combination
        if binding and binding.magento_template_id:
            # It stays the variant that it was: all that refers to it means that one.
            return template, binding.odoo_id.product_template_attribute_value_ids
        return template.browse(), combination

    def _template(self, record: dict[str, Any]) -> Any:
        """Return the binding (0..1) of the configurable product that a product is a variant of."""
        known = self.env["magento.product.template"]
        if self.backend.variant_rule == "none" or record["type"] not in PLAIN_TYPES:
            return known
        known = known.search([("backend_id", "=", self.backend.id), ("sku", "in", beginnings(record["sku"]))])
        if known or str(record["visibility"]) != NOT_VISIBLE:
            return known.sorted(lambda template: len(template.sku))[-1:]
        external_id = self.unit(Adapter, known._name).configurable_of(record)
        return self.import_dependency(external_id, known._name)

    def _combination(self, template: Any, record: dict[str, Any]) -> Any:
        """Return the values (n) of the template's attributes that a record has; None where one is not known yet."""
        combination = self.env["product.template.attribute.value"]
        options = self.binder_for("magento.attribute.option")
        for attribute in template.attribute_ids:
            value = record.get(attribute.external_id)
            option = options.to_internal(str(value)) if value else options.model
            found = template.attribute_line_ids.product_template_value_ids.filtered(
                lambda one, option=option: one.ptav_active and one.product_attribute_value_id == option.odoo_id
            )
            if not found:
                return None if value else combination.browse()
            combination |= found
        return combination

    def _is_taken(self, template: Any, combination: Any, binding: Any) -> bool:
        """Tell whether another product of the shop is the variant with these values."""
        product = template.odoo_id._get_variant_for_combination(combination)
        others = self.binder.wrap(product) if product else self.model
        return bool(others - binding if binding else others)


def _is_variant(binding: Any) -> bool:
    """Tell whether a binding's (0..1) product is one of several variants, whose name and price are those of all."""
    return bool(binding) and bool(binding.magento_template_id or binding.product_tmpl_id.product_variant_count > 1)
