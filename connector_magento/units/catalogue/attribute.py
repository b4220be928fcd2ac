"""What products are described by: attribute sets, tax classes, and the attributes that variants differ in."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ConfigurationError, ExternalNotFoundError
from odoo.addons.connector_framework.mappings import ImportMapper, convert, mapping, only_create

from ...references import magento
from ..adapter import MagentoAdapter
from ..importer import CatalogueImporter


class ListedAdapter(MagentoAdapter):
    """Records that the API has only a list of."""

    def search(self, filters: dict | None = None, cursor: Any = None) -> tuple[list[str], None]:
        return self._ids(self._rows()), None

    def read(self, external_id: str, fields: Any = None) -> dict[str, Any]:
        for row in self._rows():
            if str(row[self._id_key]) == str(external_id):
                return row
        raise ExternalNotFoundError(f"the shop has no {self.model._description} {external_id}")

    def read_many(self, ids: Any, fields: Any = None) -> dict[str, dict[str, Any]]:
        rows = {str(row[self._id_key]): row for row in self._rows()}
        return {external_id: rows[str(external_id)] for external_id in ids if str(external_id) in rows}

    def _rows(self) -> list[dict[str, Any]]:
        shared, key = self.work.shared, f"magento.list:{self.work.model_name}"
        if key not in shared:
            shared[key] = self._fetch()
        return shared[key]

    def _fetch(self) -> list[dict[str, Any]]:
        return self.call(f"{self._resource}.list")


@magento
class AttributeSetAdapter(ListedAdapter):
    _apply_on = "magento.attribute.set"
    _resource = "product_attribute_set"
    _id_key = "set_id"


@magento
class AttributeSetImportMapper(ImportMapper):
    _apply_on = "magento.attribute.set"
    direct = [("name", "name")]


@magento
class TaxClassAdapter(ListedAdapter):
    """The API has no tax classes, but they are the options of an attribute."""

    _apply_on = "magento.tax.class"
    _id_key = "value"

    def _fetch(self) -> list[dict[str, Any]]:
        return [row for row in self.call("product_attribute.options", "tax_class_id") if row["value"] != ""]


@magento
class TaxClassImportMapper(ImportMapper):
    _apply_on = "magento.tax.class"
    direct = [("label", "name")]


@magento
class AttributeAdapter(MagentoAdapter):
    """An attribute with its options, in all languages of the store views.

    A record has ``code``, ``options`` (``value`` and ``label``) and ``labels``: language code -> option id -> the
    label, and that of the attribute itself under an empty text.
    """

    _apply_on = "magento.attribute"
    _resource = "product_attribute"
    _id_key = "code"

    def read(self, external_id: str, fields: Any = None) -> dict[str, Any]:
        views = {lang: views[0].external_id for lang, views in self.backend._views_by_lang().items()}
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
