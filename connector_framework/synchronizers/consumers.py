"""The consumers of events that send to the other systems what changes in Odoo."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..addon import addon_of
from ..binders import Binder
from ..binders.models import binding_classes
from ..events import on_record_change, on_record_unlink, origin_of
from ..exceptions import NoUnitError
from ..mappings import ExportMapper
from ..queue.options import check_options
from .enqueue import enqueue_exports
from .exporter import Exporter

__all__ = ["delete_on_unlink", "export_on_change"]

#: Fields that every creation of a binding writes.
CREATION = frozenset({"backend_id", "odoo_id"})
#: Fields that the framework itself writes on bindings; their change exports nothing.
BOOKKEEPING = CREATION | {"external_id", "sync_date", "sync_state", "export_hash", "import_hash", "conflict"}


def export_on_change(
    model_name: str,
    fields: Iterable[str] | None = None,
    binding_models: Iterable[str] | None = None,
    when: Callable[[Any], Any] | None = None,
    **options: Any,
) -> Callable[..., None]:
    """Export the bindings of a model's records whenever these change; return the consumer.

    To be called where the units of a connector are defined. A backend does not get back what came from it, and one
    that is archived gets nothing. What is new is exported whole; else the names of the changed fields go along, and
    while the job of one change is waiting, another change of the same fields adds none. The jobs run as the user who
    made the change, with the rights of the system: he need not have access to the backend.

    :param model_name: a binding model, or a model of Odoo
    :param fields: names of the fields whose change counts; None: those that the export mapper reads, which is any field
        if one of its methods does not declare what it reads (``ExportMapper.undeclared_methods()``)
    :param binding_models: for a model of Odoo, the binding models to export; None: all that the calling addon has
    :param when: given bindings (n), returns those to export
    :param options: of the jobs, as for ``as_job``
    :raises TypeError: for an option that ``as_job`` does not take
    """
    module = sys._getframe(1).f_globals["__name__"]
    check_options(options)
    chosen = None if binding_models is None else _as_tuple(binding_models)
    wanted = None if fields is None else frozenset(_as_tuple(fields))

    def export(records: Any, fields: Iterable[str]) -> None:
        changed = frozenset(fields)
        for bindings in _bindings_of(records.sudo(), chosen, export):
            for backend, of_backend in _by_backend(bindings):
                to_export = when(of_backend) if when else of_backend
                if isinstance(to_export, bool) and to_export:
                    raise TypeError(f"{export.__name__}: when= returned True; it has to return the bindings to export")
                if to_export:
                    _enqueue_exports(backend, to_export, changed, wanted, options)

    _belongs_to(export, module, f"export_on_change of {model_name}", chosen or ())
    subscribed = None if wanted is None else wanted | CREATION
    return on_record_change.subscribe(export, models=model_name, fields=subscribed)


def delete_on_unlink(model_name: str, **options: Any) -> Callable[..., None]:
    """Delete in the other system what a binding stands for whenever the binding is deleted; return the consumer.

    To be called where the units of a connector are defined. A backend does not get back what came from it, and one that
    is archived gets nothing; to delete the backend itself deletes nothing there.

    :param model_name: a binding model
    :param options: of the jobs, as for ``as_job``
    """
    module = sys._getframe(1).f_globals["__name__"]
    check_options(options)

    def delete(bindings: Any) -> None:
        for backend, of_backend in _by_backend(bindings.sudo()):
            with backend.work_on(model_name) as work:
                external_ids = work.unit(Binder).to_external_many(of_backend).values()
            of_backend.browse().as_job(**options).map(
                "export_delete_record", [(backend, external_id) for external_id in external_ids]
            )

    _belongs_to(delete, module, f"delete_on_unlink of {model_name}", (model_name,))
    return on_record_unlink.subscribe(delete, models=model_name)


def _as_tuple(names: str | Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _belongs_to(consumer: Any, module: str, name: str, binding_models: tuple[str, ...]) -> None:
    """Have a consumer run where the addon of ``module`` is installed, and be found by its name in messages.

    :param binding_models: what it takes for binding models, to be checked when the models are known
    """
    consumer.__module__ = module
    consumer.__name__ = consumer.__qualname__ = name
    consumer.binding_models = binding_models


def _bindings_of(records: Any, chosen: Iterable[str] | None, consumer: Any) -> Iterator[Any]:
    """Yield the bindings of records, by model; bindings are their own."""
    if getattr(records, "_is_connector_binding", False):
        yield records
        return
    for name, cls in binding_classes(records.env.registry):
        if cls._abstract:
            continue
        if name not in chosen if chosen is not None else cls._original_module != addon_of(consumer):
            continue
        if "odoo_id" in cls._fields and cls._fields["odoo_id"].comodel_name == records._name:
            found = records.env[name].with_context(active_test=False).search([("odoo_id", "in", records.ids)])
            yield found.with_env(records.env)


def _by_backend(bindings: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (backend, its bindings) for those that may get what changed."""
    origin = origin_of(bindings.env)
    for backend, of_backend in bindings.grouped("backend_id").items():
        if backend.active and origin != (backend._name, backend.id):
            yield backend, of_backend


def _enqueue_exports(
    backend: Any, bindings: Any, changed: frozenset[str], wanted: frozenset[str] | None, options: dict[str, Any]
) -> None:
    """Enqueue jobs for the bindings for which the change counts: one each, or chunks if the adapter takes several."""
    model_name = bindings._name
    with backend.work_on(model_name) as work:
        bound = work.unit(Binder).to_external_many(bindings)
        if wanted is None:
            mapper = work.reference.find_class(ExportMapper, model_name, work.env)
            if mapper is None or mapper.undeclared_methods():  # Any field may be read.
                wanted = changed - BOOKKEEPING
            else:
                wanted = frozenset(mapper.source_fields())
        sizes = _chunk_sizes(work) if len(bindings) > 1 else (1, 1)
    names = sorted(changed & wanted)
    known = bindings.filtered(lambda binding: binding in bound)
    if names and known:
        enqueue_exports(known, names, sizes[0], **options)
    if (names or changed & CREATION) and bindings - known:
        enqueue_exports(bindings - known, None, sizes[1], **options)


def _chunk_sizes(work: Any) -> tuple[int, int]:
    """Return how many bindings one job exports: of those that are bound, and of new ones."""
    exporter = work.unit(Exporter)
    try:
        return tuple(  # type: ignore[return-value]
            exporter.chunk_size if exporter.sends_together(method) else 1 for method in ("write_many", "create_many")
        )
    except NoUnitError:  # The exporter sends without an adapter.
        return 1, 1
