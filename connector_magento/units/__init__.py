from . import adapter, batch, category, customer_group, importer, partner, product, sale_order, website
