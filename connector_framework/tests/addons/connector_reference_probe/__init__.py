from odoo.addons.connector_framework.references import ConnectorUnit, Reference

probe = Reference("reference probe")


class Mapper(ConnectorUnit):
    """The kind that is asked for."""


@probe
class PartnerMapper(Mapper):
    _apply_on = "res.partner"
