-- A copy of a database must not reach the shop: neither with its key nor at its address.
UPDATE magento_backend SET api_key = NULL, url = 'https://neutralized.invalid', state = 'draft';
