"""Sell: place orders and take them through invoice, shipment, refund, hold, cancel and edit.

The seed and the API use the same functions, so that what an order says of itself always adds up:
`grand_total = subtotal + discount_amount (negative) + shipping_amount + tax_amount`, tax after discount, per row.
"""

from __future__ import annotations

from .documents import comment_row, invoice, refund, ship
from .editing import edit
from .placing import Buyer, OrderLine, place
from .states import add_comment, cancel, hold, unhold

__all__ = [
    "Buyer",
    "OrderLine",
    "add_comment",
    "cancel",
    "comment_row",
    "edit",
    "hold",
    "invoice",
    "place",
    "refund",
    "ship",
    "unhold",
]
