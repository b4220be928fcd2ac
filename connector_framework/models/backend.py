"""The mixin of backends: a backend is another system, configured."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.tools import format_datetime, frozendict

from ..adapters import Adapter, Masker
from ..binders.models import binding_models
from ..exceptions import ConfigurationError, ConnectorError
from ..groups import MANAGER_GROUP, SYSTEM_GROUP
from ..near import did_you_mean
from ..references import WorkSession, get_reference
from ..settings import SECRETS_SECTION, read_section
from ..synchronizers import BatchImporter, DelayedBatchImporter
from ..text import model_label

#: Characters of a backend's code in the path of its channel.
MAX_CHANNEL_WORD = 60


class ConnectorBackendMixin(models.AbstractModel):
    """Another system, configured: address, credentials, state of the connection.

    A connector derives its backend model from this one, names its service, and adds a ``version`` and its own settings.
    To set in a backend model:

    ====================  ============================================================================================
    ``_service``          the service of the references that resolve this backend's classes; required
    ``_secret_fields``    names of the fields that hold secrets: readable by the system group alone, never copied
    ``_url_fields``       names of the fields that say where the other system is: writable by the system group alone,
                          never copied; default: ``("url",)``
    ====================  ============================================================================================
    """

    _name = "connector.backend.mixin"
    _description = "Connector Backend"

    #: The service of the references that resolve this backend's classes.
    _service = None
    #: Fields that hold secrets: readable by the system group alone, never copied.
    _secret_fields = ()
    #: Fields with the address of the other system: writable by the system group alone, never copied, since a user who
    #: can change them can have the secrets sent elsewhere.
    _url_fields = ("url",)

    name = fields.Char(required=True)
    code = fields.Char(
        compute="_compute_code",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        copy=False,
        help="Short and unique; part of the names of environment variables that bring secrets.",
    )
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company, index="btree_not_null")
    lang_id = fields.Many2one(
        "res.lang",
        string="Language",
        compute="_compute_lang_id",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        ondelete="restrict",
        help="The language in which imports write and exports read, whoever runs them. By default the company's.",
    )
    channel_id = fields.Many2one(
        "connector.job.channel",
        compute="_compute_channel_id",
        store=True,
        readonly=False,
        copy=False,
        ondelete="set null",
        index="btree_not_null",
        help="The channel of the jobs of this backend and of its bindings that name no other one. Empty: root.",
    )
    active = fields.Boolean(default=True)
    state = fields.Selection(
        [("draft", "Not Checked"), ("connected", "Connected"), ("error", "Error")],
        string="Connection",
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    last_error = fields.Text(readonly=True, copy=False)
    responsible_id = fields.Many2one(
        "res.users",
        domain="[('share', '=', False)]",
        help="Gets an activity for each incident of this backend, and follows it. Empty: the user of the settings.",
    )
    circuit_note = fields.Char(compute="_compute_circuit_note", help="Why nothing is sent to the other system now.")
    accept_gone_until = fields.Datetime(
        string="Accept Deletions Until",
        copy=False,
        help="Until then any number of records that the other system reports as gone is taken for deleted. Otherwise an"
        " import stops when there are suspiciously many, as in an outage.",
    )

    # -- set up --------------------------------------------------------------------------------------------------------

    def _post_model_setup__(self):
        super()._post_model_setup__()
        cls = type(self)
        if cls._abstract:
            return
        if not cls._service:
            raise TypeError(f"{self._name} is a backend of no service: set _service")
        for attribute in ("_secret_fields", "_url_fields"):
            if isinstance(getattr(cls, attribute), str):
                raise TypeError(
                    f"{self._name}: {attribute} is {getattr(cls, attribute)!r}; it takes a tuple of names of fields, "
                    f'such as ("{getattr(cls, attribute)}",)'
                )
        for name in cls._secret_fields:
            if name not in cls._fields:
                advice = did_you_mean(name, cls._fields)
                raise TypeError(
                    f"{self._name} has no field {name!r}, which its _secret_fields name. {advice}".rstrip(". ")
                )
            cls._fields[name].groups = SYSTEM_GROUP
            cls._fields[name].copy = False
        for name in cls._url_fields:
            if name in cls._fields:
                cls._fields[name].copy = False
        key = models.UniqueIndex("(code)", _code_taken)
        key.name, key._module = "connector_code", cls._original_module
        cls._table_objects = frozendict({**cls._table_objects, key.full_name(self): key})

    @api.depends("name")
    def _compute_code(self):
        for backend in self:
            if not backend.code:
                backend.code = backend._free_code()

    @api.depends("company_id")
    def _compute_lang_id(self):
        languages = self.env["res.lang"]
        for backend in self:
            company = backend.company_id or self.env.company
            lang = backend.lang_id or languages._lang_get(company.sudo().partner_id.lang)
            backend.lang_id = lang or languages._lang_get("en_US") or languages.search([], limit=1)

    @api.depends("code")
    def _compute_channel_id(self):
        """Give a backend that has no channel the one of its code, made where it is not there yet."""
        channels = self.env["connector.job.channel"].sudo()
        for backend in self:
            channel = backend.channel_id
            # A form that is filled in has no id, and makes nothing.
            if not channel and backend.id:
                path = f"root.{self._service}.{re.sub(r'[^A-Za-z0-9_-]+', '_', backend.code)[:MAX_CHANNEL_WORD]}"
                channels._ensure(path)
                channel = channels.search([("name", "=", path)])
            backend.channel_id = channel

    def _compute_circuit_note(self):
        states = (
            self.env["connector.adapter.state"]
            .sudo()
            .search([("backend_model", "=", self._name), ("backend_id", "in", self.ids), ("opened_at", "!=", False)])
        )
        by_id = {state.backend_id: state for state in states}
        for backend in self:
            state = by_id.get(backend._origin.id)
            if not state:
                backend.circuit_note = False
                continue
            backend.circuit_note = self.env._(
                "Nothing is sent since %(since)s, the next try is at %(next)s: %(reason)s",
                since=format_datetime(self.env, state.opened_at),
                next=format_datetime(self.env, state.probe_at),
                reason=state.reason or "",
            )

    def _free_code(self):
        """Return a code made from the name that no other backend of the service has."""
        stem = re.sub(r"[^a-z0-9]+", "_", (self.name or "").lower()).strip("_") or self._service
        taken = {
            backend.code
            for model in self._models_of_service()
            for backend in model.search([("code", "=like", f"{stem}%")])
            if backend != self._origin
        }
        code, number = stem, 1
        while code in taken:
            number += 1
            code = f"{stem}_{number}"
        return code

    def _models_of_service(self):
        """Return the backend models of the service, to search in all that there is; this one first, mostly alone."""
        models_ = self.env.registry.values()
        names = [model._name for model in models_ if getattr(model, "_service", None) == self._service]
        names = [name for name in names if name != self._name and not self.env[name]._abstract]
        return [self.env[name].sudo().with_context(active_test=False) for name in (self._name, *names)]

    @api.constrains("code")
    def _check_code(self):
        """Compare with the service's other backend models, which the index of this one does not cover."""
        for model in self._models_of_service()[1:]:
            if model.search_count([("code", "in", self.mapped("code"))], limit=1):
                raise ValidationError(_code_taken(self.env, None))

    # -- access --------------------------------------------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        defaults = self._brought_defaults()
        for vals in vals_list:
            self._check_guarded_fields([name for name, value in {**defaults, **vals}.items() if value])
        return super().create(vals_list)

    def write(self, vals):
        self._check_guarded_fields(vals)
        return super().write(vals)

    def unlink(self):
        self.check_access("unlink")
        about = [("backend_model", "=", self._name), ("backend_id", "in", self.ids)]
        self.env["connector.stream"].sudo().search(about).unlink()
        self.env["connector.comparison"].sudo().search(about).unlink()
        self.env["connector.adapter.state"].sudo().search(about).unlink()
        return super().unlink()

    def _guarded_fields(self):
        """Return the names of the fields that the user may not set: for the system group alone."""
        if self.env.su or self.env.user.has_group(SYSTEM_GROUP):
            return set()
        return {"code", *self._url_fields, *self._secret_fields}.intersection(self._fields)

    def _brought_defaults(self):
        """Return the defaults of guarded fields that come from the context or from the user's own defaults."""
        guarded = self._guarded_fields()
        own = {name: self._fields[name].default for name in guarded}
        return {
            name: value
            for name, value in self.default_get(list(guarded)).items()
            if not own[name] or value != own[name](self)
        }

    def _check_guarded_fields(self, names):
        """:raises AccessError: when one of the fields is for the system group alone, and the user is not in it"""
        guarded = self._guarded_fields().intersection(names)
        if guarded:
            labels = ", ".join(sorted(self._fields[name]._description_string(self.env) for name in guarded))
            raise AccessError(
                self.env._(
                    "Only an administrator can change %(fields)s of %(model)s: ask one.",
                    fields=labels,
                    model=model_label(self.env, self._name),
                )
            )

    # -- working with it -----------------------------------------------------------------------------------------------

    @api.model
    def _existing(self, keys):
        """Return the backends that are there, one query a model.

        :param keys: (backend model, id) each
        :return: backends (1), archived ones too, by key
        """
        ids = {}
        for model, backend_id in keys:
            if model in self.env:
                ids.setdefault(model, set()).add(backend_id)
        return {
            (model, backend.id): backend for model in ids for backend in self.env[model].browse(ids[model]).exists()
        }

    @api.model
    def _all_active(self):
        """Return the active backends (1 each) of all models that this user may read, by service and name."""
        models_ = (self.env[name] for name in self.env.registry.descendants(["connector.backend.mixin"], "_inherit"))
        readable = [model for model in models_ if not model._abstract and model.has_access("read")]
        found = [backend for model in readable for backend in model.search([("active", "=", True)])]
        return sorted(found, key=lambda backend: (backend._service, backend.name or "", backend.id))

    @property
    def reference(self):
        """The reference of the service and version; that of the service where the version has none of its own."""
        version = self.version if "version" in self._fields else None
        if version:
            try:
                return get_reference(self._service, version)
            except LookupError:
                return get_reference(self._service)
        return get_reference(self._service)

    @api.private
    @contextmanager
    def work_on(self, model_name, **options):
        """Open a work session on a model, in the company and the language of the backend.

        The adapters are closed at its end, whatever happens::

            with backend.work_on("magento.res.partner") as work:
                work.unit(Importer).run("42")

        :param options: known to the units as ``work.options``
        """
        self.ensure_one()
        is_elsewhere = self.company_id and self.company_id != self.env.company
        backend = self.with_company(self.company_id) if is_elsewhere else self
        work = WorkSession(backend.with_context(lang=self.lang_id.code), model_name, **options)
        try:
            yield work
        finally:
            work.close()

    def _job_backend(self, *args, **kwargs):
        return self[:1]

    @api.private
    def get_secret(self, field):
        """Return a secret: from the environment, else from the configuration file, else from the field.

        The environment variable is ``ODOO_CONNECTOR_SECRET__<SERVICE>__<CODE>__<FIELD>``, in upper case, with ``_`` for
        whatever is neither a letter nor a digit; the setting is ``<service>.<code>.<field>`` in section
        ``[connector_framework.secrets]``.

        :raises ConfigurationError: when the field is not among the ``_secret_fields``
        """
        self.ensure_one()
        if field not in self._secret_fields:
            raise ConfigurationError(
                f"{self._name} has no secret {field!r}; its secrets are: {', '.join(self._secret_fields) or 'none'}"
            )
        backend = self.sudo()
        path = (self._service, backend.code, field)
        value = os.environ.get("ODOO_CONNECTOR_SECRET__" + "__".join(_variable_part(part) for part in path))
        if value is None:
            # Names of settings are read in lower case.
            value = read_section(SECRETS_SECTION).get(".".join(path).lower())
        return backend[field] if value is None else value

    def action_open_exchanges(self):
        """Open the exchanges with the other system."""
        return self._open("connector_framework.action_connector_exchange")

    def action_open_jobs(self):
        """Open the jobs that work with the backend."""
        return self._open("connector_framework.action_connector_job")

    def action_open_streams(self):
        """Open the streams, to see how far they are and to rewind them."""
        return self._open("connector_framework.action_connector_stream")

    def action_import_all(self):
        """Enqueue the import of all that is new: of each model with a stream.

        A connector overrides it for an order of its own, e.g. categories before products.
        """
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can import."))
        self.check_access("write")
        jobs = self.env["connector.job"]
        for backend in self:
            for model in backend._models_with_stream():
                jobs |= model.as_job().import_batch(backend)
        return jobs.notification()

    def _models_with_stream(self):
        """Return the binding models (empty recordsets) of this backend (1) whose import has a stream."""
        found = []
        for name in binding_models(self.env.registry, self._name):
            kinds = (self.reference.find_class(kind, name, self.env) for kind in (BatchImporter, DelayedBatchImporter))
            importer = next(filter(None, kinds), None)
            if importer is not None and importer.stream:
                found.append(self.env[name])
        return found

    def _open(self, action):
        self.ensure_one()
        self.check_access("read")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(action),
            "domain": [("backend_model", "=", self._name), ("backend_id", "=", self.id)],
        }

    def action_check_connection(self):
        """Ping the other system and show whether it answers and takes the credentials."""
        if not self.env.user.has_group(MANAGER_GROUP):
            raise AccessError(self.env._("Only a Connector Manager can check a connection."))
        self.check_access("write")
        problems = {}
        for backend in self:
            try:
                with backend.work_on(backend._name) as work:
                    work.unit(Adapter).ping()
            except (ConnectorError, NotImplementedError) as error:
                Masker(str(backend.get_secret(name) or "") for name in backend._secret_fields).error(error)
                problems[backend] = error
                backend.write({"state": "error", "last_error": str(error)})
            else:
                backend.write({"state": "connected", "last_error": False})
        return self._notification(problems)

    def _notification(self, problems):
        """Return the client action that shows how the check went."""
        messages = []
        for backend, error in problems.items():
            advice = self.env._(error.user_message) if isinstance(error, ConnectorError) else ""
            messages.append(" ".join(filter(None, (f"{backend.display_name}: {error}", advice))))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("Connection failed") if problems else self.env._("Connection works"),
                "message": "\n".join(messages) or ", ".join(self.mapped("display_name")),
                "type": "danger" if problems else "success",
                "sticky": bool(problems),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }


def _code_taken(env, diagnostics):
    return env._("Another backend has this code already: choose another one.")


def _variable_part(text):
    return re.sub(r"[^A-Z0-9]", "_", (text or "").upper())
