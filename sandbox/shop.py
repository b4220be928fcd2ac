"""One shop in memory: websites and views, catalogue, customers and sales.

Rows of flat tables (addresses, orders and what belongs to them) are dicts with the columns of `columns`; what has
values per store view is an object with `ScopedValues`. All dates are naive UTC, `YYYY-MM-DD HH:MM:SS`.
"""

from __future__ import annotations

import contextlib
import pickle
import re
import threading
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .attributes import CATEGORY_ATTRIBUTES, CUSTOMER_ATTRIBUTES, PRODUCT_ATTRIBUTES, ScopedValues
from .scalars import DATE_FORMAT, integer, text

Clock = Callable[[], datetime]

#: The scope of a call that names no store view.
DEFAULT_STORE = 0

ATTRIBUTE_SET = 4

_NO_DATA = ("clock", "utc_offset_minutes", "lock", "base_url")

PRODUCT_TYPES = {
    "simple": "Simple Product",
    "grouped": "Grouped Product",
    "configurable": "Configurable Product",
    "virtual": "Virtual Product",
    "bundle": "Bundle Product",
    "downloadable": "Downloadable Product",
}


@dataclass(frozen=True)
class Website:
    """A website: where customers and prices live."""

    website_id: int
    code: str
    name: str
    currency: str
    group_name: str
    root_category_id: int
    #: one unit of the website's currency in that of the shop
    rate: str


@dataclass(frozen=True)
class Store:
    """A store view: a language of a website."""

    store_id: int
    code: str
    website_id: int
    name: str
    sort_order: int


@dataclass
class Category:
    """A category; `products` maps product ids to positions."""

    category_id: int
    parent_id: int
    position: int
    created_at: str
    updated_at: str
    values: ScopedValues = field(default_factory=lambda: ScopedValues(CATEGORY_ATTRIBUTES))
    products: dict[int, int] = field(default_factory=dict)


@dataclass
class StockItem:
    """The stock of a product."""

    qty: str = "0.0000"
    is_in_stock: int = 0
    manage_stock: int = 1
    use_config_manage_stock: int = 1


@dataclass
class Product:
    """A product; `links` maps a link type to linked product ids with position and quantity."""

    product_id: int
    sku: str
    type_id: str
    set_id: int
    created_at: str
    updated_at: str
    website_ids: list[int] = field(default_factory=list)
    values: ScopedValues = field(default_factory=lambda: ScopedValues(PRODUCT_ATTRIBUTES))
    stock: StockItem | None = None
    media: list[dict[str, Any]] = field(default_factory=list)
    tier_prices: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    #: of a configurable product: its variants
    variant_ids: list[int] = field(default_factory=list)


@dataclass
class Customer:
    """A customer's account."""

    customer_id: int
    created_at: str
    updated_at: str
    values: ScopedValues = field(default_factory=lambda: ScopedValues(CUSTOMER_ATTRIBUTES))

    def get(self, code: str) -> Any:
        """Return the value of an attribute."""
        return self.values.get(code)


def utc_now() -> datetime:
    """Return the real time in UTC."""
    return datetime.now(timezone.utc)


