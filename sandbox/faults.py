"""Say what can go wrong: faults by (resource, code), a PHP that died, and a page instead of an answer.

A code means different things from one resource to the next, so a fault is raised by its resource's name and code.
"""

from __future__ import annotations

#: Codes of the API itself; `globalFaults` lists them.
GLOBAL_FAULTS = {
    0: "Unknown Error",
    1: "Internal Error. Please see log for details.",
    2: "Access denied.",
    3: "Invalid api path.",
    4: "Resource path is not callable.",
    5: "Session expired. Try to relogin.",
    6: 'Required parameter is missing, for more details see "exception.log".',
}

#: What the shop says of its database: it is away, and two writers met in it.
DATABASE_AWAY = "SQLSTATE[HY000] [2002] Connection refused"
DEADLOCK = (
    "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock; try restarting transaction"
)

#: Codes of the XML-RPC layer below it; the first takes the method's name.
NO_SUCH_METHOD = (620, 'Method "%s" does not exist')
BAD_SIGNATURE = (623, "Calling parameters do not match signature")
UNREADABLE = (632, "Invalid request, no method passed; request must contain a 'methodName' tag")

_NO_STORE_VIEW = "Requested store view not found."
_NO_PRODUCT = "Product not exists."
_NO_ORDER = "Requested order not exists."
_BAD_DATA = "Invalid data given. Details in error message."
_BAD_FILTERS = "Invalid filters given. Details in error message."
_NOT_CHANGED = "status not changed. Details in error message."

#: Codes of each resource; `resourceFaults` lists them.
RESOURCE_FAULTS: dict[str, dict[int, str]] = {
    "core_store": {100: _NO_STORE_VIEW},
    "directory_region": {101: "Country not exists."},
    "customer": {
        100: "Invalid customer data. Details in error message.",
        101: "Invalid filters specified. Details in error message.",
        102: "Customer not exists.",
        103: "Customer not deleted. Details in error message.",
    },
    "customer_address": {
        100: "Invalid address data. Details in error message.",
        101: "Customer not exists.",
        102: "Address not exists.",
        103: "Address not deleted. Details in error message.",
    },
    "catalog_category": {
        100: _NO_STORE_VIEW,
        101: "Requested website not found.",
        102: "Category not exists.",
        103: _BAD_DATA,
        104: "Category not moved. Details in error message.",
        105: "Category not deleted. Details in error message.",
        106: "Requested product is not assigned to category.",
    },
    "catalog_product": {
        100: _NO_STORE_VIEW,
        101: _NO_PRODUCT,
        102: _BAD_DATA,
        103: "Product not deleted. Details in error message.",
        104: "Product type is not in allowed types.",
        105: "Product attribute set is not existed",
    },
    "catalog_product_attribute": {100: _NO_STORE_VIEW, 101: "Requested attribute not found."},
    "catalog_product_attribute_media": {
        100: _NO_STORE_VIEW,
        101: _NO_PRODUCT,
        102: _BAD_DATA,
        103: "Requested image not exists in product images' gallery.",
        104: "Image not created. Details in error message.",
    },
    "catalog_product_attribute_tier_price": {100: _NO_PRODUCT, 101: _BAD_DATA},
    "catalog_product_link": {
        100: "Given invalid link type.",
        101: _NO_PRODUCT,
        102: _BAD_DATA,
        103: "Requested link not exists.",
    },
    "cataloginventory_stock_item": {101: _NO_PRODUCT, 102: "Product inventory not updated. Details in error message."},
    "sales_order": {
        100: _NO_ORDER,
        101: _BAD_FILTERS,
        102: _BAD_DATA,
        103: f"Order {_NOT_CHANGED}",
    },
    "sales_order_shipment": {
        100: "Requested shipment not exists.",
        101: _BAD_FILTERS,
        102: _BAD_DATA,
        103: _NO_ORDER,
        104: "Requested tracking not exists.",
    },
    "sales_order_invoice": {
        100: "Requested invoice not exists.",
        101: _BAD_FILTERS,
        102: _BAD_DATA,
        103: _NO_ORDER,
        104: f"Invoice {_NOT_CHANGED}",
    },
    "sales_order_creditmemo": {
        100: "Requested credit memo not exists.",
        101: _BAD_FILTERS,
        102: _BAD_DATA,
        103: _NO_ORDER,
        104: f"Credit memo {_NOT_CHANGED}",
        106: "Can not create credit memo for order",
    },
}


class FaultError(Exception):
    """Answer the call with an XML-RPC fault."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"fault {code}: {message}")
        self.code = code
        self.message = message


class PhpDiedError(Exception):
    """Answer with HTTP 500 and an empty body: PHP ended in the middle of the call."""


class ServicePageError(Exception):
    """Answer with HTTP 503 and an HTML page: the shop's own error page."""


def api_fault(code: int, message: str | None = None) -> FaultError:
    """Return the API's own fault `code`, with its usual message unless another is given."""
    return FaultError(code, GLOBAL_FAULTS[code] if message is None else message)


def resource_fault(resource: str, code: int, message: str | None = None) -> FaultError:
    """Return a resource's fault `code`, with its usual message unless another is given.

    :raises KeyError: the resource has no such code: a mistake in the sandbox itself.
    """
    usual = RESOURCE_FAULTS[resource][code]
    return FaultError(code, usual if message is None else message)
