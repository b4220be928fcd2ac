"""What the framework adds to forms of others: a tab with bindings, one with exchanges, buttons of a backend.

Forms are extended when they are read, so that a connector inherits no view for it. A form that has the field or the
button already keeps its own.
"""

from __future__ import annotations

from lxml import etree
from odoo import api, models

from ..groups import MANAGER_GROUP, USER_GROUP

#: Columns of the tab of a record's bindings, and of the tab of a binding's exchanges.
BINDING_COLUMNS = ("backend_id", "external_id", "sync_state", "sync_date")
EXCHANGE_COLUMNS = ("date", "method", "path", "status", "duration_ms", "error")


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if view_type == "form":
            self._connector_extend_form(arch)
        return arch, view

    def _connector_extend_form(self, arch):
        """Add a tab with the bindings that a form does not show yet.

        A connector declares a one2many on the record's model, whose inverse is ``odoo_id``.
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
        notebook = _notebook(arch) if missing else None
        if notebook is not None:
            page = _add_page(notebook, "connector_bindings", self.env._("Connectors"))
            for name in missing:
                _add_list(page, name, BINDING_COLUMNS)


class ConnectorBindingMixin(models.AbstractModel):
    _inherit = "connector.binding.mixin"

    def _connector_extend_form(self, arch):
        """Add a tab with the exchanges."""
        super()._connector_extend_form(arch)
        if arch.xpath("//field[@name='exchange_ids']"):
            return
        notebook = _notebook(arch)
        if notebook is None:
            sheets = arch.xpath("/form/sheet")
            notebook = etree.SubElement(sheets[0] if sheets else arch, "notebook")
        page = _add_page(notebook, "connector_exchanges", self.env._("Exchanges"))
        options = {"decoration-danger": "error", "create": "0", "edit": "0"}
        _add_list(page, "exchange_ids", EXCHANGE_COLUMNS, options)


class ConnectorBackendMixin(models.AbstractModel):
    _inherit = "connector.backend.mixin"

    def _connector_extend_form(self, arch):
        """Add buttons that open streams, exchanges and comparisons, and one that compares."""
        super()._connector_extend_form(arch)
        sheets = arch.xpath("/form/sheet")
        boxes = arch.xpath("//div[@name='button_box'][not(ancestor::field)]")
        if not (sheets or boxes):
            return
        if boxes:
            box = boxes[0]
        else:
            box = etree.Element("div", {"name": "button_box", "class": "oe_button_box"})
            sheets[0].insert(0, box)
        for name, label, icon, group in (
            ("action_open_streams", self.env._("Streams"), "fa-step-forward", USER_GROUP),
            ("action_open_exchanges", self.env._("Exchanges"), "fa-exchange", USER_GROUP),
            ("action_open_comparisons", self.env._("Comparisons"), "fa-balance-scale", USER_GROUP),
            ("action_compare", self.env._("Compare"), "fa-search", MANAGER_GROUP),
        ):
            if not arch.xpath(f"//button[@name='{name}']"):
                button = {"name": name, "type": "object", "string": label, "icon": icon, "class": "oe_stat_button"}
                etree.SubElement(box, "button", {**button, "groups": group, "invisible": "not id"})


def _notebook(arch):
    """Return the first notebook of a form, None when it has none."""
    return next(iter(arch.xpath("//notebook[not(ancestor::field)]")), None)


def _add_page(notebook, name, label):
    return etree.SubElement(notebook, "page", name=name, string=label, groups=USER_GROUP)


def _add_list(page, name, columns, options=None):
    """Add a read-only list of the records of a field."""
    field = etree.SubElement(page, "field", name=name, readonly="1", nolabel="1")
    rows = etree.SubElement(field, "list", options or {})
    for column in columns:
        etree.SubElement(rows, "field", name=column)
