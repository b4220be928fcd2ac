"""Export the addons' terms; run by `odoo shell`, whose `env` it is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def export(env: Any, addons: list[str], folder: str) -> None:
    """Write ADDON.pot for each addon as Odoo's exporter does, and `odoo.json` with what of it is Odoo's.

    `odoo.json` has `origins`: {external id of a field or of its selection's value: that of the field that it comes
    from, None when it comes from no single one}, of fields that no addon of the list defines; and `modules`: the
    folders of Odoo's modules that are installed.
    """
    from odoo.modules import get_module_path
    from odoo.tools.translate import trans_export

    for name in addons:
        with Path(folder, f"{name}.pot").open("wb") as target:
            trans_export(None, [name], target, "po", env)
    installed = env["ir.module.module"].search([("state", "=", "installed")], order="name").mapped("name")
    origins = {}
    data = env["ir.model.data"].search(
        [("module", "in", addons), ("model", "in", ["ir.model.fields", "ir.model.fields.selection"])]
    )
    for one in data:
        record = env[one.model].browse(one.res_id)
        row = record.field_id if one.model == "ir.model.fields.selection" else record
        field = row.model in env and env[row.model]._fields.get(row.name)
        if not field:
            continue
        is_inherited = field.inherited
        while field.inherited:
            field = field.inherited_field
        if not set(field._modules).intersection(addons):
            origin = f"field_{field.model_name.replace('.', '_')}__{field.name}"
            origins[one.complete_name] = origin if is_inherited else None
    folders = [get_module_path(name) for name in installed if name not in addons]
    Path(folder, "odoo.json").write_text(json.dumps({"origins": origins, "modules": folders}))
