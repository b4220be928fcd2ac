"""Importing many records: the metadata at once, the rest by a job a record, incrementally."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from odoo.addons.connector_framework.synchronizers import BatchImporter, DelayedBatchImporter, DirectBatchImporter

from ..references import magento

#: What the shop is made of: few, small, and what all else refers to.
METADATA = (
    "magento.website",
    "magento.store",
    "magento.storeview",
    "magento.customer.group",
    "magento.attribute.set",
    "magento.tax.class",
)


@magento
class MetadataBatchImporter(DirectBatchImporter):
    _apply_on = METADATA


@magento
class RecordBatchImporter(DelayedBatchImporter):
    """The stream of each model goes by ``updated_at``; what comes twice is dropped by its content."""

    _apply_on = (
        "magento.res.partner",
        "magento.product.template",
        "magento.product.product",
        "magento.sale.order",
    )
    stream = True
    # Windows of ids.
    stable_pages = True

    def _since_filters(self, since: datetime) -> dict:
        return {"updated_at": {"gteq": since.strftime("%Y-%m-%d %H:%M:%S")}}

    def _now(self) -> datetime:
        # The dates are the shop's, whatever our clock says: its answer to a call has its time.
        self.adapter.ping()
        return self.adapter.server_time() or super()._now()


@magento
class CategoryBatchImporter(RecordBatchImporter):
    """Imports categories, and the products that were put into one or taken out of it: that is no change of them."""

    _apply_on = "magento.product.category"
    job_channel = "root.magento.category"

    def run_page(self, filters, cursor, progress):
        result = super().run_page(filters, cursor, progress)
        if filters and "updated_at" in filters:
            for model_name, ids in self._reassigned().items():
                self.unit(BatchImporter, model_name).enqueue(ids, progress)
        return result

    def _reassigned(self) -> dict[str, list[str]]:
        """Return the ids of products, by model, whose categories here are not those that the shop's list them in."""
        categories = self.model.with_context(active_test=False).search(
            [("backend_id", "=", self.backend.id), ("sync_state", "!=", "gone"), ("external_id", "!=", False)]
        )
        there = defaultdict(set)
        listed = self.adapter.products(categories.mapped("external_id"))
        for category, products in listed.items():
            for product in products:
                there[product].add(category)
        known = categories.filtered(lambda one: one.external_id in listed)
        result = {}
        for model_name in ("magento.product.template", "magento.product.product"):
            products = self.env[model_name].with_context(active_test=False)
            domain = [("backend_id", "=", self.backend.id), ("sync_state", "!=", "gone")]
            products = products.search_fetch([*domain, ("external_id", "!=", False)], ["external_id", "category_ids"])
            ids = [
                one.external_id
                for one in products
                if set((one.category_ids & known).mapped("external_id")) != there.get(one.external_id, set())
            ]
            if ids:
                result[model_name] = ids
        return result
