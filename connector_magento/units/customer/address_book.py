"""Finding the address books that changed: the shop counts that as no change of the customer."""

from __future__ import annotations

from typing import Any

from odoo.addons.connector_framework.exceptions import ExternalNotFoundError
from odoo.addons.connector_framework.synchronizers import BatchImporter, DelayedBatchImporter, digest

from ...references import magento


@magento
class AddressBookBatchImporter(DelayedBatchImporter):
    """Compares the address book of each account that is here, and enqueues the import of those that differ.

    Accounts that the shop has deleted are found as well.
    """

    _apply_on = "magento.address"
    #: Address books that are read in one job, in few requests.
    page_size = 500

    def run_page(self, filters: Any, cursor: int | None, progress: dict[str, Any]) -> str:
        """Compare one page; the cursor is the id of the last account."""
        accounts = self.env["magento.res.partner"].search(
            [
                ("backend_id", "=", self.backend.id),
                ("external_id", "!=", False),
                ("sync_state", "!=", "gone"),
                ("id", ">", cursor or 0),
            ],
            order="id",
            limit=self.page_size,
        )
        known = {account.external_id: account.address_hash for account in accounts}
        changed = [number for number, hash_ in self._books(list(known)).items() if hash_ != known[number]]
        if changed:
            self.unit(BatchImporter, "magento.res.partner").enqueue(changed, progress)
        progress = {**progress, "count": progress["count"] + len(changed)}
        if len(accounts) == self.page_size:
            return self._continue(filters, accounts[-1].id, progress)
        return self.env._("%s changed", progress["count"])

    def _books(self, customer_ids: list[str]) -> dict[str, str | None]:
        """Return what tells one address book from another one, by customer; None for a customer who is gone."""
        try:
            return dict(zip(customer_ids, map(digest, self.adapter.books(customer_ids)), strict=True))
        except ExternalNotFoundError:
            if len(customer_ids) == 1:
                return {customer_ids[0]: None}
        # One of them is gone: the halves are asked, down to that one.
        middle = len(customer_ids) // 2
        return {**self._books(customer_ids[:middle]), **self._books(customer_ids[middle:])}
