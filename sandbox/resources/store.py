"""Serve the store views, the customer groups, the countries and regions, and the shop's version."""

from __future__ import annotations

from typing import Any

from ..directory import COUNTRIES, REGIONS
from ..scalars import text
from ..shop import Store
from .base import Resource, api_method


class StoreResource(Resource):
    """Serve `store.*`: the store views. No call lists websites or groups."""

    name = "core_store"

    def _row(self, store: Store) -> dict[str, Any]:
        return {
            "store_id": store.store_id,
            "code": store.code,
            "website_id": store.website_id,
            # Each website has one store group, with the website's id.
            "group_id": store.website_id,
            "name": store.name,
            "sort_order": store.sort_order,
            "is_active": 1,
        }

    @api_method("list", reads=True)
    def list_all(self) -> list[dict[str, Any]]:
        """Return all store views, by code."""
        return [self._row(store) for store in sorted(self.shop.stores.values(), key=lambda store: store.code)]

    @api_method("info", reads=True)
    def info(self, store: Any) -> dict[str, Any]:
        """Return one store view by id or code."""
        found = self.shop.find_store(store)
        if found is None:
            raise self.fault(100)
        return self._row(found)


class MagentoResource(Resource):
    """Serve `magento.info`."""

    name = "core_magento"

    @api_method("info", reads=True)
    def info(self) -> dict[str, Any]:
        """Return edition and version."""
        return {"magento_edition": "Community", "magento_version": "1.9.4.5", "openmage_version": "19.4.23"}


class CustomerGroupResource(Resource):
    """Serve `customer_group.*`; the group of those who are not logged in has the id 0."""

    name = "customer_group"

    @api_method("list", reads=True)
    def list_all(self) -> list[dict[str, Any]]:
        """Return all customer groups, by id."""
        groups = sorted(self.shop.customer_groups.items())
        return [{"customer_group_id": group_id, "customer_group_code": code} for group_id, code in groups]


class CountryResource(Resource):
    """Serve `country.*`."""

    name = "directory_country"

    @api_method("list", reads=True)
    def list_all(self) -> list[dict[str, Any]]:
        """Return all countries; their id is the ISO code."""
        return [
            {"country_id": c.iso2, "iso2_code": c.iso2, "iso3_code": c.iso3, "name": c.name} for c in COUNTRIES.values()
        ]


class RegionResource(Resource):
    """Serve `region.*`."""

    name = "directory_region"

    @api_method("list", reads=True)
    def list_all(self, country: Any) -> list[dict[str, Any]]:
        """Return the regions of a country by its code, none for one that has none."""
        code = text(country).upper() if country is not None else ""
        wanted = next((c for c in COUNTRIES.values() if code in (c.iso2, c.iso3)), None)
        if wanted is None:
            raise self.fault(101)
        return [
            {"region_id": region.region_id, "code": region.code, "name": region.name}
            for region in REGIONS.values()
            if region.country == wanted.iso2
        ]
