from . import adapter, batch, catalogue, customer, document, importer, order, website
