"""The dry run of imports and exports: what would happen, on bindings and on jobs."""

from __future__ import annotations

import json

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError, UserError

from ..binders import Binder
from ..groups import MANAGER_GROUP
from ..preview import Preview, is_contained
from ..queue.arguments import decode_call, environment
from ..queue.sql import actions

#: Records of a job that a dry run shows.
SHOWN_RECORDS = 5


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

    def action_preview_import(self):
        """Show what another import of the record would do."""
        self._check_may_preview()
        with self.backend_id.work_on(self._name) as work:
            external_id = work.unit(Binder).to_external(self)
        if external_id is None:
            raise UserError(
                self.env._("%s is not in the other system yet: nothing can be imported.", self.display_name)
            )
        preview = self.browse()._preview_import(self.backend_id, external_id, force=True)
        return self.env["connector.preview"]._show(preview, self.env._("Import of %s", self.display_name))

    def action_preview_export(self):
        """Show what an export of the record would do."""
        self._check_may_preview()
        preview = self._preview_export()
        return self.env["connector.preview"]._show(preview, self.env._("Export of %s", self.display_name))

    def _check_may_preview(self):
        self.ensure_one()
        check_may_preview(self.env)
        self.check_access("write")
        self.backend_id.check_access("read")


class ConnectorJob(models.Model):
    _inherit = "connector.job"

    can_preview = fields.Boolean(compute="_compute_can_preview", help="It is a job of a connector.")

    @api.depends("model_name")
    def _compute_can_preview(self):
        for job in self:
            model = self.env.registry.get(job.model_name)
            job.can_preview = getattr(model, "_is_connector_binding", False) or bool(getattr(model, "_service", None))

    def action_preview(self):
        """Show what the job would do if it ran now; of a job of many records, with the first of them."""
        self.ensure_one()
        check_may_preview(self.env)
        self.check_access("read")
        if not self.can_preview:
            raise UserError(self.env._("Only a job of a connector can be tried out: this one is of another model."))
        user = self.user_id.sudo()
        if not (user.active or user.id == SUPERUSER_ID or user._is_public()):
            raise UserError(self.env._("The user of this job is archived: it would fail."))
        records, args, kwargs, note = self._call_to_preview()
        arguments = (*args, *kwargs.values())
        backends = [one for one in (records, *arguments) if getattr(one, "_service", None)]
        backend = backends[0] if backends else records.sudo().backend_id
        preview = Preview(self.env, self.model_name, backend)
        preview.run(lambda: getattr(records, self.method_name)(*args, **kwargs), job_id=self.id)
        return self.env["connector.preview"]._show(preview, self.display_name, note)

    def _call_to_preview(self):
        """Return the records, arguments and named arguments of the call, as the job's user, and a note.

        :raises UserError: when the call cannot be made any more
        """
        [(_id, text)] = self._query(actions.read_calls(self.ids))
        try:
            call = json.loads(text)
            env = environment(self.env.cr, self.user_id.id, call)
            args, kwargs = decode_call(call, env)
            records = env[self.model_name].browse(call["ids"])
            getattr(records, self.method_name)  # pylint: disable=expression-not-assigned
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError(self.env._("The call of this job cannot be made any more: %s", error)) from error
        if call["ids"]:
            records = records.exists()
            if not records:
                raise UserError(self.env._("The records of this job do not exist any more: it would do nothing."))
        count, note = len(records), False
        if self.method_name == "import_records":
            position, ids = ("external_ids", kwargs["external_ids"]) if "external_ids" in kwargs else (1, args[1])
            count = len(ids)
            (kwargs if position == "external_ids" else args)[position] = ids[:SHOWN_RECORDS]
        records = records[:SHOWN_RECORDS]
        if count > SHOWN_RECORDS:
            note = self.env._(
                "This shows the first %(shown)s of the %(count)s records of the job.", shown=SHOWN_RECORDS, count=count
            )
        return records, args, kwargs, note


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _connect__(self, *args, **kwargs):
        """Connect to nothing in a dry run."""
        return None if is_contained(self.env.cr) else super()._connect__(*args, **kwargs)

    @api.model
    def send_email(self, message, *args, **kwargs):
        """Send nothing in a dry run."""
        if is_contained(self.env.cr):
            return message["Message-Id"]
        return super().send_email(message, *args, **kwargs)


def check_may_preview(env):
    """Check that the user may make dry runs: they read the other system and run the connector's code.

    :raises AccessError: for all but Connector Managers
    """
    if not env.user.has_group(MANAGER_GROUP):
        raise AccessError(env._("Only a Connector Manager can try out what an import or export will do: ask one."))
