"""What was said with the other system: on the form of a binding, and from the form of a backend."""

from __future__ import annotations

from lxml import etree
from odoo import api, fields, models
from odoo.fields import Domain

USERS = "connector_framework.group_connector_user"
#: Exchanges that the form of a binding shows; the button on it opens all.
SHOWN = 40
COLUMNS = ("date", "method", "path", "status", "duration_ms", "error")


class ConnectorBindingMixin(models.AbstractModel):
    _inherit = "connector.binding.mixin"

    exchange_ids = fields.Many2many(
        "connector.exchange",
        string="Exchanges",
        compute="_compute_exchange_ids",
        groups=USERS,
        help="The last calls to the other system that were about this record.",
    )

    def _compute_exchange_ids(self):
        exchanges = self.env["connector.exchange"]
        domains = {binding: binding._exchange_domain() for binding in self}
        found = exchanges.search(Domain.OR(domains.values()), limit=SHOWN * len(self)) if self else exchanges
        for binding, domain in domains.items():
            binding.exchange_ids = found.filtered_domain(domain)[:SHOWN]

    def _exchange_domain(self):
        """Return the domain of the exchanges that were about this binding (1), by its id or by that of over there."""
        about = Domain("model_name", "=", self._name)
        domain = about & Domain("record_id", "=", self.id)
        if self.external_id:
            there = Domain("backend_id", "=", self.backend_id.id) & Domain("external_id", "=", self.external_id)
            domain |= about & there
        return domain

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if view_type == "form" and not arch.xpath("//field[@name='exchange_ids']"):
            self._connector_add_timeline(arch)
        return arch, view

    def _connector_add_timeline(self, arch):
        """Add a page with the exchanges to a form."""
        notebooks = arch.xpath("//notebook[not(ancestor::field)]")
        if notebooks:
            notebook = notebooks[0]
        else:
            sheets = arch.xpath("/form/sheet")
            notebook = etree.SubElement(sheets[0] if sheets else arch, "notebook")
        page = etree.SubElement(
            notebook, "page", name="connector_exchanges", string=self.env._("Exchanges"), groups=USERS
        )
        field = etree.SubElement(page, "field", name="exchange_ids", readonly="1", nolabel="1")
        columns = etree.SubElement(field, "list", {"decoration-danger": "error", "create": "0", "edit": "0"})
        for name in COLUMNS:
            etree.SubElement(columns, "field", name=name)


class ConnectorBackendMixin(models.AbstractModel):
    _inherit = "connector.backend.mixin"

    def action_open_exchanges(self):
        """Open what was said with the other system."""
        return self._open("connector_framework.action_connector_exchange")

    def action_open_streams(self):
        """Open the streams, to see how far they are and to rewind them."""
        return self._open("connector_framework.action_connector_stream")

    def _open(self, action):
        self.ensure_one()
        self.check_access("read")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(action),
            "domain": [("backend_model", "=", self._name), ("backend_id", "=", self.id)],
        }

    @api.model
    def _get_view(self, view_id=None, view_type="form", **options):
        arch, view = super()._get_view(view_id, view_type, **options)
        if view_type == "form":
            self._connector_add_buttons(arch)
        return arch, view

    def _connector_add_buttons(self, arch):
        """Add buttons to a form that open streams and exchanges, unless it has them."""
        sheets = arch.xpath("/form/sheet")
        boxes = arch.xpath("//div[@name='button_box'][not(ancestor::field)]")
        if not (sheets or boxes):
            return
        if boxes:
            box = boxes[0]
        else:
            box = etree.Element("div", {"name": "button_box", "class": "oe_button_box"})
            sheets[0].insert(0, box)
        for name, label, icon in (
            ("action_open_streams", self.env._("Streams"), "fa-step-forward"),
            ("action_open_exchanges", self.env._("Exchanges"), "fa-exchange"),
        ):
            if not arch.xpath(f"//button[@name='{name}']"):
                etree.SubElement(
                    box,
                    "button",
                    {
                        "name": name,
                        "type": "object",
                        "string": label,
                        "icon": icon,
                        "class": "oe_stat_button",
                        "groups": USERS,
                        "invisible": "not id",
                    },
                )