def url_key(name: str) -> str:
    """Return a name as a part of an address: accents dropped, everything else but letters and digits a dash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^0-9a-z]+", "-", plain).strip("-")


class Shop:
    """All data of one shop; gives out ids, increment ids and the time.

    :ivar lock: held for the length of each call; code that reads or changes the shop from another thread takes it too.
    """

    def __init__(self, clock: Clock = utc_now, utc_offset_minutes: int = 0) -> None:
        self.clock = clock
        #: the shop's own time zone; it shows in the few dates that come in ISO 8601
        self.utc_offset_minutes = utc_offset_minutes
        self.lock = threading.RLock()
        self.websites: dict[int, Website] = {}
        self.stores: dict[int, Store] = {}
        self.customer_groups: dict[int, str] = {}
        self.categories: dict[int, Category] = {}
        self.products: dict[int, Product] = {}
        self.customers: dict[int, Customer] = {}
        #: rows of `columns.CUSTOMER_ADDRESS`, with the `customer_id` that the shop does not send
        self.addresses: dict[int, dict[str, Any]] = {}
        #: rows of `columns.ORDER` with `order_id`, addresses, `items`, `payment` and `status_history`
        self.orders: dict[int, dict[str, Any]] = {}
        self.invoices: dict[int, dict[str, Any]] = {}
        self.shipments: dict[int, dict[str, Any]] = {}
        self.creditmemos: dict[int, dict[str, Any]] = {}
        #: path below `/media/catalog/product` -> content
        self.files: dict[str, bytes] = {}
        #: where the images are to be had; the server puts its own address here
        self.base_url = "http://magento.example"
        self._last_ids: Counter[str] = Counter()

    def snapshot(self) -> bytes:
        """Return all data, for `restore`; the clock, the time zone and the address are no data."""
        return pickle.dumps({name: value for name, value in vars(self).items() if name not in _NO_DATA})

    def restore(self, snapshot: bytes) -> None:
        """Put what `snapshot` returned in place of all data. Only for snapshots of this process."""
        vars(self).update(pickle.loads(snapshot))

    # Time and ids

    def now(self) -> str:
        """Return the time of the clock as a column holds it."""
        moment = self.clock()
        if moment.tzinfo is not None:
            moment = moment.astimezone(timezone.utc)
        return moment.strftime(DATE_FORMAT)

    @contextlib.contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Let the clock stand still at `moment`, naive UTC, within the block."""
        clock, self.clock = self.clock, lambda: moment
        try:
            yield
        finally:
            self.clock = clock

    def next_id(self, table: str) -> int:
        """Return the next free id of a table."""
        self._last_ids[table] += 1
        return self._last_ids[table]

    def next_increment_id(self, document: str, store_id: int) -> str:
        """Return the next number of a kind of document: the store view's id, then eight digits."""
        return f"{store_id}{self.next_id(f'{document} of {store_id}'):08d}"

    # Websites and store views

    def find_store(self, id_or_code: Any) -> Store | None:
        """Return the store view with this id or code, None if there is none."""
        for store in self.stores.values():
            if text(id_or_code) in (store.code, str(store.store_id)):
                return store
        return None

    def find_website(self, id_or_code: Any) -> Website | None:
        """Return the website with this id or code, None if there is none."""
        for website in self.websites.values():
            if text(id_or_code) in (website.code, str(website.website_id)):
                return website
        return None

    def website_of(self, store_id: int) -> Website:
        """Return the website that a store view belongs to."""
        return self.websites[self.stores[store_id].website_id]

    # Catalogue

    def product_by_sku(self, sku: Any) -> Product | None:
        """Return the product with this sku, in the database's way: case and trailing spaces do not count."""
        wanted = text(sku).rstrip(" ").casefold()
        return next((p for p in self.products.values() if p.sku.rstrip(" ").casefold() == wanted), None)

    def product_by_id(self, product_id: Any) -> Product | None:
        """Return the product with the id that `product_id` starts with, None if there is none."""
        return self.products.get(integer(product_id))

    def put_product_values(self, product: Product, values: dict[str, Any], store_id: int = DEFAULT_STORE) -> None:
        """Set attribute values in a store view; one of website scope counts for all the website's views."""
        if store_id == DEFAULT_STORE:
            product.values.put(values)
            return
        website_id = self.stores[store_id].website_id
        siblings = [store.store_id for store in self.stores.values() if store.website_id == website_id]
        for code, value in values.items():
            attribute = PRODUCT_ATTRIBUTES.get(code)
            wide = attribute is not None and attribute.scope == "website"
            product.values.put({code: value}, siblings if wide else [store_id])

    def categories_of(self, product: Product) -> list[int]:
        """Return the ids of the categories that a product is in."""
        return [c.category_id for c in self.categories.values() if product.product_id in c.products]

    def children_of(self, category_id: int) -> list[Category]:
        """Return the categories right below one, by position."""
        below = [c for c in self.categories.values() if c.parent_id == category_id]
        return sorted(below, key=lambda category: (category.position, category.category_id))

    def category_path(self, category_id: int) -> list[int]:
        """Return the ids from the root catalogue (id 1) down to a category."""
        path: list[int] = []
        while category_id:
            path.insert(0, category_id)
            category_id = self.categories[category_id].parent_id
        return path

    def category_branch(self, category_id: int) -> list[int]:
        """Return the ids of a category and of all below it, in the order of the tree."""
        branch = [category_id]
        for child in self.children_of(category_id):
            branch += self.category_branch(child.category_id)
        return branch

    # Customers

    def addresses_of(self, customer_id: int) -> list[dict[str, Any]]:
        """Return a customer's address book, by id."""
        return [address for address in self.addresses.values() if address["customer_id"] == customer_id]

    # Sales

    def order_by_increment_id(self, increment_id: Any) -> dict[str, Any] | None:
        """Return the order with this number, None if there is none; an entity id is not one."""
        return self._by_increment_id(self.orders, increment_id)

    @staticmethod
    def _by_increment_id(table: dict[int, dict[str, Any]], increment_id: Any) -> dict[str, Any] | None:
        wanted = text(increment_id) if increment_id is not None else ""
        return next((row for row in table.values() if row["increment_id"] == wanted), None)

    def document_by_increment_id(self, table: str, increment_id: Any) -> dict[str, Any] | None:
        """Return the row of `invoices`, `shipments` or `creditmemos` with this number, None if there is none."""
        return self._by_increment_id(getattr(self, table), increment_id)
