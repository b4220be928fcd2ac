"""The classes of the references of this process, as a developer looks at them."""

from __future__ import annotations

import json
import logging

from odoo import fields, models
from odoo.tools import SQL

from ..addon import addon_of, path_of
from ..references import all_references
from ..synchronizers.mistakes import mistakes

_logger = logging.getLogger(__name__)


class ConnectorReferenceClass(models.Model):
    """A class that a reference sees: its own, or one that it inherits.

    The table is what the process has in memory at that moment, handed to PostgreSQL with each query.
    """

    _name = "connector.reference.class"
    _description = "Class of a Reference"
    _auto = False
    _log_access = False
    _order = "id"
    _rec_name = "class_name"
    _connector_bookkeeping = True

    reference = fields.Char(readonly=True, help="The reference that uses the class, after those that it falls back on")
    service = fields.Char(readonly=True)
    kind = fields.Char(readonly=True, help="The class of the framework that it derives from")
    model_names = fields.Char("Models", readonly=True)
    class_name = fields.Char("Class", readonly=True)
    class_path = fields.Char("Module and Class", readonly=True)
    summary = fields.Char(readonly=True)
    addon = fields.Char(readonly=True)
    registered_on = fields.Char(readonly=True)
    replaces = fields.Char(readonly=True, help="The class that it was registered to replace")
    replaced_by = fields.Char(readonly=True)
    state = fields.Selection(
        [
            ("own", "Own"),
            ("inherited", "Inherited"),
            ("replaced", "Replaced"),
            ("not_installed", "Addon Not Installed"),
        ],
        readonly=True,
    )

    def _register_hook(self):
        """Log the mistakes in the classes of connectors: as ERROR what fails when it is used.

        They are not raised: a database must load for its addons to be corrected, upgraded or uninstalled.
        """
        super()._register_hook()
        for mistake in mistakes(self.env):
            _logger.log(logging.ERROR if mistake.is_certain else logging.WARNING, "%s", mistake.text)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT *
              FROM json_to_recordset(%s::json) AS seen (
                id integer, reference varchar, service varchar, kind varchar, model_names varchar, class_name varchar,
                class_path varchar, summary varchar, addon varchar, registered_on varchar, replaces varchar,
                replaced_by varchar, state varchar
              )
            """,
            json.dumps(self._rows()),
        )

    def _rows(self):
        """Return the values of all rows; the ids are their places, the same until a class is registered or goes."""
        seen = [(reference, entry) for reference in all_references() for entry in reference.entries(self.env)]
        return [{"id": number, **_values(reference, entry)} for number, (reference, entry) in enumerate(seen, 1)]


def _values(reference, entry):
    if not entry.is_installed:
        state = "not_installed"
    elif entry.replaced_by:
        state = "replaced"
    else:
        state = "own" if entry.level is reference else "inherited"
    return {
        "reference": " / ".join(reversed([str(level) for level in reference.lineage()])),
        "service": reference.service,
        "kind": _kind(entry.cls),
        "model_names": ", ".join(entry.cls.applied_models()) or None,
        "class_name": entry.cls.__name__,
        "class_path": path_of(entry.cls),
        "summary": (entry.cls.__dict__.get("__doc__") or "").strip().partition("\n")[0] or None,
        "addon": entry.addon,
        "registered_on": str(entry.level),
        "replaces": entry.replacing and entry.replacing.__name__,
        "replaced_by": entry.replaced_by and entry.replaced_by.__name__,
        "state": state,
    }


def _kind(cls):
    """Return the name of the framework's class that a class derives from."""
    return next(
        base.__name__
        for base in cls.__mro__
        if addon_of(base) == "connector_framework"
        and not base.__module__.startswith("odoo.addons.connector_framework.tests.")
    )
