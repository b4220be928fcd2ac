"""A consumer of events of this addon, and what it has heard in this process."""

from odoo.addons.connector_framework.events import on_record_create

heard = []


@on_record_create("res.partner")
def partner_created(records, vals_list):
    heard.append((records.env.cr.dbname, [vals["name"] for vals in vals_list]))
