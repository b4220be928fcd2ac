"""Websites, their stores and store views. The API knows store views alone; the rest is derived from them."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.mappings import ImportMapper, convert, external_to_m2o, mapping, only_create

from ..references import magento
from .adapter import ListedAdapter
from .importer import MagentoImporter

#: The id of the website and of the store view that the admin itself is: those that were made there without one.
ADMIN = "0"


@magento
class StoreviewAdapter(ListedAdapter):
    _apply_on = ("magento.website", "magento.store", "magento.storeview")
    _resource = "store"

    #: Which key of a store view is the id.
    _id_keys = {"magento.website": "website_id", "magento.store": "group_id", "magento.storeview": "store_id"}

    @property
    def _id_key(self) -> str:
        return self._id_keys[self.work.model_name]

    def _fetch(self) -> list[dict[str, Any]]:
        """Return the store views; a website or store is the first one that it has."""
        return sorted(super()._fetch(), key=lambda row: int(row["store_id"]))

    def read_many(self, ids, fields=None):
        found = super().read_many(ids, fields)
        if self.work.model_name == "magento.website" and ADMIN in map(str, ids):
            # The list leaves it out; customers may belong to it.
            found[ADMIN] = {"website_id": ADMIN}
        return found


@magento
class WebsiteImportMapper(ImportMapper):
    _apply_on = "magento.website"

    @only_create
    @mapping
    def name(self, record):
        """The API does not tell it; a person may enter a better one."""
        return {"name": "Admin" if record["website_id"] == ADMIN else f"Website {record['website_id']}"}


@magento
class StoreImportMapper(ImportMapper):
    _apply_on = "magento.store"
    direct = [(external_to_m2o("website_id"), "website_id")]

    @only_create
    @mapping
    def name(self, record):
        return {"name": f"Store {record['group_id']}"}


@magento
class StoreviewImportMapper(ImportMapper):
    _apply_on = "magento.storeview"
    direct = [
        ("name", "name"),
        ("code", "code"),
        (convert("sort_order", int), "sequence"),
        (external_to_m2o("group_id"), "store_id"),
    ]

    @mapping
    def enabled(self, record):
        return {"enabled": str(record["is_active"]) == "1"}


@magento
class StoreImporter(MagentoImporter):
    _apply_on = "magento.store"

    def _import_dependencies(self, record):
        self.import_dependency(str(record["website_id"]), "magento.website")


@magento
class StoreviewImporter(MagentoImporter):
    _apply_on = "magento.storeview"

    def _import_dependencies(self, record):
        self.import_dependency(str(record["group_id"]), "magento.store")
