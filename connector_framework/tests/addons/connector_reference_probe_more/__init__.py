from odoo.addons.connector_reference_probe import Mapper, PartnerMapper, probe

from . import heard


@probe(replacing=PartnerMapper)
class MorePartnerMapper(PartnerMapper):
    pass


@probe
class OrderMapper(Mapper):
    _apply_on = "res.currency"
