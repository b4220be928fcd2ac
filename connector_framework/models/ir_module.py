"""The clean-up when a connector, or the framework itself, is uninstalled."""

from __future__ import annotations

import logging

from odoo import models
from odoo.exceptions import UserError
from psycopg2 import IntegrityError

from ..queue.options import DEFAULT_CHANNEL
from ..queue.sql import schema

_logger = logging.getLogger(__name__)

FRAMEWORK = "connector_framework"


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def module_uninstall(self):
        names = self._connector_models()
        if FRAMEWORK in self.mapped("name"):
            result = super().module_uninstall()
            self.env.cr.execute(schema.DROP_TABLES)
            self._connector_forget_external_ids(names)
            return result
        services = self._connector_services(names)
        self._connector_forget(names)
        self._connector_delete_backends(names)
        self._connector_forget_channels(services)
        result = super().module_uninstall()
        self._connector_forget_external_ids(names)
        return result

    def _connector_models(self):
        """Return the names of the models that go with these addons: no other one defines them too."""
        external_ids = self.env["ir.model.data"].sudo()
        addons = self.mapped("name")
        ids = external_ids.search([("model", "=", "ir.model"), ("module", "in", addons)]).mapped("res_id")
        others = external_ids.search(
            [("model", "=", "ir.model"), ("module", "not in", addons), ("res_id", "in", ids)]
        ).mapped("res_id")
        return self.env["ir.model"].sudo().browse(set(ids) - set(others)).exists().mapped("model")

    def _connector_forget(self, names):
        """Delete the jobs, streams, incidents, comparisons and exchanges of models that are going to be removed.

        Jobs are cancelled before they are deleted, so that what waits for them is cancelled too and not released.
        """
        about_backend = [("backend_model", "in", names)]
        about_model = [("model_name", "in", names)]
        jobs = self.env["connector.job"].sudo().search(["|", *about_model, *about_backend])
        unfinished = jobs.filtered(lambda job: job.state in ("waiting", "pending", "running", "failed"))
        if unfinished:
            unfinished.action_cancel(self.env._("%s was uninstalled", ", ".join(self.mapped("name"))))
        jobs.unlink()
        self.env["connector.stream"].sudo().search(about_backend).unlink()
        self.env["connector.incident"].sudo().search(about_backend).unlink()
        self.env["connector.comparison"].sudo().search(about_backend).unlink()
        self.env["connector.adapter.state"].sudo().search(about_backend).unlink()
        self.env["connector.exchange"].sudo()._forget_models(names)

    def _connector_services(self, names):
        """Return the services that the backends among these models, and no others, are for."""
        mixin = self.env.registry["connector.backend.mixin"]
        backends = {
            name: cls for name, cls in self.env.registry.items() if issubclass(cls, mixin) and not cls._abstract
        }
        others = {cls._service for name, cls in backends.items() if name not in names}
        return {cls._service for name, cls in backends.items() if name in names and cls._service} - others

    def _connector_forget_channels(self, services):
        """Delete the channels that go with the addons and have no jobs.

        Those that were made on use below the addons' own, which could not be deleted else, and those of the services.
        """
        external_ids = self.env["ir.model.data"].sudo().search([("model", "=", "connector.job.channel")])
        own = external_ids.filtered(lambda data: data.module in self.mapped("name")).mapped("res_id")
        names = [f"{DEFAULT_CHANNEL}.{service}" for service in services]
        channels = self.env["connector.job.channel"].sudo()
        below = channels.search(
            ["|", ("id", "child_of", own), ("id", "child_of", channels.search([("name", "in", names)]).ids)]
        )
        jobs = self.env["connector.job"].sudo()
        # The path of a channel goes on after that of the one above: the lowest first.
        for channel in below.browse(set(below.ids) - set(external_ids.mapped("res_id"))).sorted("parent_path")[::-1]:
            is_used = jobs.search_count([("channel_id", "=", channel.id)], limit=1)
            if not is_used and not channel.search_count([("parent_id", "=", channel.id)], limit=1):
                channel.unlink()

    def _connector_delete_backends(self, names):
        """Delete the backends, and so their bindings, whose tables are dropped last.

        Else what they refer to could not be deleted before, e.g. a product for shipping that the addon has brought.
        """
        mixin = self.env.registry["connector.backend.mixin"]
        for name in names:
            if name in self.env and issubclass(self.env.registry[name], mixin) and not self.env[name]._abstract:
                backends = self.env[name].with_context(active_test=False, connector_no_events=True)
                try:
                    with self.env.cr.savepoint():
                        backends.search([("id", "!=", False)]).unlink()
                except (IntegrityError, UserError) as error:
                    _logger.info("%s stays until its table is dropped: %s", name, error)

    def _connector_forget_external_ids(self, names):
        """Delete the external ids, of other addons too, of what Odoo has noted about models that are gone.

        Odoo gives to an addon what its mixins bring to the models of others: the selection values of their fields, and
        what the models inherit from a mixin that one of its own classes extends.
        """
        for model_name, word in (("ir.model.fields.selection", "selection"), ("ir.model.inherit", "model_inherit")):
            prefixes = tuple(f"{word}__{name.replace('.', '_')}__" for name in names)
            found = self.env["ir.model.data"].sudo().search([("model", "=", model_name)])
            found = found.filtered(lambda data, prefixes=prefixes: data.name.startswith(prefixes))
            kept = set(self.env[model_name].sudo().browse(found.mapped("res_id")).exists().ids)
            found.filtered(lambda data, kept=kept: data.res_id not in kept).unlink()
