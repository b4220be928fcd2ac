"""Repairs of what a comparison found, each inside a job."""

from __future__ import annotations

from typing import Any

from ..binders import Binder
from ..synchronizers import Exporter, Importer
from ..synchronizers.keys import id_token

__all__ = ["archive", "bind", "delete", "export", "record_of"]


def record_of(binding: Any) -> Any:
    """Return the record of Odoo of a binding (1); the binding where it stands for none."""
    return binding.odoo_id if "odoo_id" in binding._fields else binding


def export(binding: Any, gone_id: Any = None) -> str:
    """Export a binding (1) whole, whatever was sent before; return the outcome.

    :param gone_id: the external id that is gone: while the binding has it, another record is created. Not so when an
        earlier attempt has created one already
    """
    with binding.backend_id.work_on(binding._name) as work:
        key = work.unit(Binder).to_external(binding.with_env(work.env))
        values: dict[str, Any] = {"export_hash": False}
        if gone_id is not None and key is not None and id_token(gone_id) in (id_token(key), binding.external_id):
            values["external_id"] = False
            if binding.sync_state == "gone":
                values["sync_state"] = "new"
        with work.origin():
            binding.with_env(work.env).write(values)
        return work.unit(Exporter).run(binding)


def bind(work: Any, external_id: Any, record: Any, binding: Any) -> Any:
    """Bind an external record to a record of Odoo (1), whose values stay; return the binding.

    :param binding: the one (0..1) that the external record has; it moves to the record
    """
    importer = work.unit(Importer)
    with importer._importing(external_id):
        content = importer._read()
    with importer._importing(external_id, content):
        if not binding:
            binding = (
                work.unit(Binder)
                .wrap(record.with_env(work.env))
                .filtered(lambda one: work.unit(Binder).to_external(one) is None)[:1]
            )
        values = {"import_hash": False, "export_hash": False, "odoo_id": record.id}
        if not binding:
            importer._import_dependencies(content)
            mapped = importer._map(content, work.model)
            values |= {name: value for name, value in mapped.items() if _is_own(work.model, name)}
            values |= {"backend_id": work.backend.id, "odoo_id": record.id, **importer._key_values(mapped)}
        with work.origin():
            if binding:
                binding.with_env(work.env).write(values)
                binding = binding.with_env(work.env)
            else:
                binding = importer._create_many([values])
            importer._bind(binding)
    return binding


def archive(binding: Any) -> None:
    """Archive the record of a binding (1), and mark the binding as gone."""
    with binding.backend_id.work_on(binding._name) as work, work.origin():
        binding = binding.with_env(work.env)
        binding.sync_state = "gone"
        record_of(binding).active = False


def delete(binding: Any, record: Any) -> None:
    """Delete the record (1) of a binding, which goes along; it is not deleted there, where it is gone.

    :param record: with the rights of the user
    """
    with binding.backend_id.work_on(binding._name) as work, work.origin() as env:
        record.with_context(**env.context).unlink()


def _is_own(model: Any, name: str) -> bool:
    """Tell whether a field is one of the binding itself, and no list."""
    field = model._fields.get(name)
    return field is not None and not field.inherited and field.type not in ("one2many", "many2many")
