"""Products, stock, media and categories: what writes do, and what they silently do not."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from typing import Any, ClassVar

from .support import SandboxCase

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\nnot much of a picture").decode()


class Products(SandboxCase):
    """`catalog_product.*`."""

    def value(self, product: Any, code: str, store: Any = None) -> Any:
        """Return one attribute's value."""
        return self.client("catalog_product.info", product, store, [code])[code]

    def create(self, sku: str, **values: Any) -> str:
        """Create a simple product and return its id."""
        return str(self.client("catalog_product.create", "simple", 4, sku, {"websites": [1], **values}))

    def test_id_or_sku(self) -> None:
        """What looks numeric is an id, unless the fourth argument says that it is a sku."""
        product_id = self.create("4242", name="Number")
        self.assert_fault(101, "Product not exists.", "catalog_product.info", "4242")
        self.assertEqual(self.client("catalog_product.info", "4242 ")["product_id"], product_id)
        self.assertEqual(self.client("catalog_product.info", "4242", None, None, "sku")["product_id"], product_id)
        self.assertEqual(self.client("catalog_product.info", "sku-0004")["product_id"], "4")
        self.assert_fault(101, "Product not exists.", "catalog_product.info", "SKU-0004", None, None, "id")
        self.client("catalog_product.update", "4242", {"name": "Sku"}, None, "sku")
        self.assertEqual(self.value(product_id, "name"), "Sku")

    def test_stock_takes_skus_first(self) -> None:
        """A stock call tries a sku first: the number of another product's id hits the product with that sku."""
        product_id = self.create("4", stock_data={"qty": 3, "is_in_stock": 1})
        found = self.client("cataloginventory_stock_item.list", ["4", "nope"])
        self.assertEqual([one["product_id"] for one in found], [product_id])
        self.client("cataloginventory_stock_item.update", 4, {"qty": 9})
        self.assertEqual(self.client("cataloginventory_stock_item.list", [product_id])[0]["qty"], "9.0000")

    def test_fallback(self) -> None:
        """A view shows its own values, else the default ones; False takes its own value away."""
        self.client("catalog_product.update", 3, {"name": "Trois"}, "fr")
        self.assertEqual(self.value(3, "name"), "Product 3")
        self.assertEqual(self.value(3, "name", "fr"), "Trois")
        self.assertEqual(self.value(3, "name", 3), "Trois")
        self.assertEqual(self.value(3, "name", "default"), "Product 3")
        self.client("catalog_product.update", 3, {"name": "Three"})
        self.assertEqual(self.value(3, "name", "fr"), "Trois")
        self.client("catalog_product.update", 3, {"name": False}, "fr")
        self.assertEqual(self.value(3, "name", "fr"), "Three")

    def test_website_prices(self) -> None:
        """A price counts for all views of a website, and for no other website."""
        self.client("catalog_product.update", 6, {"price": 10}, "fr")
        self.assertEqual(self.value(6, "price", "default"), "10.0000")
        self.assertNotIn(self.value(6, "price"), ("10.0000", self.value(6, "price", "b2b_en")))

    def test_global_attributes(self) -> None:
        """An attribute of global scope is written for the whole shop, through any view."""
        self.client("catalog_product.update", 6, {"manufacturer": 13, "weight": "1,5"}, "fr")
        self.assertEqual(self.value(6, "manufacturer"), "13")
        self.assertEqual(self.value(6, "weight"), "1.5000")

    def test_nothing_is_checked(self) -> None:
        """Wrong numbers are stored as they begin, unknown options and attributes are taken."""
        changes = {"price": "abc", "manufacturer": "9999", "nosuch": "x", "special_price": "1,5"}
        self.assertTrue(self.client("catalog_product.update", 4, changes))
        info = self.client("catalog_product.info", 4)
        self.assertEqual((info["price"], info["manufacturer"], info["special_price"]), ("0.0000", "9999", "1.5000"))
        self.assertNotIn("nosuch", info)

    def test_dates(self) -> None:
        """A special price's date is midnight; one with slashes is read month first."""
        self.client("catalog_product.update", 4, {"special_from_date": "01/05/2026", "special_to_date": "2026-02-01"})
        info = self.client("catalog_product.getSpecialPrice", 4)
        self.assertEqual(info["special_from_date"], "2026-01-05 00:00:00")
        self.assertEqual(info["special_to_date"], "2026-02-01 00:00:00")

    def test_characters(self) -> None:
        """Characters beyond the BMP are lost, line ends become line feeds."""
        self.client("catalog_product.update", 4, {"name": "a 😀 é", "description": "one\r\ntwo"})
        self.assertEqual(self.value(4, "name"), "a ???? é")
        self.assertEqual(self.value(4, "description"), "one\ntwo")

    def test_nil_or_no_name(self) -> None:
        """A product needs no name; what it has not is nil."""
        product_id = self.create("NAMELESS")
        info = self.client("catalog_product.info", product_id)
        self.assertEqual([info[name] for name in ("name", "price", "url_key", "weight")], [None] * 4)

    def test_create_faults(self) -> None:
        """Type, attribute set and sku are checked, in this order after their presence."""
        call = "catalog_product.create"
        self.assert_fault(102, "Invalid data given. Details in error message.", call, "simple", 4, "", {})
        self.assert_fault(104, "Product type is not in allowed types.", call, "nosuch", 999, "X", {})
        self.assert_fault(105, "Product attribute set is not existed", call, "simple", 999, "X", {})
        self.assert_fault(1, 'The value of attribute "SKU" must be unique', call, "simple", 4, "SKU-0001", {})
        self.assert_fault(
            1, 'The value of attribute "SKU" must be unique', "catalog_product.update", 2, {"sku": "SKU-0001"}
        )

    def test_delete(self) -> None:
        """A deleted product is in no category, no group and no list of stock."""
        self.assertTrue(self.client("catalog_product.delete", 4))
        self.assert_fault(101, "Product not exists.", "catalog_product.info", 4)
        self.assertEqual(len(self.client("product_link.list", "grouped", "GROUP-1")), 2)
        self.assertEqual(self.client("cataloginventory_stock_item.list", [4]), [])
        for category in range(4, 34):
            products = self.client("catalog_category.assignedProducts", category)
            self.assertNotIn("4", [product["product_id"] for product in products])

    def test_additional_attributes(self) -> None:
        """They come as a struct or as pairs of key and value."""
        for number, data in enumerate(({"manufacturer": 12}, [{"key": "manufacturer", "value": 12}])):
            product_id = self.create(f"MORE-{number}", additional_attributes={"single_data": data})
            self.assertEqual(self.value(product_id, "manufacturer"), "12")

    def test_unknown_store(self) -> None:
        """A view that is not there is fault 100 of the resource."""
        for call in ("catalog_product.info", "catalog_product.update"):
            self.assert_fault(100, "Requested store view not found.", call, 4, *([{}] if "update" in call else []), "x")

    def test_time_zone(self) -> None:
        """`created_at` of info has the shop's offset, `updated_at` never."""
        self.shop.store.utc_offset_minutes = -300
        info = self.client("catalog_product.info", 4)
        self.assertEqual(info["created_at"], "2026-01-01T19:00:00-05:00")
        self.assertEqual(info["updated_at"], "2026-01-02 00:30:00")


