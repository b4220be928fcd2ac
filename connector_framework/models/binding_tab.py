"""The tab that shows a record's bindings, on the forms of all models that have some."""

from __future__ import annotations

from lxml import etree
from odoo import api, models

#: What the tab shows of a binding, as far as the user's fields go.
COLUMNS = ("backend_id", "external_id", "sync_state", "sync_date")


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if view_type == "form":
            self._connector_add_tab(arch)
        return arch, view

    def _connector_add_tab(self, arch):
        """Add one tab with the bindings that a form does not show yet.

        A connector declares a one2many on the record's model, whose inverse is ``odoo_id``, and inherits no form.
        """
        names = [
            name
            for name, field in self._fields.items()
            if field.type == "one2many"
            and field.inverse_name == "odoo_id"
            and getattr(self.env.registry.get(field.comodel_name), "_is_connector_binding", False)
            # On the form of a binding: those of its record, among them itself.
            and not field.inherited
        ]
        shown = {node.get("name") for node in arch.iter("field")} if names else set()
        missing = [name for name in names if name not in shown]
        # A short form, such as that of a quick creation, has no tabs and gets none.
        notebooks = arch.xpath("//notebook[not(ancestor::field)]") if missing else []
        if notebooks:
            page = etree.SubElement(
                notebooks[0],
                "page",
                name="connector_bindings",
                string=self.env._("Connectors"),
                groups="connector_framework.group_connector_user",
            )
            for name in missing:
                page.append(self._connector_binding_list(name))

    def _connector_binding_list(self, name):
        """Return the node of a read-only list of bindings."""
        field = etree.Element("field", name=name, readonly="1", nolabel="1")
        columns = etree.SubElement(field, "list")
        for column in COLUMNS:
            etree.SubElement(columns, "field", name=column)
        return field
