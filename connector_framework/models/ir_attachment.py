"""Writes of the filestore that a killed process, or a second writer of the same content, cannot tear."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from odoo import api, models


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
        fname = f"{sha[:2]}/{sha}"
        path = Path(self._full_path(fname))
        if path.is_file() and self._compute_checksum(path.read_bytes()) != sha:
            self._connector_put_file(fname, bin_data)
        return super()._get_path(bin_data, sha)

    @api.model
    def _file_write(self, bin_value, checksum):
        if self._storage() == "file":
            fname, path = self._get_path(bin_value, checksum)
            if not Path(path).exists():
                self._connector_put_file(fname, bin_value)
        return super()._file_write(bin_value, checksum)

    def _connector_put_file(self, fname, content):
        """Write a file beside its place, then move it there in one step."""
        self._mark_for_gc(fname)
        path = Path(self._full_path(fname))
        part = path.with_name(f"{path.name}-{uuid4().hex}")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
