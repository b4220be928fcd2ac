"""Describe the attributes of products, categories and customers: column type, scope, and what a write makes of them.

The scope says how far a value reaches: `global` (one for the shop), `website` (one per website) or `store` (one per
store view); a view without a value of its own falls back on the default, and nothing in an answer tells which it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from .scalars import date, decimal4, integer, text

Backend = Literal["int", "decimal", "text", "date", "list"]
Scope = Literal["global", "website", "store"]


@dataclass(frozen=True)
class Attribute:
    """The definition of an attribute."""

    attribute_id: int
    code: str
    #: how the shop's forms show it: `text`, `select`, `price`...
    input_type: str
    required: bool
    scope: Scope
    backend: Backend

    def cast(self, value: Any) -> Any:
        """Return `value` as the column holds it; nothing is refused, an unknown option id least of all."""
        if value is None:
            return None
        match self.backend:
            case "int":
                return integer(value) if value != "" else None
            case "decimal":
                return decimal4(value) if value != "" else None
            case "date":
                return date(value)
            case "list":
                return [text(item) for item in value] if isinstance(value, list) else text(value).split(",")
        return text(value)


_BACKENDS: dict[str, Backend] = {"select": "int", "price": "decimal", "weight": "decimal", "date": "date"}


def _table(first_id: int, lines: str) -> dict[str, Attribute]:
    """Read lines of `code input_type scope [required] [backend=...]`."""
    attributes = {}
    for attribute_id, line in enumerate(lines.strip().splitlines(), first_id):
        code, input_type, scope, *rest = line.split()
        backend = next((item[8:] for item in rest if item.startswith("backend=")), _BACKENDS.get(input_type, "text"))
        attributes[code] = Attribute(
            attribute_id,
            code,
            input_type,
            "required" in rest,
            scope,  # type: ignore[arg-type]
            backend,  # type: ignore[arg-type]
        )
    return attributes


#: By code. `color` and `size` tell the variants of a configurable product apart.
PRODUCT_ATTRIBUTES = _table(
    73,
    """
name text store required
description textarea store required
short_description textarea store required
sku text global required
weight weight global required
old_id text global backend=int
news_from_date date website
news_to_date date website
status select website required
url_key text store
url_path text store
visibility select store required
category_ids text global
required_options text global backend=int
has_options text global backend=int
image_label text store
small_image_label text store
thumbnail_label text store
created_at date global
updated_at date global
country_of_manufacture select website backend=text
color select global
size select global
manufacturer select global
price price website required
group_price text website
special_price price website
special_from_date date website
special_to_date date website
cost price website
tier_price text website
minimal_price price store
msrp_enabled select website backend=text
msrp_display_actual_price_type select website backend=text
msrp price website
tax_class_id select website required
meta_title text store
meta_keyword textarea store
meta_description textarea store
is_recurring select global
recurring_profile text global
custom_design select store backend=text
custom_design_from date store
custom_design_to date store
custom_layout_update textarea store
page_layout select store backend=text
options_container select store backend=text
gift_message_available select global backend=text
image media_image store
small_image media_image store
thumbnail media_image store
media_gallery gallery global
price_view select global
price_type text global
weight_type text global
shipment_type text global
links_title text store
samples_title text store
""",
)

CATEGORY_ATTRIBUTES = _table(
    41,
    """
name text store required
is_active select store required
url_key text store
url_path text store
description textarea store
image image store
meta_title text store
meta_keywords textarea store
meta_description textarea store
display_mode select store backend=text
landing_page select store
is_anchor select global
custom_design select store backend=text
custom_design_from date store
custom_design_to date store
page_layout select store backend=text
custom_layout_update textarea store
available_sort_by multiselect store required backend=list
default_sort_by select store required backend=text
include_in_menu select store required
custom_use_parent_settings select store
custom_apply_to_products select store
filter_price_range text store backend=decimal
""",
)

CUSTOMER_ATTRIBUTES = _table(
    1,
    """
website_id select global required
store_id select global required
created_in text global
prefix text global
firstname text global required
middlename text global
lastname text global required
suffix text global
email text global required
group_id select global required
dob date global
password_hash hidden global
default_billing text global backend=int
default_shipping text global backend=int
taxvat text global
confirmation text global
gender select global
rp_token hidden global
rp_token_created_at date global
disable_auto_group_change boolean global backend=int
password_created_at text global backend=int
rp_customer_id text global
""",
)

ADDRESS_ATTRIBUTES = _table(
    30,
    """
prefix text global
firstname text global required
middlename text global
lastname text global required
suffix text global
company text global
street multiline global required
city text global required
country_id select global required backend=text
region text global
region_id hidden global backend=int
postcode text global required
telephone text global required
fax text global
vat_id text global
vat_is_valid text global
vat_request_id text global
vat_request_date text global
vat_request_success text global
""",
)

#: The options of the attributes that have some: attribute code -> (id, label).
OPTIONS: dict[str, tuple[tuple[int, str], ...]] = {
    "size": ((3, "S"), (4, "M"), (5, "L")),
    "color": ((7, "Red"), (8, "Blue")),
    "manufacturer": ((11, "Acme"), (12, "Umbrella"), (13, "Initech")),
    "status": ((1, "Enabled"), (2, "Disabled")),
    "visibility": ((1, "Not Visible Individually"), (2, "Catalog"), (3, "Search"), (4, "Catalog, Search")),
    "tax_class_id": ((0, "None"), (2, "Taxable Goods"), (4, "Shipping")),
}

#: What attributes and their options are called: attribute code -> label, and in the French view 3, where it differs.
LABELS = {"size": "Size", "color": "Color", "manufacturer": "Manufacturer"}
FRENCH_LABELS: dict[str | int, str] = {"size": "Taille", "color": "Couleur", 7: "Rouge", 8: "Bleu"}


class ScopedValues:
    """The values of one record's attributes: the default's, and each store view's own."""

    def __init__(self, attributes: dict[str, Attribute]) -> None:
        self._attributes = attributes
        self._values: dict[int, dict[str, Any]] = {0: {}}

    def get(self, code: str, store_id: int = 0) -> Any:
        """Return the value in a store view, by default or for want of one there the default value, else None."""
        own = self._values.get(store_id, {})
        return own[code] if code in own else self._values[0].get(code)

    def put(self, values: dict[str, Any], store_ids: Iterable[int] = (0,)) -> None:
        """Set `values` in each of these views (0 is the default); unknown attributes are left out, silently.

        In a view False removes the view's own value, so that the default shows again.
        """
        for code, value in values.items():
            attribute = self._attributes.get(code)
            if attribute is None:
                continue
            for store_id in (0,) if attribute.scope == "global" else store_ids:
                own = self._values.setdefault(store_id, {})
                if value is False and store_id:
                    own.pop(code, None)
                else:
                    own[code] = attribute.cast(value)

    def overrides(self, store_id: int) -> dict[str, Any]:
        """Return a store view's own values."""
        return dict(self._values.get(store_id, {}))
