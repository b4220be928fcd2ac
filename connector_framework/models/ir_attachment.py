"""Writes of the filestore that a killed process, or a second writer of the same content, cannot tear."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from odoo import api, models
from odoo.exceptions import UserError


class IrAttachment(models.Model):
    """Attachments, also the binary fields of records, such as imported images.

    Odoo opens a file under its final name and then fills it. A process killed in between leaves a torn file; a second
    writer of the same content reads a half written one. Odoo then raises a UserError, *The attachment collides with an
    existing file*, and the job fails for good.
    """

    _inherit = "ir.attachment"

    @api.model
    def _get_path(self, bin_data, sha):
        """Replace a torn file: one whose content does not have the checksum that is its name."""
        try:
            return super()._get_path(bin_data, sha)
        except UserError:
            fname, path = self._connector_place(sha)
            if self._compute_checksum(path.read_bytes()) != sha:
                self._connector_put_file(fname, path, bin_data)
            return super()._get_path(bin_data, sha)

    @api.model
    def _file_write(self, bin_value, checksum):
        if self._storage() == "file":
            fname, path = self._connector_place(checksum)
            if not path.exists():
                self._connector_put_file(fname, path, bin_value)
        return super()._file_write(bin_value, checksum)

    def _connector_place(self, checksum):
        """Return the name of a content's file as Odoo stores it, and its path."""
        fname = f"{checksum[:2]}/{checksum}"
        return fname, Path(self._full_path(fname))

    def _connector_put_file(self, fname, path, content):
        """Write a file beside its place, then move it there in one step."""
        self._mark_for_gc(fname)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}-{uuid4().hex}")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
