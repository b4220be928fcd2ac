"""What is expected of every connector, of contacts and of products."""

from odoo.tests import tagged

from .common import PeerAcceptanceCase


@tagged("post_install", "-at_install", "transaction")
class TestContactAcceptance(PeerAcceptanceCase):
    model_name = "odoo.res.partner"
    inside_values = {"name": "Made here"}
    inside_changes = {"name": "Renamed here"}


@tagged("post_install", "-at_install", "transaction")
class TestProductAcceptance(PeerAcceptanceCase):
    model_name = "odoo.product.product"
    inside_values = {"name": "Made here"}
    inside_changes = {"name": "Renamed here"}
