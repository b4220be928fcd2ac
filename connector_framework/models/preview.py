"""The dry run of imports and exports: what would happen, on bindings and on jobs."""

from __future__ import annotations

from odoo import api, models

from ..preview import Preview, is_contained


class ConnectorBindingMixin(models.AbstractModel):
    _inherit = "connector.binding.mixin"

    @api.model
    @api.private
    def preview_import(self, backend, external_id, force=False):
        """Say what the import of a record would do: run it, and take all of it back.

        Nothing is written, enqueued or mailed; the adapters read, and send nothing. What it raises is part of the
        answer. The numbers that it takes from sequences are used up.

        :param force: as for ``import_record``
        :return: a dict that is JSON: ``records``, a list of ``model``, ``id`` (None: new) and ``values``, by field a
            dict of ``old``, ``new``, ``source``, ``method``, ``class`` and ``addon`` (None where no mapper made the
            value); ``calls``, a list of ``operation``, ``external_id`` and ``data``; ``jobs``, a list of ``model``,
            ``method`` and ``records`` (ids; None: new); ``outcome``, and ``errors`` by target
        """
        return self._preview_import(backend, external_id, force).as_dict()

    @api.private
    def preview_export(self, fields=None):
        """Say what the export of the bindings would do, as :meth:`preview_import` does.

        The ids of external records that would be created are placeholders.

        :param fields: as for ``export_record``
        """
        return self._preview_export(fields).as_dict()

    def _preview_import(self, backend, external_id, force=False):
        preview = Preview(self.env, self._name, backend)
        return preview.run(lambda: self.import_record(backend, external_id, force=force))

    def _preview_export(self, fields=None):
        preview = Preview(self.env, self._name, self.backend_id)
        return preview.run(lambda: self.export_record(fields=fields))


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _connect__(self, *args, **kwargs):  # noqa: PLW3201
        """Connect to nothing in a dry run."""
        return None if is_contained(self.env.cr) else super()._connect__(*args, **kwargs)

    @api.model
    def send_email(self, message, *args, **kwargs):
        """Send nothing in a dry run."""
        if is_contained(self.env.cr):
            return message["Message-Id"]
        return super().send_email(message, *args, **kwargs)
