"""How records find each other: over the external ids that Odoo itself gives (``__export__.res_partner_7_ab12cd34``).

An export gives a record such an id and hands it over, an import takes it over: whoever of the two comes first, the
record has the same id on both sides, and nothing is created twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from odoo.addons.connector_framework.exceptions import SkipError
from odoo.addons.connector_framework.synchronizers import Agreement, DelayedBatchImporter, Exporter, Importer

from ..references import odoo

#: What tells a record beside its external id, by binding model: the first that it has, and that one other has.
NATURAL_KEYS = {"odoo.product.product": ("barcode", "default_code")}
PARTNER = "odoo.res.partner"


@odoo
class OdooBatchImporter(DelayedBatchImporter):
    stream = True

    def _since_filters(self, since: datetime) -> Any:
        # Dates have microseconds there and none over the API: this one, cut to the second, includes all of its second.
        # What was written before it and is committed only now is in the overlap.
        return [("write_date", ">=", since.strftime("%Y-%m-%d %H:%M:%S"))]

    def _now(self) -> datetime:
        self.adapter.ping()
        return self.adapter.server_time() or super()._now()


@odoo
class OdooImporter(Importer):
    @property
    def conflict_policy(self) -> str | None:
        return self.backend.conflict_policy or None

    def _check_importable(self, record: dict[str, Any]) -> None:
        _refuse_module_data(self.env, record["xid"])

    def _is_unchanged(self, record: dict[str, Any], binding: Any) -> bool:
        if super()._is_unchanged(record, binding):
            return True
        content = {key: value for key, value in record.items() if key != "xid"}
        if self.unit(Agreement).unsent(content, binding):
            return False
        # It is as we sent it: no news, and what has changed here since is not to be overwritten.
        with self.work.origin():
            binding.with_env(self.env).import_hash = self._hash(record)
        return True

    def _import_dependencies(self, record: dict[str, Any]) -> None:
        parent_id = record.get("parent_id")
        if parent_id and not self.import_dependency(parent_id, PARTNER):
            raise SkipError(f"its parent, {parent_id}, is not imported")

    def _find_binding(self, record: dict[str, Any]) -> Any:
        # It may be waiting for its first export.
        return super()._find_binding(record) or self.binder.wrap(self._here(record))

    def _create(self, values: dict[str, Any]) -> Any:
        here = self._here(self.external_record)
        return super()._create({**values, "odoo_id": here.id} if here else values)

    def _here(self, record: dict[str, Any]) -> Any:
        """Return the record of Odoo (0..1) that is this one."""
        records = self.env[self.model._fields["odoo_id"].comodel_name].with_context(active_test=False)
        found = self.env.ref(record["xid"], raise_if_not_found=False)
        if found is not None and found._name == records._name:
            return found
        for name in NATURAL_KEYS.get(self.model._name, ()):
            found = records.search([(name, "=", record[name])], limit=2) if record[name] else records
            if len(found) == 1:
                return found
        return records

    def _after_import(self, binding: Any) -> None:
        agreement = self.unit(Agreement)
        agreement.remember(agreement.exporter.values_of(binding), binding)
        record = binding.odoo_id
        if not record.get_external_id()[record.id]:
            xid = self.external_record["xid"]
            self.env["ir.model.data"].sudo()._update_xmlids([{"xml_id": xid, "record": record}])

    def _external_gone(self, binding: Any) -> None:
        super()._external_gone(binding)
        with self.work.origin():
            binding.with_env(self.env).odoo_id.active = False


@odoo
class OdooExporter(Exporter):
    def _export_dependencies(self) -> None:
        if self.model._name == PARTNER:
            self.export_dependency(self.binding.parent_id, PARTNER)

    def _find_external(self, values: dict[str, Any]) -> str | None:
        for name in NATURAL_KEYS.get(self.model._name, ()):
            found = self.adapter.search([(name, "=", values[name])])[0] if values[name] else []
            if len(found) == 1:
                return found[0]
        return None

    def _create(self, values: dict[str, Any]) -> str:
        xid = self.binding.odoo_id.sudo().export_data(["id"])["datas"][0][0]
        _refuse_module_data(self.env, xid)
        # Before it is sent: should the answer get lost, the next attempt has to send the same one.
        self._commit()
        return super()._create({**values, "xid": xid})


def _refuse_module_data(env: Any, xid: str) -> None:
    """Leave alone what each Odoo has of its own: the company, the administrator, what a module brings."""
    module = xid.partition(".")[0]
    if env["ir.module.module"].sudo().search_count([("name", "=", module)], limit=1):
        raise SkipError(f"{xid} comes with the module {module}")
