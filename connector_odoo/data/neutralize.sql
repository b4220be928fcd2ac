-- A copy of a database must not reach the other Odoo: neither with its key nor at its address.
UPDATE odoo_backend SET api_key = NULL, url = 'https://neutralized.invalid', state = 'draft';
