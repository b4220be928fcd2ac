"""What is expected of every connector, of what the shop's connector imports and exports."""

from odoo.tests import tagged

from .acceptance import ShopAcceptanceCase


@tagged("post_install", "-at_install", "transaction", "acceptance")
class TestCustomerAcceptance(ShopAcceptanceCase):
    model_name = "magento.res.partner"
    external_id = "15"
    batch_filters = {"customer_id": {"in": ["14", "15"]}}
    inside_changes = {"name": "Renamed Here"}
    not_supported = {"export_delete": "nobody deletes a customer's account from here"}

    def make_backend(self):
        backend = super().make_backend()
        backend.customers_exported = True
        return backend

    def create_inside(self):
        return self.model.create(
            {
                "backend_id": self.backend.id,
                "website_id": self.backend.website_ids[:1].id,
                "name": "Ada Lovelace",
                "email": "ada@example.com",
            }
        )

    def change_outside(self, external_id):
        self.in_shop("customer.update", external_id, {"firstname": "Renamed"})

    def delete_outside(self, external_id):
        self.in_shop("customer.delete", external_id)


@tagged("post_install", "-at_install", "transaction", "acceptance")
class TestProductAcceptance(ShopAcceptanceCase):
    model_name = "magento.product.product"
    external_id = "2"
    batch_filters = {"product_id": {"in": ["2", "3"]}}
    inside_values = {"name": "Lamp", "default_code": "LAMP", "list_price": 12.5, "is_storable": True}
    inside_changes = {"name": "Renamed here"}
    not_supported = {"export_delete": "products are deleted in the shop"}

    def change_outside(self, external_id):
        self.in_shop("catalog_product.update", external_id, {"name": "Renamed there"})

    def delete_outside(self, external_id):
        self.in_shop("catalog_product.delete", external_id)


@tagged("post_install", "-at_install", "transaction", "acceptance")
class TestConfigurableProductAcceptance(TestProductAcceptance):
    model_name = "magento.product.template"
    #: Of an option's colour Odoo takes any.
    preview_differs = ("color",)
    external_id = "188"
    batch_filters = {"product_id": {"in": ["181", "188"]}}
    not_supported = {
        "export_create": "the API cannot say what the variants of a configurable product are",
        "export_delete": "products are deleted in the shop",
    }


@tagged("post_install", "-at_install", "transaction", "acceptance")
class TestCategoryAcceptance(ShopAcceptanceCase):
    model_name = "magento.product.category"
    external_id = "4"
    inside_values = {"name": "Lamps"}
    inside_changes = {"name": "Renamed here"}
    not_supported = {"export_delete": "the products in it are the shop's"}

    def change_outside(self, external_id):
        self.in_shop("catalog_category.update", external_id, {"name": "Renamed there"})

    def delete_outside(self, external_id):
        self.in_shop("catalog_category.delete", external_id)


@tagged("post_install", "-at_install", "transaction", "acceptance")
class TestOrderAcceptance(ShopAcceptanceCase):
    model_name = "magento.sale.order"
    external_id = "100000001"
    batch_filters = {"increment_id": {"in": ["100000001", "100000002"]}}
    not_supported = {
        "export_create": "orders are placed in the shop",
        "export_delete": "the shop keeps its orders",
    }

    def change_outside(self, external_id):
        self.in_shop("sales_order.hold", external_id)

    def delete_outside(self, external_id):
        """Orders cannot be deleted by the API; this is a shop that was set up anew."""
        for number, order in list(self.shop.store.orders.items()):
            if order["increment_id"] == external_id:
                del self.shop.store.orders[number]

    def change_inside(self, binding):
        binding.odoo_id._action_cancel()

    def delete_inside(self, binding):
        binding.unlink()
