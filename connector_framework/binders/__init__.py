"""Binders: from the external id of a record to its binding, or to the record of Odoo, and back.

A *binder* is the code, a *binding* the record that it looks up and writes: see ``docs/bindings.md``. The one here works
on every binding model without being registered.
"""

from .binder import Binder, lookups_kept

__all__ = ["Binder", "lookups_kept"]
