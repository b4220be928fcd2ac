"""Make the categories and the products of the demo shop."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..scalars import DATE_FORMAT
from ..shop import ATTRIBUTE_SET, Category, Product, Shop, StockItem, url_key

Moment = Callable[[int], datetime]

#: Name and French name of each category right below the main root; each has four below it.
TOP_CATEGORIES = (
    ("Furniture", "Meubles"),
    ("Electronics", "Électronique"),
    ("Apparel", "Vêtements"),
    ("Household", "Maison"),
    ("Books", "Livres"),
)
SUBCATEGORIES = 4
B2B_CATEGORIES = 5

#: Products `SKU-0001`... ; every 25th is virtual, the others are simple.
PLAIN_PRODUCTS = 160
CONFIGURABLES = 5
GROUPS = 5
COLORS = ((7, "Red"), (8, "Blue"))
SIZES = ((3, "S"), (4, "M"), (5, "L"))

_FR = 3
_B2B = 2


def _dates(at: datetime) -> tuple[str, str]:
    return at.strftime(DATE_FORMAT), (at + timedelta(minutes=30)).strftime(DATE_FORMAT)


def _add_category(shop: Shop, moment: Moment, parent_id: int, values: dict[str, Any], french: str = "") -> int:
    category_id = shop.next_id("category")
    position = len(shop.children_of(parent_id)) + 1 if parent_id else 0
    created_at, updated_at = _dates(moment(category_id))
    category = Category(category_id, parent_id, position, created_at, updated_at)
    if parent_id:
        key = url_key(values["name"])
        values = {
            "is_active": 1,
            "include_in_menu": 1,
            "is_anchor": 1,
            "url_key": key,
            "url_path": f"{key}.html",
            "available_sort_by": ["position", "name"],
            "default_sort_by": "position",
            **values,
        }
    category.values.put(values)
    if french:
        category.values.put({"name": french}, [_FR])
    shop.categories[category_id] = category
    return category_id


def _fill_categories(shop: Shop, moment: Moment) -> None:
    top = _add_category(shop, moment, 0, {"name": "Root Catalog"})
    main = _add_category(shop, moment, top, {"name": "Default Category"})
    b2b = _add_category(shop, moment, top, {"name": "B2B Root"})
    for name, french in TOP_CATEGORIES:
        parent = _add_category(shop, moment, main, {"name": name, "description": f"All our {name}"}, french)
        for number in range(1, SUBCATEGORIES + 1):
            _add_category(shop, moment, parent, {"name": f"{name} Sub {number}"})
    for number in range(1, B2B_CATEGORIES + 1):
        _add_category(shop, moment, b2b, {"name": f"B2B Cat {number}"})


def _png(red: int, green: int, blue: int) -> bytes:
    """Return an image of eight by eight pixels in one colour; stored, not compressed, to be the same everywhere."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = (b"\0" + bytes((red, green, blue)) * 8) * 8
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(pixels, 0)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _add_product(
    shop: Shop, moment: Moment, sku: str, type_id: str, websites: list[int], values: dict[str, Any], qty: int = 0
) -> Product:
    product_id = shop.next_id("product")
    created_at, updated_at = _dates(moment(product_id))
    product = Product(product_id, sku, type_id, ATTRIBUTE_SET, created_at, updated_at, websites)
    key = url_key(values["name"])
    product.values.put(
        {
            "status": 1,
            "visibility": 4,
            "tax_class_id": 2,
            "url_key": key,
            "url_path": f"{key}.html",
            "options_container": "container1",
            **values,
        }
    )
    composite = type_id in ("configurable", "grouped")
    product.stock = StockItem(f"{qty:.4f}", int(composite or qty > 0))
    shop.products[product_id] = product
    return product


def _add_image(shop: Shop, product: Product) -> None:
    stem = url_key(product.sku).replace("-", "_")
    path = f"/{stem[0]}/{stem[1]}/{stem}.png"
    number = product.product_id
    shop.files[path] = _png(number * 7 % 256, number * 31 % 256, number * 67 % 256)
    product.media.append({"file": path, "label": f"Picture of {product.sku}", "position": 1, "exclude": 0})
    product.values.put({"image": path, "small_image": path, "thumbnail": path})


