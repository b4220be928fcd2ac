"""Products in the API: what is read of one in one request, and how changes are written.

A record is what ``catalog_product.info`` returns, with more keys: ``images`` (rows of ``product_media.list``),
``views`` (language code -> the texts as they read in a view of that language), ``prices`` (website id -> the prices as
they read there). Of a grouped product ``members``; of a configurable one ``attributes`` (codes) and ``variants``
(product id -> code -> option id).

What is written has plain keys for the default scope and ``name@3`` for the name in store view 3. ``stock`` is a dict
for the stock item.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ...references import magento, magento_1_7
from .adapter import CatalogueAdapter, only

PRICES = ("price", "special_price", "special_from_date", "special_to_date")
#: Types of products that can be a variant.
PLAIN_TYPES = ("simple", "virtual", "downloadable")


class BaseProductAdapter(CatalogueAdapter):
    """What products of all types have in common."""

    _resource = "catalog_product"
    _id_key = "product_id"

    # What a view or a website has of a product is small.
    _multi_call_size = 200

    #: Which types ``search`` finds.
    _types: ClassVar[dict[str, Any]] = {}

    def _list(self, filters: dict) -> list[dict[str, Any]]:
        return super()._list({"type": self._types, **filters})

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return products with their images, and with what their views and websites have of their own."""
        if fields:
            answers = self._answers(ids, lambda i: [("catalog_product.info", [i, None, list(fields)])])
            return {external_id: self._checked(external_id, record) for external_id, (record,) in answers.items()}
        # Any view of a website has its prices.
        sites = {view.website_id.external_id: view.external_id for view in reversed(self.backend.storeview_ids)}

        def calls_of(external_id: str) -> list[tuple[str, list[Any]]]:
            return [
                ("catalog_product.info", [external_id]),
                ("product_media.list", [external_id]),
                *(("catalog_product.info", [external_id, view, list(PRICES)]) for view in sites.values()),
                *self._text_calls(external_id),
            ]

        return {
            external_id: {
                **self._checked(external_id, record),
                "images": images,
                "prices": {site: only(view, PRICES) for site, view in zip(sites, views, strict=False)},
                "views": self._texts(views[len(sites) :]),
            }
            for external_id, (record, images, *views) in self._answers(ids, calls_of).items()
        }

    def images(self, external_id: str) -> list[dict[str, Any]]:
        """Return the images of a product, by position."""
        return self.call("product_media.list", external_id)

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        """Change a product, by its id, in one request."""
        for _result in self.multi_call(self._write_calls(external_id, data)):
            pass

    def write_many(self, changes: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Exception | None]:
        """Change products in few requests.

        :return: for each the first error that the shop answered with, or None
        """
        calls = [self._write_calls(external_id, data) for external_id, data in changes]
        results = self.multi_call([call for of_one in calls for call in of_one], return_errors=True)
        errors = [[next(results) for _call in of_one] for of_one in calls]
        return [next((one for one in of_one if isinstance(one, Exception)), None) for of_one in errors]

    def _write_calls(self, external_id: str, data: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
        """Return the calls that change a product, (path, arguments) each."""
        scopes: dict[str | None, dict[str, Any]] = defaultdict(dict)
        for target, value in data.items():
            if target not in ("stock", "type", "set"):
                name, _, view = target.partition("@")
                scopes[view or None][name] = value
        calls: list[tuple[str, list[Any]]] = [
            ("catalog_product.update", [external_id, values, *([view] if view else [])])
            for view, values in sorted(scopes.items(), key=lambda item: item[0] or "")
        ]
        if "stock" in data:
            # The update before may have given it another SKU.
            sku = data.get("sku") or data["stock"].get("sku")
            calls.append(self._stock_call(external_id, {**data["stock"], "sku": sku}))
        return calls

    def stocks(self, skus: Mapping[str, str | None]) -> dict[str, Any]:
        """Return the quantities of products by id; those that have no stock item are left out.

        :param skus: SKU by id: these calls look for a SKU before they look for an id
        """
        found: dict[str, Any] = {}
        for asked in ([sku or number for number, sku in skus.items()], list(skus)):
            if len(found) < len(skus):
                rows = self.call("cataloginventory_stock_item.list", asked)
                found = {**{str(row["product_id"]): row["qty"] for row in rows}, **found}
        return {number: found[number] for number in skus if found.get(number) is not None}

    def write_stocks(self, stocks: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Any]:
        """Change the stock of many products.

        :param stocks: (external id, values) each
        :return: for each True, or the error that the shop answered with
        """
        return list(self.multi_call([self._stock_call(*stock) for stock in stocks], return_errors=True))

    def _unsent_answer(self, method: str, *args: Any) -> Any:
        return [True for _stock in args[0]] if method == "write_stocks" else super()._unsent_answer(method, *args)

    @staticmethod
    def _stock_call(external_id: str, stock: Mapping[str, Any]) -> tuple[str, list[Any]]:
        values = dict(stock)
        # These calls look for a SKU before they look for an id.
        return "cataloginventory_stock_item.update", [values.pop("sku", None) or external_id, values]


@magento
class ProductAdapter(BaseProductAdapter):
    _apply_on = "magento.product.product"
    _types = {"neq": "configurable"}

    def id_of_sku(self, sku: str) -> str | None:
        """Return the id of the product with a SKU; None if there is none. SKUs that look like an id are found too."""
        # The shop compares without regard to case, as the uniqueness of its SKUs does.
        rows = self.call("catalog_product.list", {"sku": sku})
        return str(rows[0]["product_id"]) if rows else None

    def create(self, data: Mapping[str, Any]) -> str:
        """Create a product.

        :param data: beside the attributes ``type``, ``set`` and ``sku``, and ``stock``
        """
        attributes = {name: value for name, value in data.items() if name not in ("type", "set", "sku", "stock")}
        if "stock" in data:
            attributes["stock_data"] = {name: value for name, value in data["stock"].items() if name != "sku"}
        return str(self.call("catalog_product.create", data["type"], data["set"], data["sku"], attributes))

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        records = super().read_many(ids, fields)
        groups = [record for record in records.values() if record["type"] == "grouped"]
        calls = [("product_link.list", ["grouped", record["product_id"]]) for record in groups]
        for record, members in zip(groups, self.multi_call(calls), strict=True):
            # A link has no id of its own.
            record["members"] = [{**row, "link_id": f"{record['product_id']}:{row['product_id']}"} for row in members]
        return records


@magento
class TemplateAdapter(BaseProductAdapter):
    """Configurable products.

    The API tells neither their variants nor the attributes that these differ in. Where a shop has an extension that
    does, override :meth:`variants` and :meth:`configurable_of`.
    """

    _apply_on = "magento.product.template"
    _types = {"eq": "configurable"}

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        records = super().read_many(ids, fields)
        for record in () if fields else records.values():
            record["variants"] = self.variants(record) if self.backend.variant_rule == "sku" else {}
            configured = [set(values) for values in record["variants"].values()]
            record["attributes"] = sorted(set.intersection(*configured)) if configured else []
        return records

    def variants(self, record: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Return what the variants of a configurable product are configured by: product id -> code -> option id."""
        sku = record["sku"]
        rows, attributes = self.multi_call(
            [
                ("catalog_product.list", [{"sku": {"like": f"{sku}%"}}]),
                ("product_attribute.list", [record["set"]]),
            ]
        )
        others = [row["sku"] for row in rows if row["type"] == "configurable" and begins_with(row["sku"], sku)]
        variants = [
            row
            for row in rows
            if row["type"] in PLAIN_TYPES
            and begins_with(row["sku"], sku)
            # TEE-LONG-RED belongs to TEE-LONG, not to TEE.
            and not any(begins_with(row["sku"], other) for other in others)
        ]
        # Of its own data a configurable product leaves out what it is configured by.
        codes = [
            row["code"]
            for row in attributes
            if row["type"] == "select" and row["scope"] == "global" and row["code"] not in record
        ]
        infos = self.multi_call([("catalog_product.info", [row["product_id"], None, codes]) for row in variants])
        return {
            str(info["product_id"]): {code: str(info[code]) for code in codes if str(info.get(code) or 0) != "0"}
            for info in infos
        }

    def configurable_of(self, record: Mapping[str, Any]) -> str | None:
        """Return the id of the configurable product that a plain one is a variant of; None for none."""
        skus = beginnings(record["sku"])
        rows = self.call("catalog_product.list", {"type": "configurable", "sku": {"in": skus}}) if skus else []
        longest = max(rows, key=lambda row: len(row["sku"]), default=None)
        return longest and str(longest["product_id"])


class SmallRequests:
    """Shops of that age run on PHP 5, whose arrays take several times the memory: fewer calls in one request."""

    _page_size = 100
    _multi_call_size = 50


@magento_1_7(replacing=ProductAdapter)
class ProductAdapter17(SmallRequests, ProductAdapter):
    pass


@magento_1_7(replacing=TemplateAdapter)
class TemplateAdapter17(SmallRequests, TemplateAdapter):
    pass


def begins_with(sku: str, other: str) -> bool:
    """Tell whether a SKU is that of another product and more: after it comes neither a letter nor a digit."""
    return sku.startswith(other) and len(sku) > len(other) and not sku[len(other)].isalnum()


def beginnings(sku: str) -> list[str]:
    """Return what the SKU of a product begins with, as :func:`begins_with` tells it."""
    return [sku[: match.start()] for match in re.finditer(r"[\W_]", sku) if match.start()]
