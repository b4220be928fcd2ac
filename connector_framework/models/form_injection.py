"""What the framework adds to forms of others: a tab with bindings, one with exchanges, buttons.

Forms are extended when they are read, so that a connector inherits no view for it. A form that has the field or the
button already keeps its own.
"""

from __future__ import annotations

from lxml import etree
from odoo import api, models

from ..groups import MANAGER_GROUP, USER_GROUP
from ..mappings import ExportMapper, ImportMapper
from ..references import all_references

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
        names = self._connector_binding_fields()
        shown = {node.get("name") for node in arch.iter("field")} if names else set()
        missing = [name for name in names if name not in shown]
        # A short form, such as that of a quick creation, has no tabs and gets none.
        notebook = _notebook(arch) if missing else None
        if notebook is not None:
            page = _add_page(notebook, "connector_bindings", self.env._("Connectors"))
            button = {"name": "action_open_connector_timeline", "type": "object", "class": "btn-link"}
            etree.SubElement(page, "button", {**button, "string": self.env._("Timeline"), "icon": "fa-history"})
            for name in missing:
                _add_list(page, name, BINDING_COLUMNS)

    def _connector_binding_fields(self):
        """Return the names of the one2many fields with the bindings of these records."""
        return [
            name
            for name, field in self._fields.items()
            if field.type == "one2many"
            and field.inverse_name == "odoo_id"
            and getattr(self.env.registry.get(field.comodel_name), "_is_connector_binding", False)
            # On the form of a binding: those of its record, among them itself.
            and not field.inherited
        ]


class ConnectorBindingMixin(models.AbstractModel):
    _inherit = "connector.binding.mixin"

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        self._connector_restrict_inherited(arch)
        return arch, view

    def _connector_restrict_inherited(self, arch):
        """Show fields of the record of Odoo to those groups alone that may read its model.

        A Connector User, who may not read e.g. orders, sees the binding without them.
        """
        readers = {link: self._groups_that_read(model) for model, link in self._inherits.items()}
        depth = len(list(arch.iterancestors("field"))) + (arch.tag == "field")
        for node in arch.xpath(f".//field[count(ancestor::field) = {depth}]"):
            field = self._fields.get(node.get("name"))
            if field is None:
                continue
            groups = readers.get(field.related.split(".")[0]) if field.inherited else None
            if groups and not node.get("groups"):
                node.set("groups", groups)
            if len(node) and getattr(self.env.registry[field.comodel_name], "_is_connector_binding", False):
                self.env[field.comodel_name]._connector_restrict_inherited(node)

    def _groups_that_read(self, model_name):
        """Return the external ids of the groups that may read a model, as a text; None: all internal users may."""
        accesses = (
            self.env["ir.model.access"]
            .sudo()
            .search([("model_id", "=", self.env["ir.model"]._get_id(model_name)), ("perm_read", "=", True)])
        )
        groups = accesses.group_id
        if not all(access.group_id for access in accesses) or self.env.ref("base.group_user") in groups:
            return None
        return ",".join(sorted(filter(None, groups.get_external_id().values()))) or None

    def _connector_extend_form(self, arch):
        """Add a tab with the exchanges, and buttons that show what an import or export would do."""
        super()._connector_extend_form(arch)
        self._connector_add_previews(arch)
        if arch.xpath("//field[@name='exchange_ids']"):
            return
        notebook = _notebook(arch)
        if notebook is None:
            sheets = arch.xpath("/form/sheet")
            notebook = etree.SubElement(sheets[0] if sheets else arch, "notebook")
        page = _add_page(notebook, "connector_exchanges", self.env._("Exchanges"))
        button = {"name": "action_open_timeline", "type": "object", "class": "btn-link", "icon": "fa-history"}
        etree.SubElement(page, "button", {**button, "string": self.env._("Timeline with Jobs")})
        options = {"decoration-danger": "error", "create": "0", "edit": "0"}
        _add_list(page, "exchange_ids", EXCHANGE_COLUMNS, options)

    def _connector_add_previews(self, arch):
        """Add the buttons to the header, as far as the connector imports and exports such records."""
        service = self.env[self._fields["backend_id"].comodel_name]._service
        references = [reference for reference in all_references() if reference.service == service]
        buttons = [
            {"name": name, "string": label, "invisible": invisible}
            for mapper, name, label, invisible in (
                (ImportMapper, "action_preview_import", self.env._("What Will an Import Do?"), "not sync_date"),
                (ExportMapper, "action_preview_export", self.env._("What Will an Export Do?"), "not id"),
            )
            if not arch.xpath(f"//button[@name='{name}']")
            and any(reference.find_class(mapper, self._name, self.env) for reference in references)
        ]
        if not buttons or arch.tag != "form":
            return
        headers = arch.xpath("/form/header")
        header = headers[0] if headers else etree.Element("header")
        if not headers:
            arch.insert(0, header)
        # The state stands at the end of a header.
        end = next((i for i, node in enumerate(header) if node.tag == "field"), len(header))
        for button in reversed(buttons):
            header.insert(end, etree.Element("button", {"type": "object", "groups": MANAGER_GROUP, **button}))


class ConnectorBackendMixin(models.AbstractModel):
    _inherit = "connector.backend.mixin"

    @api.model
    def _get_view_cache_key(self, view_id=None, view_type="form", **options):
        return (*super()._get_view_cache_key(view_id, view_type, **options), bool(self._guarded_fields()))

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        guarded = self._guarded_fields()
        for node in arch.xpath("//field[not(ancestor::field)]"):
            if node.get("name") in guarded:
                node.set("readonly", "1")
        if guarded.intersection(self._url_fields):
            # Only an administrator can fill in the address of a new one.
            arch.set("create", "0")
        if any(self._fields[name].required for name in self._url_fields if name in self._fields):
            arch.set("duplicate", "0")
        return arch, view

    def _connector_extend_form(self, arch):
        """Add buttons that open streams, exchanges and comparisons, and one that compares."""
        super()._connector_extend_form(arch)
        sheets = arch.xpath("/form/sheet")
        boxes = arch.xpath("//div[@name='button_box'][not(ancestor::field)]")
        if not (sheets or boxes):
            return
        if sheets and not arch.xpath("//field[@name='circuit_note']"):
            look = {"class": "alert alert-warning mb-0", "role": "alert"}
            alert = etree.Element("div", {**look, "invisible": "not circuit_note"})
            etree.SubElement(alert, "field", name="circuit_note")
            sheets[0].addprevious(alert)
        if boxes:
            box = boxes[0]
        else:
            box = etree.Element("div", {"name": "button_box", "class": "oe_button_box"})
            sheets[0].insert(0, box)
        for name, label, icon, group in (
            ("action_open_jobs", self.env._("Jobs"), "fa-tasks", USER_GROUP),
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
