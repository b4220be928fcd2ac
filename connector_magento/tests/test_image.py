import base64

from odoo.tests import tagged

from odoo.addons.connector_framework.exceptions import ConfigurationError, NetworkError, PermanentError
from odoo.addons.connector_framework.tests.common import drain_jobs, trap_jobs

from .common import ShopCase


@tagged("post_install", "-at_install", "transaction")
class TestImage(ShopCase):
    def downloads(self):
        return len([request for request in self.shop.requests if request.method == "GET"])

    def content(self, number=2):
        return self.shop.store.files[self.shop.store.products[number].media[0]["file"]]

    def add_image(self, content, number=2, name="new", **values):
        file = {"content": base64.b64encode(content).decode(), "mime": "image/png", "name": name}
        return self.in_shop("product_media.create", number, {"file": file, "types": ["image"], **values})

    def test_own_job(self):
        """The image comes by a job of its own, in a channel of its own, once the product is there."""
        with trap_jobs(self.env) as trap:
            product = self.import_one("magento.product.product", "2")
        self.assertFalse(product.image_1920)
        job = trap.assert_enqueued("import_image", channel="root.magento.image")
        job.run()
        self.env.invalidate_all()
        self.assertEqual(base64.b64decode(product.image_1920), self.content())

    def test_unchanged(self):
        """What has not changed is not fetched again, and no job is made for it."""
        product = self.import_one("magento.product.product", "2")
        drain_jobs(self)
        self.assertEqual(self.downloads(), 1)
        self.in_shop("catalog_product.update", "2", {"name": "Renamed"})
        with trap_jobs(self.env) as trap:
            self.import_one("magento.product.product", "2")
        self.assertEqual(self.outcome, "updated")
        trap.assert_not_enqueued("import_image")
        self.assertEqual(product.import_image(), "unchanged")
        self.assertEqual(self.downloads(), 1)
        # Who asks for it nevertheless does not get its bytes again.
        with trap_jobs(self.env):
            written = product.odoo_id.write_date
            self.assertEqual(product.import_image(force=True), "unchanged")
        self.assertEqual((self.downloads(), product.odoo_id.write_date), (2, written))

    def test_new_image(self):
        """Another image of the product, a change that the product's own data does not show, comes with its import."""
        product = self.import_one("magento.product.product", "2")
        drain_jobs(self)
        content = self.content(7)
        self.add_image(content)
        self.import_one("magento.product.product", "2")
        self.assertEqual(self.outcome, "updated")
        drain_jobs(self)
        self.assertEqual(base64.b64decode(product.image_1920), content)

    def test_removed(self):
        """An image that the shop has removed goes; one that a person gave to a product without stays."""
        product = self.import_one("magento.product.product", "2")
        drain_jobs(self)
        self.in_shop("product_media.remove", 2, product.image_file)
        self.import_one("magento.product.product", "2")
        drain_jobs(self)
        self.assertFalse(product.image_1920)
        product.image_1920 = base64.b64encode(self.content(7))
        self.in_shop("catalog_product.update", "2", {"name": "Renamed"})
        self.import_one("magento.product.product", "2")
        drain_jobs(self)
        self.assertTrue(product.image_1920)

    def test_variant(self):
        """The image of a variant is the variant's own, that of the configurable product is the product's."""
        configurable = next(p for p in self.shop.store.products.values() if p.type_id == "configurable")
        variant = configurable.variant_ids[0]
        self.add_image(self.content(7), variant)
        product = self.import_one("magento.product.product", str(variant))
        drain_jobs(self)
        self.assertEqual(base64.b64decode(product.image_variant_1920), self.content(7))
        template = product.magento_template_id
        self.assertEqual(base64.b64decode(template.image_1920), self.content(configurable.product_id))

    def test_other_host(self):
        """Nothing is fetched from another host than the shop's and the one that a person entered for images."""
        product = self.import_one("magento.product.product", "2")
        port = self.shop.base_url.rpartition(":")[2]
        self.shop.store.base_url = f"http://localhost:{port}"
        with self.assertRaisesRegex(ConfigurationError, "image address"):
            product.import_image()
        self.backend.media_url = f"http://localhost:{port}/media"
        self.assertEqual(product.import_image(), "imported")

    def test_no_image(self):
        """What is no image is refused; a web page in its place is tried again."""
        product = self.import_one("magento.product.product", "2")
        self.shop.store.files[self.shop.store.products[2].media[0]["file"]] = b"not much of a picture"
        with self.assertRaisesRegex(PermanentError, "no image"):
            product.import_image()
        self.shop.fail_next(1, "html", match="GET")
        with self.assertRaises(NetworkError):
            product.import_image()

    def test_too_big(self):
        """An image that is too big is not read to its end."""
        product = self.import_one("magento.product.product", "2")
        self.shop.fail_next(1, "huge", match="GET")
        with self.assertRaisesRegex(PermanentError, "bigger than"):
            product.import_image()

    def test_not_wanted(self):
        """A backend that wants no images gets none."""
        self.backend.images_imported = False
        with trap_jobs(self.env) as trap:
            self.import_one("magento.product.product", "2")
        self.assertFalse(trap.jobs)