class Stock(SandboxCase):
    """`cataloginventory_stock_item.*`."""

    def stock(self) -> tuple[str, str]:
        """Return quantity and flag of product 2."""
        item = self.client("cataloginventory_stock_item.list", [2])[0]
        return item["qty"], item["is_in_stock"]

    def test_flag(self) -> None:
        """Nothing left clears the flag, whatever is asked for; a later quantity does not set it again."""
        update = "cataloginventory_stock_item.update"
        self.client(update, 2, {"qty": 0, "is_in_stock": 1})
        self.assertEqual(self.stock(), ("0.0000", "0"))
        self.client(update, 2, {"qty": "5,5"})
        self.assertEqual(self.stock(), ("5.5000", "0"))
        self.client(update, 2, {"qty": 5, "is_in_stock": 1})
        self.assertEqual(self.stock(), ("5.0000", "1"))

    def test_unmanaged(self) -> None:
        """Where stock is not managed, nothing left is in stock."""
        data = {"qty": 0, "is_in_stock": 1, "manage_stock": 0, "use_config_manage_stock": 0}
        self.client("cataloginventory_stock_item.update", 2, data)
        self.assertEqual(self.stock(), ("0.0000", "1"))

    def test_no_stock_row(self) -> None:
        """A product made without stock has no quantity, and a boolean flag."""
        product_id = self.client("catalog_product.create", "simple", 4, "NO-STOCK", {})
        item = self.client("cataloginventory_stock_item.list", [product_id])[0]
        self.assertEqual((item["qty"], item["is_in_stock"]), (None, True))


