"""The attributes that variants differ in."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ConfigurationError
from odoo.addons.connector_framework.mappings import ImportMapper, convert, mapping, only_create

from ...references import magento
from .adapter import CatalogueAdapter
from .importer import CatalogueImporter


@magento
class AttributeAdapter(CatalogueAdapter):
    """An attribute with its options, in all languages of the store views.

    A record has ``code``, ``options`` (``value`` and ``label``) and ``labels``: language code -> option id -> the
    label, and that of the attribute itself under an empty text.
    """

    _apply_on = "magento.attribute"
    _resource = "product_attribute"
    _id_key = "code"

    def read(self, external_id: str, fields: Any = None) -> dict[str, Any]:
        views = self._view_ids()
        calls = [("product_attribute.options", [external_id, view]) for view in (None, *views.values())]
        options, *translated = ([row for row in rows if row["value"] != ""] for rows in self.multi_call(calls))
        names = self._names(external_id)
        labels = {}
        for (lang, view), rows in zip(views.items(), translated, strict=True):
            labels[lang] = {str(row["value"]): row["label"] for row in rows}
            if names.get(view):
                labels[lang][""] = names[view]
        return {"code": external_id, "name": names.get("0"), "options": options, "labels": labels}

    def _names(self, code: str) -> dict[str, str]:
        """Return the attribute's labels by store view; none where the shop's API is too old to tell."""
        try:
            info = self.call("product_attribute.info", code)
        except ConfigurationError:
            return {}
        return {str(row["store_id"]): row["label"] for row in info.get("frontend_label") or ()}


@magento
class AttributeImportMapper(ImportMapper):
    _apply_on = "magento.attribute"
    children = [("options", "option_ids", "magento.attribute.option")]

    @only_create
    @mapping
    def attribute(self, record):
        return {
            "name": record["name"] or record["code"].replace("_", " ").capitalize(),
            # Which of the combinations there are is up to the shop.
            "create_variant": "dynamic",
            "display_type": "select",
        }


@magento
class AttributeOptionImportMapper(ImportMapper):
    _apply_on = "magento.attribute.option"
    direct = [(convert("value", str), "external_id"), ("label", "name")]


@magento
class AttributeImporter(CatalogueImporter):
    _apply_on = "magento.attribute"

    def _texts(self, record):
        names = {lang: {"name": labels[""]} for lang, labels in record["labels"].items() if "" in labels}
        return {self.backend.lang_id.code: {"name": record["name"]}, **names}

    def _after_import(self, binding):
        for lang, labels in self.external_record["labels"].items():
            for option in binding.option_ids.with_context(lang=lang):
                label = labels.get(option.external_id)
                if label and label != option.name:
                    option.name = label
