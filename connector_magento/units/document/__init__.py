from . import document, invoice, shipment
