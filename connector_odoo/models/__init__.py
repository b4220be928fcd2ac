from . import odoo_backend, odoo_bindings
