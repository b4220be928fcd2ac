"""Play a Magento 1 shop that speaks XML-RPC v1, for demos and tests.

A *sandbox* is a server with a shop in memory that answers as a running shop was recorded to answer: the same shapes,
types, faults and traps. It is plain Python of the standard library, always starts with the same data, and can be told
to fail in all the ways in which a shop fails.

    from sandbox import Sandbox

    with Sandbox() as shop:
        proxy = xmlrpc.client.ServerProxy(shop.url, allow_none=True)
        session = proxy.login(shop.user, shop.key)
        shop.fail_next(1, "http_503", match="catalog_product.info")
"""

from __future__ import annotations

from .failures import KINDS, Failure
from .sandbox import Request, Sandbox
from .shop import Shop

__all__ = ["KINDS", "Failure", "Request", "Sandbox", "Shop"]
