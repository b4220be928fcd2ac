"""What goes to the other Odoo when it changes here."""

from odoo.addons.connector_framework.events import on_record_change, origin_of
from odoo.addons.connector_framework.synchronizers import delete_on_unlink, export_on_change

from .models.odoo_backend import MODELS


def made_here(bindings):
    """Return the bindings whose change the other Odoo does not have yet: not those that its own user wrote here."""
    return bindings.filtered(
        lambda binding: binding.sync_state != "gone" and binding.backend_id.peer_user_id != bindings.env.user
    )


for model_name in MODELS:
    export_on_change(model_name, when=made_here)
    delete_on_unlink(model_name)


@on_record_change("res.partner", "product.product")
def bind_new(records, fields):
    """Bind what is not bound yet to the backends that want all: a new binding is exported."""
    origin = origin_of(records.env)
    for backend in records.env["odoo.backend"].sudo().search([("export_new", "=", True)]):
        if origin == (backend._name, backend.id) or backend.peer_user_id == records.env.user:
            continue
        bindings = backend.env[f"odoo.{records._name}"].with_context(active_test=False)
        known = bindings.search([("backend_id", "=", backend.id), ("odoo_id", "in", records.ids)]).odoo_id
        ours = records.sudo().filtered_domain([("company_id", "in", (False, backend.company_id.id))])
        bindings.create([{"backend_id": backend.id, "odoo_id": record.id} for record in ours - known])
