from . import contacts, export, importer, lines, order