def _fill_plain_products(shop: Shop, moment: Moment) -> None:
    first, last = 4, max(shop.categories) - B2B_CATEGORIES
    for n in range(1, PLAIN_PRODUCTS + 1):
        virtual = n % 25 == 0
        websites = [1, 2] if n % 2 == 0 else [2] if n % 10 == 1 else [1]
        special = n % 13 == 0
        price = (n * 7919 % 49000 + 1000) / 100
        values: dict[str, Any] = {
            "name": f'Product {n} é & <b>ü</b> "quoted"' if special else f"Product {n}",
            "description": f"Long description {n}\nSecond line",
            "short_description": f"Short {n}",
            "price": f"{price:.2f}",
            "manufacturer": 11 + n % 3,
            "status": 2 if n % 20 == 0 else 1,
        }
        if virtual:
            values["cost"] = f"{price / 4:.2f}"
        else:
            values["weight"] = f"{(n * 37 % 900 + 50) / 100:.2f}"
        if n % 30 == 7:
            values |= {"special_price": f"{price * 0.8:.2f}", "special_from_date": "2026-01-05"}
        # Every 16th is out of stock.
        product = _add_product(
            shop,
            moment,
            f"SKU-{n:04d}",
            "virtual" if virtual else "simple",
            websites,
            values,
            0 if n % 16 == 0 else n * 53 % 500 + 1,
        )
        if n % 4 == 0:
            french = {"name": f"Produit {n}", "description": f"Description française {n}"}
            shop.put_product_values(product, french, _FR)
        if n % 6 == 0:
            shop.put_product_values(product, {"price": f"{price * 0.7:.2f}"}, _B2B)
        if n % 5 == 2:
            _add_image(shop, product)
        span = last - first + 1
        chosen = {first + n * 5 % span, first + n * 11 % span}
        if 2 in websites:
            chosen.add(last + 1 + n % B2B_CATEGORIES)
        for category_id in chosen:
            shop.categories[category_id].products[product.product_id] = 1


def _fill_configurables(shop: Shop, moment: Moment) -> None:
    apparel = next(c for c in shop.categories.values() if c.values.get("name") == "Apparel")
    for k in range(1, CONFIGURABLES + 1):
        name, price = f"T-shirt {k}", f"{20 + k}.00"
        variants = []
        for color_id, color in COLORS:
            for size_id, size in SIZES:
                values = {
                    "name": f"{name} {color} {size}",
                    "description": f"{name} in {color}, size {size}",
                    "short_description": f"{name} {color} {size}",
                    "price": price,
                    "weight": "0.20",
                    "visibility": 1,
                    "color": color_id,
                    "size": size_id,
                }
                qty = 20 + k * 3 + size_id
                variants.append(_add_product(shop, moment, f"TSHIRT-{k}-{color}-{size}", "simple", [1, 2], values, qty))
        values = {
            "name": name,
            "description": f"Configurable {name}",
            "short_description": name,
            "price": price,
        }
        product = _add_product(shop, moment, f"TSHIRT-{k}", "configurable", [1, 2], values)
        product.variant_ids = [variant.product_id for variant in variants]
        shop.put_product_values(product, {"name": f"Tee-shirt {k}"}, _FR)
        _add_image(shop, product)
        apparel.products[product.product_id] = k


def _fill_groups(shop: Shop, moment: Moment) -> None:
    category = shop.categories[7]
    for k in range(1, GROUPS + 1):
        values = {"name": f"Group {k}", "description": f"Grouped {k}", "short_description": f"Grouped {k}"}
        product = _add_product(shop, moment, f"GROUP-{k}", "grouped", [1], values)
        members = [shop.product_by_sku(f"SKU-{n:04d}") for n in (4 * k, 22 + 4 * k, 62 + 4 * k)]
        for position, member in enumerate(one for one in members if one is not None):
            product.links["grouped"][member.product_id] = {"position": position, "qty": "1.0000"}
        category.products[product.product_id] = k


def fill_catalogue(shop: Shop, moment: Moment) -> None:
    """Make the categories, then the products: plain ones, configurables after their variants, groups."""
    _fill_categories(shop, moment)
    _fill_plain_products(shop, moment)
    _fill_configurables(shop, moment)
    _fill_groups(shop, moment)