class Media(SandboxCase):
    """`product_media.*`."""

    def test_create_and_fetch(self) -> None:
        """An image is to be had at its address; another with the same name gets another path."""
        data = {"file": {"content": PIXEL, "mime": "image/png", "name": "dot"}, "label": "Dot", "types": ["image"]}
        self.assertEqual(self.client("product_media.create", 4, data), "/d/o/dot.png")
        self.assertEqual(self.client("product_media.create", 4, data), "/d/o/dot_1.png")
        first, second = self.client("product_media.list", 4)
        self.assertEqual((first["types"], second["types"]), ([], ["image"]))
        self.assertEqual((first["position"], second["position"]), ("1", "2"))
        with urllib.request.urlopen(first["url"], timeout=5) as response:
            self.assertEqual(response.headers["Content-Type"], "image/png")
            self.assertEqual(response.read(), base64.b64decode(PIXEL))

    def test_conditional_fetch(self) -> None:
        """Who has an image gets told that it is still the same; downloads are in the log, and can be made to fail."""
        url = self.client("product_media.list", 2)[0]["url"]
        with urllib.request.urlopen(url, timeout=5) as response:
            version = response.headers["ETag"]
        again = urllib.request.Request(url, headers={"If-None-Match": version})
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(again, timeout=5)
        self.assertEqual(raised.exception.code, 304)
        self.assertEqual([request.method for request in self.shop.requests[-2:]], ["GET", "GET"])
        self.shop.fail_next(1, "http_503", match="GET")
        with self.assertRaises(urllib.error.HTTPError) as raised:
            urllib.request.urlopen(url, timeout=5)
        self.assertEqual(raised.exception.code, 503)

    def test_seeded_image(self) -> None:
        """The pictures of the demo shop are PNG files."""
        image = self.client("product_media.list", 2)[0]
        with urllib.request.urlopen(image["url"], timeout=5) as response:
            self.assertEqual(response.read(8), b"\x89PNG\r\n\x1a\n")

    def test_update_and_remove(self) -> None:
        """Label, position and uses change; a removed image is used no more."""
        file = self.client("product_media.list", 2)[0]["file"]
        self.client("product_media.update", 2, file, {"label": "New", "position": 7})
        image = self.client("product_media.info", 2, file)
        self.assertEqual((image["label"], image["position"], image["types"][0]), ("New", "7", "image"))
        self.client("product_media.remove", 2, file)
        self.assertEqual(self.client("product_media.list", 2), [])

    def test_faults(self) -> None:
        """Kind and content of a file are looked at."""
        create = "product_media.create"
        self.assert_fault(101, "Product not exists.", create, "NOPE", {})
        self.assert_fault(102, "The image is not specified.", create, 4, {})
        bad = {"file": {"content": "***", "mime": "image/png"}}
        self.assert_fault(102, "The image contents is not valid base64 data.", create, 4, bad)
        bad = {"file": {"content": PIXEL, "mime": "text/plain"}}
        self.assert_fault(102, "Invalid image type.", create, 4, bad)


