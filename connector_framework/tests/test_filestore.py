"""A file of the filestore is there whole or not at all: killed processes, and several that store the same."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from .process_case import ProcessCase


def place(env, content):
    """Return the checksum of a content, and where its file is."""
    checksum = env["ir.attachment"]._compute_checksum(content)
    return checksum, Path(env["ir.attachment"]._full_path(f"{checksum[:2]}/{checksum}"))


@tagged("post_install", "-at_install", "transaction")
class TestFilestore(TransactionCase):
    def setUp(self):
        super().setUp()
        self.content = os.urandom(20_000)
        self.checksum, self.path = place(self.env, self.content)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.addCleanup(self.path.unlink, missing_ok=True)

    def store(self):
        return self.env["ir.attachment"].create({"name": "image", "raw": self.content})

    def beside(self):
        return list(self.path.parent.glob(f"{self.checksum}*"))

    def test_torn_file(self):
        """A file that a killed process left empty or half written is replaced, and not taken for a collision."""
        for left in (b"", self.content[:8192], self.content + b"more"):
            with self.subTest(size=len(left)):
                self.path.write_bytes(left)
                attachment = self.store()
                attachment.invalidate_recordset()
                self.assertEqual(attachment.raw, self.content)
                self.assertEqual(self.beside(), [self.path])

    def test_torn_file_of_a_record(self):
        """So is the file of a binary field that is written again."""
        attachment = self.store()
        self.path.write_bytes(b"")
        attachment.raw = b"other"
        attachment.raw = self.content
        attachment.invalidate_recordset()
        self.assertEqual(attachment.raw, self.content)

    def test_interrupted(self):
        """A write that ends early, as on a full disk, leaves nothing behind."""
        with patch.object(Path, "replace", side_effect=OSError("No space left on device")), self.assertRaises(OSError):
            self.store()
        self.assertEqual(self.beside(), [])

    def test_collects_garbage(self):
        """A file is on the checklist of the garbage collection, in case its transaction is rolled back."""
        self.store()
        checklist = Path(self.env["ir.attachment"]._full_path("checklist"))
        self.assertTrue((checklist / self.checksum[:2] / self.checksum).exists())

    def test_collision(self):
        """Another content with the same checksum is refused, as Odoo does, and the file stays."""
        self.store()
        with self.assertRaises(UserError):
            self.env["ir.attachment"]._get_path(b"other", self.checksum)
        self.assertEqual(self.path.read_bytes(), self.content)

    def test_mode(self):
        """The file has the mode of any new file: backups run as other users."""
        self.store()
        other = self.path.with_name(f"{self.checksum}-other")
        self.addCleanup(other.unlink)
        other.write_bytes(b"")
        self.assertEqual(self.path.stat().st_mode, other.stat().st_mode)

    def test_other_storage(self):
        """Nothing is written to the disk where another addon keeps the files elsewhere."""
        attachments = self.env["ir.attachment"]
        with (
            patch.object(type(attachments), "_storage", lambda self: "s3"),
            patch.object(Path, "write_bytes", side_effect=AssertionError("written")),
        ):
            attachments._file_write(self.content, self.checksum)
        self.assertTrue(self.path.exists(), "Odoo itself writes it where no addon does")


@tagged("post_install", "-at_install", "concurrency")
class TestFilestoreConcurrency(ProcessCase):
    def test_same_content(self):
        """A thread that stores what another one is storing does not meet a half written file."""
        content = os.urandom(64_000_000)
        with self.environment() as env, self.environment() as other, ThreadPoolExecutor(1) as threads:
            checksum, path = place(env, content)
            self.addCleanup(path.unlink, missing_ok=True)
            first = threads.submit(env["ir.attachment"]._file_write, content, checksum)
            deadline = time.monotonic() + 60
            while not path.exists():
                self.assertLess(time.monotonic(), deadline)
            other["ir.attachment"]._file_write(content, checksum)
            first.result(60)
            self.assertEqual(path.stat().st_size, len(content))
