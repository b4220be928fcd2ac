"""The mixin of bindings: a binding links a record of Odoo with a record of another system."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from zlib import crc32

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import frozendict

from ..binders import Binder
from ..events import origin_of
from ..exceptions import NoUnitError, SkipError
from ..groups import MANAGER_GROUP
from ..near import did_you_mean
from ..queue import arguments_by_name, job_options
from ..queue.retry import retried_constraints
from ..synchronizers import BatchImporter, DelayedBatchImporter, Deleter, Exporter, Importer, Outcomes
from ..synchronizers.agreement import clear_conflict
from ..synchronizers.keys import as_text, batch_key, delete_key, export_key, import_key
from ..text import model_label

#: A unique violation of an index with this ending means that another process has bound the same record meanwhile.
KEY_SUFFIX = "connector_key"
retried_constraints.append(f"_{KEY_SUFFIX}")
_MAX_IDENTIFIER = 63
_DETAIL = re.compile(r"\(([^()]*)\)=\((.*)\)", re.DOTALL)


class BindingKey(models.UniqueIndex):
    """A unique index of one concrete binding model, whose error names the other binding.

    :param name: of the index, after that of the table
    :param columns: names of the fields
    :param module: the addon that the index goes with when it is uninstalled
    """

    def __init__(self, name, columns, module):
        definition = ", ".join(f'"{column}"' for column in columns)
        super().__init__(f"({definition})")
        self.name = name
        self.columns = tuple(columns)
        self._module = module

    def full_name(self, model):
        # Where PostgreSQL's limit cuts, the table's part is cut: the ending is what the queue goes by.
        table, room = model._table, _MAX_IDENTIFIER - len(self.name) - 1
        if len(table) > room:
            table = f"{table[: room - 9]}_{crc32(table.encode()):08x}"
        return f"{table}_{self.name}"

    def get_error_message(self, model, diagnostics=None):
        other = self._other_binding(model, diagnostics)
        if not other:
            return model.env._(
                "Another %(model)s has the same external key already.", model=model_label(model.env, model._name)
            )
        return model.env._(
            "%(model)s %(name)s (id %(id)s) has this already: %(key)s. Delete or correct one of the two bindings.",
            model=model_label(model.env, model._name),
            name=other.display_name if other.with_env(model.env).has_access("read") else "",
            id=other.id,
            key=", ".join(
                f"{model._fields[name]._description_string(model.env)} {_shown(other[name])}" for name in self.columns
            ),
        )

    def _other_binding(self, model, diagnostics):
        """Return the binding that has the key, sudo; empty when PostgreSQL's message does not tell it for certain."""
        found = _DETAIL.search(getattr(diagnostics, "message_detail", None) or "")
        numbers = [model._fields[name].type in ("many2one", "integer") for name in self.columns]
        # A text may hold what separates the values: it can be told from them if it is the last, and the only one.
        most = len(numbers) - 1 if all(numbers[:-1]) else -1
        values = found[2].split(", ", most) if found else []
        bindings = model.sudo().with_context(active_test=False)
        if len(values) != len(self.columns):
            return bindings.browse()
        domain = [
            (name, "=", int(value) if is_number else value)
            for name, value, is_number in zip(self.columns, values, numbers, strict=True)
        ]
        return bindings.search(domain, limit=1)


def _shown(value):
    return value.display_name if isinstance(value, models.BaseModel) else value


def _import_key(records, backend, external_id, force=False):
    return import_key(records, backend, external_id)


def _batch_key(records, backend, *args, **kwargs):
    return batch_key(records, backend)


def _run_key(records, backend, filters=None):
    """Return the key of the batch without filters, of which one waits or runs at a time."""
    return batch_key(records, backend) if filters is None else None


def _export_key(records, *args, **kwargs):
    return export_key(records)


def _delete_key(records, backend, external_id):
    return delete_key(records, backend, external_id)


def _importing_one(records, backend, external_id, force=False):
    """Return the description of a job; so the others below."""
    return records.env._(
        "Import %(model)s %(id)s from %(backend)s",
        model=model_label(records.env, records._name),
        id=as_text(external_id),
        backend=backend.display_name,
    )


