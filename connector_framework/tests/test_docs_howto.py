"""The examples of the how-to pages of ``docs``, run against a shop in memory."""

from __future__ import annotations

import unittest

from odoo.tests import tagged

from .docs_common import DOCS, PageCase


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestRateLimitPage(PageCase):
    page = "howto/rate_limit"

    def test_page(self):
        """A field of the backend is the limit, and its bucket is made by the first call."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestLongImportPage(PageCase):
    page = "howto/long_import"

    def test_page(self):
        """The job with checkpoints ends done, with all its parts."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestTwoShopsPage(PageCase):
    page = "howto/two_shops"

    def test_page(self):
        """The second shop's customer becomes a second binding of the same partner."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestCompositeKeysPage(PageCase):
    page = "howto/composite_keys"

    def test_page(self):
        """The binder finds by the tuple, and gives it back."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestMergeSplitPage(PageCase):
    page = "howto/merge_split"

    def test_page(self):
        """Two records come in as one, and a change goes out to the one that it belongs to."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestBulkExportPage(PageCase):
    page = "howto/bulk_export"

    def test_page(self):
        """The adapter, the exporter and the jobs of the page can be made."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestWebhookPage(PageCase):
    page = "howto/webhook"

    def test_page(self):
        """A signed message stores one job however often it comes."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestDatabaseCopiesPage(PageCase):
    page = "howto/database_copies"

    def test_page(self):
        """The mark of a copy can be removed."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestSecretsPage(PageCase):
    page = "howto/secrets"

    def test_page(self):
        """A declared field is a secret, and is not copied."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestQuickstartPage(PageCase):
    page = "quickstart"

    def test_page(self):
        """The first job can be stored."""
        self.run_page()


@tagged("post_install", "-at_install", "transaction")
@unittest.skipUnless(DOCS.exists(), "an installed addon comes without the documentation")
class TestFromOcaPage(PageCase):
    page = "from_oca"

    def test_page(self):
        """The calls of the page are those that there are, and do what stands beside them."""
        self.run_page()
