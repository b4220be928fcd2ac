from odoo.tests import tagged

from odoo.addons.connector_framework.tests.common import drain_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestTranslation(ShopCase):
    def setUp(self):
        super().setUp()
        self.env["res.lang"]._activate_lang("fr_FR")
        self.french = self.backend.storeview_ids.filtered(lambda view: view.code == "fr")
        self.french.lang_id = self.env.ref("base.lang_fr")

    def product(self, number=4):
        binding = self.import_one("magento.product.product", str(number))
        drain_jobs(self)
        return binding

    def french_of(self, binding):
        return binding.with_context(lang="fr_FR")

    def there(self, number=4):
        return self.shop.store.products[number].values

    def test_import(self):
        """Name and description of a store view are the translations of the product's."""
        product = self.product()
        self.assertEqual((product.name, self.french_of(product).name), ("Product 4", "Produit 4"))
        self.assertEqual(self.french_of(product).description_sale, "Description française 4")
        self.assertEqual(product.translated, {"fr_FR": ["description", "name"]})

    def test_fallback(self):
        """A view without a text of its own shows the default; when that changes, so does the translation."""
        product = self.product(3)
        self.assertEqual((self.french_of(product).name, product.translated), ("Product 3", False))
        self.in_shop("catalog_product.update", 3, {"name": "Third"})
        self.product(3)
        self.assertEqual((product.name, self.french_of(product).name), ("Third", "Third"))

    def test_variant(self):
        """What a view calls a variant is not what it calls the configurable product."""
        configurable = next(p for p in self.shop.store.products.values() if p.type_id == "configurable")
        variant = configurable.variant_ids[0]
        self.in_shop("catalog_product.update", variant, {"name": "Rouge S"}, "fr")
        product = self.product(variant)
        self.assertEqual((product.name, self.french_of(product).name), ("T-shirt 1", "Tee-shirt 1"))

    def test_language_of_the_user(self):
        """Whatever the language of who imports, the default texts are in the backend's."""
        backend = self.backend.with_context(lang="fr_FR")
        self.env["magento.product.product"].with_context(lang="fr_FR").import_record(backend, "4")
        product = self.bound("magento.product.product", "4")
        self.assertEqual(product.with_context(lang="en_US").name, "Product 4")

    def test_category(self):
        """A category's name and description are translated on its binding, as Odoo's category has one name."""
        apparel = next(c for c in self.shop.store.categories.values() if c.values.get("name") == "Apparel")
        category = self.import_one("magento.product.category", str(apparel.category_id))
        self.assertEqual(category.name, "Apparel")
        self.assertEqual(self.french_of(category).magento_name, "Vêtements")
        self.assertEqual(category.magento_name, "Apparel")

    def test_export(self):
        """A new translation goes to its view, and nothing else goes there."""
        product = self.product()
        self.french_of(product).name = "Quatre"
        drain_jobs(self)
        self.assertEqual((self.there().get("name"), self.there().get("name", self.french_id)), ("Product 4", "Quatre"))
        self.assertEqual(self.there().get("description", self.french_id), "Description française 4")

    def test_export_of_the_default(self):
        """A new default text leaves that of a view alone, and goes to no view that has none."""
        product, plain = self.product(), self.product(3)
        (product | plain).name = "Renamed"
        drain_jobs(self)
        self.assertEqual((self.there().get("name"), self.there().get("name", self.french_id)), ("Renamed", "Produit 4"))
        self.assertEqual(self.there(3).get("name"), "Renamed")
        self.assertNotIn("name", self.there(3).overrides(self.french_id))

    def test_export_of_no_translation_any_more(self):
        """Where the translation became the default text, the view gets back to it."""
        product = self.product()
        self.french_of(product).name = "Product 4"
        drain_jobs(self)
        self.assertNotIn("name", self.there().overrides(self.french_id))
        self.assertEqual(self.there().get("name", self.french_id), "Product 4")

    def test_language_chosen_later(self):
        """A view whose language was chosen after the import keeps its own texts."""
        self.french.lang_id = False
        product = self.product()
        self.french.lang_id = self.env.ref("base.lang_fr")
        product.name = "Renamed"
        drain_jobs(self)
        self.assertEqual(self.there().get("name", self.french_id), "Produit 4")

    @property
    def french_id(self):
        return int(self.french.external_id)