def _importing_chunk(records, backend, external_ids, force=False):
    return records.env._(
        "Import %(count)s × %(model)s from %(backend)s",
        count=len(external_ids),
        model=model_label(records.env, records._name),
        backend=backend.display_name,
    )


def _importing_batch(records, backend, *args, **kwargs):
    return records.env._(
        "Look for %(model)s to import from %(backend)s",
        model=model_label(records.env, records._name),
        backend=backend.display_name,
    )


def _deleting(records, backend, external_id):
    return records.env._(
        "Delete %(model)s %(id)s in %(backend)s",
        model=model_label(records.env, records._name),
        id=as_text(external_id),
        backend=backend.display_name,
    )


class ConnectorBindingMixin(models.AbstractModel):
    """The relation of a record of Odoo with a record of another system, with the data that belongs to the relation.

    The connector declares ``backend_id`` and ``odoo_id``, usually with ``_inherits``::

        class MagentoResPartner(models.Model):
            _name = "magento.res.partner"
            _inherit = "connector.binding.mixin"
            _inherits = {"res.partner": "odoo_id"}

            backend_id = fields.Many2one("magento.backend", required=True, ondelete="cascade", index=True)
            odoo_id = fields.Many2one("res.partner", required=True, ondelete="cascade", index=True)

    To set in a binding model:

    ====================  ============================================================================================
    ``_external_key``     the columns that, with ``backend_id``, tell one external record from all others; default:
                          ``("external_id",)``
    ``_one_per_record``   whether a record of Odoo has at most one binding on a backend; default: False
    ====================  ============================================================================================
    """

    _name = "connector.binding.mixin"
    _description = "Connector Binding"
    _is_connector_binding = True
    #: ``on_record_change`` reports what changes on the record as a change of its bindings.
    _reports_inherited_changes = True

    #: The columns that, with ``backend_id``, tell one external record from all others.
    _external_key = ("external_id",)
    #: Whether a record of Odoo has at most one binding on a backend.
    _one_per_record = False

    external_id = fields.Char(string="External ID", copy=False)
    sync_date = fields.Datetime(string="Last Synchronised", readonly=True, copy=False)
    sync_state = fields.Selection(
        [("new", "New"), ("synced", "Synchronised"), ("conflict", "Conflict"), ("gone", "Gone There")],
        string="Synchronisation",
        default="new",
        readonly=True,
        copy=False,
    )
    export_hash = fields.Char(readonly=True, copy=False, prefetch=False)
    import_hash = fields.Char(readonly=True, copy=False)
    conflict = fields.Json(readonly=True, copy=False, prefetch=False)
    conflict_text = fields.Text(string="Difference", compute="_compute_conflict_text")

    # -- set up --------------------------------------------------------------------------------------------------------

    def _post_model_setup__(self):
        super()._post_model_setup__()
        cls = type(self)
        if cls._abstract or not cls._auto:
            return
        self._check_key(cls)
        keys = [BindingKey(KEY_SUFFIX, ("backend_id", *cls._external_key), cls._original_module)]
        if cls._one_per_record:
            keys.append(BindingKey(f"record_{KEY_SUFFIX}", ("backend_id", "odoo_id"), cls._original_module))
        cls._table_objects = frozendict({**cls._table_objects, **{key.full_name(self): key for key in keys}})

    def _check_key(self, cls):
        """Refuse a binding model that its external key cannot be stored for.

        :raises TypeError: naming the model, its addon, what is wrong and what to do
        """
        model = f"the binding model {self._name} (addon {cls._original_module})"
        key = cls._external_key
        if isinstance(key, str) or not key or not all(isinstance(name, str) for name in key):
            example = f'("{key}",)' if isinstance(key, str) and key else '("external_id",)'
            raise TypeError(
                f"{model}: _external_key is {key!r}; it takes a tuple of names of fields, such as {example}"
            )
        if len({"backend_id", *key}) <= len(key):
            raise TypeError(
                f"{model}: _external_key is {key!r}; it takes each field once, and backend_id is part of the key anyway"
            )
        for name in ("backend_id", *key):
            field = cls._fields.get(name)
            if field is not None and field.store and not field.inherited:
                if field.column_type and not field.company_dependent and not field.translate:
                    continue
                what = f"is a {field.type} field" if not field.column_type else "has several values"
                advice = f"Name a field in _external_key = {key!r} that has one value, in a column of its own"
            elif field is not None:
                what = "is inherited from its record" if field.inherited else "is not stored"
                advice = f"Declare {name} as a stored field of {self._name} itself"
            elif name == "backend_id":
                what = "does not exist; it names the backend of each binding"
                advice = (
                    'Declare backend_id = fields.Many2one("<service>.backend", required=True, ondelete="cascade", '
                    "index=True)"
                )
            else:
                what = "does not exist"
                advice = did_you_mean(name, cls._fields) or f"Correct _external_key = {key!r}, or declare the field"
            raise TypeError(f"{model}: the field {name!r} of its external key {what}. {advice}")

    def _compute_display_name(self):
        """Name a binding as its record; for a user who may not read that, by its external id."""
        readable = all(self.env[model].has_access("read") for model in self._inherits)
        if readable:
            return super()._compute_display_name()
        for binding in self:
            binding.display_name = binding.external_id or f"{model_label(self.env, self._name)} {binding.id}"
        return None

    # -- records -------------------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        backend_model, backend_id = origin_of(self.env) or (None, None)
        belongs_to_origin = backend_model == self._fields["backend_id"].comodel_name
        return super().create(
            [
                # Bindings created in a backend's origin, e.g. the lines of an order, belong to that backend.
                {**({"backend_id": backend_id} if belongs_to_origin else {}), **self._with_empty_keys(vals)}
                for vals in vals_list
            ]
        )

    def write(self, vals):
        vals = self._with_empty_keys(vals)
        # Odoo writes inherited fields on the record one by one. Each such write would recompute what others of them
        # have set, e.g. a line's price after its product, which one write on the record itself does not do. So they are
        # written there together first; what Odoo does then finds them as they are to be.
        vals = dict(vals)
        with ExitStack() as stack:
            for model_name, link in self._inherits.items():
                shared = {name: value for name, value in vals.items() if self._is_written_together(name, link)}
                if shared:
                    records = self.env[model_name].browse(vals[link]) if link in vals else self[link]
                    records.write(shared)
                    for name in shared if records else ():
                        # Its model may have made something else of it.
                        vals[name] = records._fields[name].convert_to_write(records[:1][name], records[:1])
                    stack.enter_context(self.env.protecting([records._fields[name] for name in shared], records))
            return super().write(vals)

    def _is_written_together(self, name, link):
        """Tell whether a field is one of the record that a link leads to; the lines of a list are written once."""
        field = self._fields.get(name)
        return (
            field is not None
            and field.inherited
            and field.related.split(".")[0] == link
            and field.type not in ("one2many", "many2many")
        )

    def _with_empty_keys(self, vals):
        """Return the values with nothing in place of an empty text, of which only one binding could exist."""
        if any(vals.get(name) == "" for name in self._external_key):
            return {
                name: False if value == "" and name in self._external_key else value for name, value in vals.items()
            }
        return vals

    # -- conflicts -----------------------------------------------------------------------------------------------------

    @api.depends("conflict")
    def _compute_conflict_text(self):
        for binding in self:
            lines = [
                self.env._(
                    "%(field)s: %(here)s here, %(there)s there",
                    field=binding._fields[name]._description_string(self.env) if name in binding._fields else name,
                    here=both["odoo"] or "-",
                    there=both["external"] or "-",
                )
                for name, both in (binding.conflict or {}).items()
            ]
            binding.conflict_text = "\n".join(lines) or False

    def action_keep_odoo(self):
        """Decide conflicts for what Odoo has: export it."""
        self._check_may_decide()
        jobs = self.env["connector.job"]
        for binding in self:
            clear_conflict(binding)
            jobs += binding.as_job().export_record()
        return jobs.notification()

    def action_keep_external(self):
        """Decide conflicts for what the other system has: import it."""
        self._check_may_decide()
        jobs = self.env["connector.job"]
        for binding in self:
            with binding.backend_id.work_on(self._name) as work:
                external_id = work.unit(Binder).to_external(binding)
            clear_conflict(binding)
            jobs += self.browse().as_job().import_record(binding.backend_id, external_id, force=True)
        return jobs.notification()

    def _check_may_decide(self):
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can decide conflicts."))
        self.check_access("write")

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def _job_backend(self, *args, **kwargs):
        """Return the backend of the bindings, or the one among the arguments."""
        backend_model = self.env[self._fields["backend_id"].comodel_name]
        return self[:1].sudo().backend_id or next(
            (one for one in (*args, *kwargs.values()) if isinstance(one, type(backend_model))), None
        )

    def _job_subjects(self, method, *args, **kwargs):
        """Return the bindings, and the external ids that the call names ``external_id`` or ``external_ids``."""
        given = arguments_by_name(method, args, kwargs)
        external_ids = given.get("external_ids", (given.get("external_id"),))
        return [
            *((record_id, None) for record_id in self._ids),
            *((None, as_text(external_id)) for external_id in external_ids or () if external_id not in (None, False)),
        ]

    @api.model
    @api.private
    @job_options(exclusive_key=_batch_key, identity_key=_run_key, identity_until="done", description=_importing_batch)
    def import_batch(self, backend, filters=None):
        """Import the records of a backend, as its batch importer does it: at once or by jobs.

        :param filters: what the API filters by; None: what is new since the last time where there is a stream, else
            all. Such a batch is stored once at a time: while it waits or runs, its job is returned
        """
        with self._importing_from(backend) as work:
            return self._batch_importer(work).run(filters)

    @api.model
    @api.private
    @job_options(exclusive_key=_batch_key, description=_importing_batch)
    def _import_page(self, backend, filters, cursor, progress):
        """Import one page of the records of a backend; a batch enqueues it for the page after."""
        with self._importing_from(backend) as work:
            return self._batch_importer(work).run_page(filters, cursor, progress)

    def _batch_importer(self, work):
        try:
            return work.unit(BatchImporter)
        except NoUnitError:
            return work.unit(DelayedBatchImporter)

    @api.model
    @api.private
    @job_options(exclusive_key=_import_key, description=_importing_one)
    def import_record(self, backend, external_id, force=False):
        """Import one record of a backend.

        :param force: even if nothing seems to have changed there
        """
        with self._importing_from(backend) as work:
            return work.unit(Importer).run(external_id, force=force)

    @api.model
    @api.private
    @job_options(description=_importing_chunk)
    def import_records(self, backend, external_ids, force=False):
        """Import a chunk of records of a backend.

        :param force: even those that do not seem to have changed
        :return: counts by outcome, see :class:`~..synchronizers.Outcomes`
        """
        with self._importing_from(backend) as work:
            return work.unit(Importer).run_many(external_ids, force=force)

    @contextmanager
    def _importing_from(self, backend):
        """Open a work session on a backend to import from.

        :raises SkipError: when the backend is deleted or archived
        """
        backend = self._existing(backend)
        if not backend.active:
            raise SkipError(f"{backend.display_name} is archived: nothing is imported from it")
        with backend.work_on(self._name) as work:
            yield work

    def _existing(self, backend):
        """Return the backend (1) of a job.

        :raises SkipError: when it was deleted
        """
        backend = backend.with_env(self.env)
        if not backend.exists():
            raise SkipError(f"the backend of this job no longer exists: {backend}")
        return backend

    @api.private
    @job_options(exclusive_key=_export_key)
    def export_record(self, fields=None):
        """Export the bindings.

        :param fields: names of the fields that changed; None: all of them
        """
        outcomes = Outcomes()
        for backend, bindings in self.grouped("backend_id").items():
            with backend.work_on(self._name) as work:
                exporter, bindings = work.unit(Exporter), bindings.with_env(work.env)
                if len(self) == 1:
                    return exporter.run(bindings, fields=fields)
                outcomes += exporter.run_many(bindings, fields=fields)
        return outcomes

    @api.model
    @api.private
    @job_options(exclusive_key=_delete_key, description=_deleting)
    def export_delete_record(self, backend, external_id):
        """Delete a record in the external system."""
        with self._existing(backend).work_on(self._name) as work:
            return work.unit(Deleter).run(external_id)
