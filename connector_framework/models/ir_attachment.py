"""Files of the filestore are stored whole or not at all, whenever a process is killed and whoever stores the same."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from odoo import api, models


class IrAttachment(models.Model):
    """Attachments, also the binary fields of records, such as imported images.

    Odoo opens a file under its final name and then fills it. A process killed in between leaves a torn file there, and
    another one that stores the same content meanwhile reads it half written. Both are told that the attachment collides
    with an existing file: a job fails for good.
    """

    _inherit = "ir.attachment"

    @api.model
    def _get_path(self, bin_data, sha):
        """Replace a file that is torn, as its content has not the checksum that is its name."""
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
        """Write a file beside its place, then move it there, which takes no time in which a process can die."""
        self._mark_for_gc(fname)
        path = Path(self._full_path(fname))
        part = path.with_name(f"{path.name}-{uuid4().hex}")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