class Categories(SandboxCase):
    """`catalog_category.*`."""

    DATA: ClassVar[dict[str, Any]] = {
        "name": "New",
        "is_active": 1,
        "include_in_menu": 1,
        "available_sort_by": ["name"],
        "default_sort_by": "name",
    }

    def test_create_and_move(self) -> None:
        """A moved category takes its children along: path, level and the parents' lists change."""
        first = self.client("catalog_category.create", 4, self.DATA)
        child = self.client("catalog_category.create", first, {**self.DATA, "name": "Below"})
        self.assertEqual(self.client("catalog_category.info", child)["path"], f"1/2/4/{first}/{child}")
        self.client("catalog_category.move", first, 3, 29)
        info = self.client("catalog_category.info", child)
        self.assertEqual((info["path"], info["level"]), (f"1/3/{first}/{child}", "3"))
        self.assertEqual(self.client("catalog_category.info", 3)["children"], f"29,{first},30,31,32,33")

    def test_move_below_itself(self) -> None:
        """A category does not go below one of its own."""
        message = "Operation do not allow to move a parent category to any of children category"
        self.assert_fault(104, message, "catalog_category.move", 4, 5)

    def test_required(self) -> None:
        """A new category must say five things; the first one that lacks is named."""
        for code in ("name", "is_active", "available_sort_by", "default_sort_by", "include_in_menu"):
            data = {name: value for name, value in self.DATA.items() if name != code}
            self.assert_fault(103, f'Attribute "{code}" is required.', "catalog_category.create", 4, data)
        self.assert_fault(102, "Category not exists.", "catalog_category.create", 999, self.DATA)

    def test_delete(self) -> None:
        """A category goes with all below it; a root stays."""
        self.client("catalog_category.delete", 4)
        for category in (4, 5, 8):
            self.assert_fault(102, "Category not exists.", "catalog_category.info", category)
        self.assert_fault(105, "Can not remove root category.", "catalog_category.delete", 2)

    def test_translation(self) -> None:
        """A view has its own name, with fallback."""
        self.client("catalog_category.update", 5, {"name": "Sous-meubles"}, "fr")
        self.assertEqual(self.client("catalog_category.info", 5, "fr")["name"], "Sous-meubles")
        self.assertEqual(self.client("catalog_category.info", 5)["name"], "Furniture Sub 1")

    def test_products(self) -> None:
        """Products are assigned, moved and removed."""
        self.client("catalog_category.assignProduct", 33, "SKU-0003", 5)
        self.assertIn("33", self.client("catalog_product.info", 3)["categories"])
        self.client("catalog_category.updateProduct", 33, 3, 0)
        self.assertEqual(self.client("catalog_category.assignedProducts", 33)[0]["product_id"], "3")
        self.client("catalog_category.removeProduct", 33, 3)
        message = "Requested product is not assigned to category."
        self.assert_fault(106, message, "catalog_category.removeProduct", 33, 3)

    def test_root(self) -> None:
        """The tree begins at id 1, which is neither active nor not."""
        tree = self.client("catalog_category.tree")
        self.assertEqual((tree["category_id"], tree["is_active"], tree["parent_id"]), ("1", None, "0"))
        self.assertEqual([root["category_id"] for root in tree["children"]], ["2", "3"])


class Attributes(SandboxCase):
    """`product_attribute.*`."""

    def test_labels(self) -> None:
        """An attribute and its options have labels by view, the options with fallback."""
        info = self.client("product_attribute.info", "color")
        self.assertEqual([label["label"] for label in info["frontend_label"]], ["Color", "Couleur"])
        labels = {store: self.client("product_attribute.options", "color", store)[1]["label"] for store in (None, "fr")}
        self.assertEqual(labels, {None: "Red", "fr": "Rouge"})
        self.assertEqual(self.client("product_attribute.options", "size", "fr")[1]["label"], "S")
        self.assert_fault(101, "Requested attribute not found.", "product_attribute.info", "nonesuch")
