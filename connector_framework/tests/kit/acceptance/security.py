"""Secrets, rights, companies, copies of the database."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from odoo.exceptions import AccessError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import new_test_user

from ....adapters import Adapter
from ....mappings import ImportMapper
from ....masking import MIN_SECRET_LENGTH, Masker
from ..throttle import read_throttle
from ..wire import Failure
from .case import AcceptanceCase

#: Names of fields that sound like secrets.
SOUNDS_SECRET = re.compile(r"passw|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
#: Where a job, an exchange or a limit may keep text.
TABLES = ("connector_job", "connector_exchange", "connector_stream")
_USER = "connector_framework.group_connector_user"
_MANAGER = "connector_framework.group_connector_manager"


class SecurityTests(AcceptanceCase):
    def secrets(self) -> dict[str, str]:
        """Return the values of the backend's secrets by field; each has to have one, or a leak could not be seen."""
        values = {}
        for name in self.backend._secret_fields:
            values[name] = str(self.backend.get_secret(name) or "")
            if len(values[name]) < MIN_SECRET_LENGTH:
                self.fail(
                    f"make_backend() gives {name} {values[name]!r}: a secret needs {MIN_SECRET_LENGTH} characters, so"
                    " that a leak can be seen"
                )
        return values

    def test_secrets_are_declared(self):
        """Fields of the backend that sound like secrets are among its ``_secret_fields``."""
        own = type(self.backend)._original_module
        suspicious = {
            name
            for name, field in self.backend._fields.items()
            if field.store and field.type in ("char", "text") and SOUNDS_SECRET.search(name) and own in field._modules
        }
        self.assertLessEqual(
            suspicious, set(self.backend._secret_fields), "fields that sound like secrets, _secret_fields"
        )

    def test_secrets_are_for_the_system_group(self):
        """Managers and users of the connector read and change no secret; a copy of the backend has none."""
        for login, group in (("acceptance_user", _USER), ("acceptance_manager", _MANAGER)):
            user = new_test_user(self.env, login, groups=group)
            backend = self.backend.with_user(user)
            for name in self.secrets():
                with self.subTest(field=name, group=group):
                    with self.assertRaises(AccessError):
                        backend.read([name])
                    with self.assertRaises(AccessError):
                        backend.write({name: "something else"})
        [copied] = self.backend.copy_data()
        self.assertFalse(set(self.secrets()) & set(copied))

    def test_secrets_do_not_leak(self):
        """No secret is in a log, an exchange, a job with its arguments and traceback, a message or an export."""
        with self.every_secret() as secrets, _logged(type(self.backend)._original_module) as lines:
            self.make_trouble()
        found = self.where(secrets, {"log": "\n".join(lines), **self.kept_texts()})
        self.assertFalse(found, "secrets have leaked")

    def make_trouble(self) -> None:
        """Do what leaves traces: work that succeeds and work that fails in the ways that say most."""
        can_import = "import" not in self.not_supported
        external_id = self.create_outside() if can_import else None
        if can_import:
            self.assert_done(self.import_job(external_id))
        if "export" not in self.not_supported:
            self.bound_outside()
        self.notices = []
        for kind in ("server_error", "refused", "unauthorized"):
            self.wire.fail_always(Failure(kind))
            if can_import:
                self.import_job(external_id, force=True)
            if "connection" not in self.not_supported:
                self.notices.append(str(self.backend.action_check_connection()) + (self.backend.last_error or ""))
            self.wire.fail_always(None)
            with self.adapter() as adapter:
                adapter._throttle().answered()
        if can_import:
            with patch.object(ImportMapper, "map_record", _broken):
                job = self.import_job(external_id, force=True)
            self.assertEqual(job.state, "failed")
            self.assertIn("Traceback", job.exc_info)

    @contextmanager
    def every_secret(self) -> Iterator[set[str]]:
        """Yield the secrets, those included that the peer gives meanwhile, e.g. the ids of sessions."""
        secrets = set(self.secrets().values())
        keep = Adapter._keep_secret

        def kept(adapter, value):
            secrets.add(value)
            return keep(adapter, value)

        with patch.object(Adapter, "_keep_secret", kept):
            yield secrets

    def kept_texts(self) -> dict[str, str]:
        """Return all that the database keeps of the work, and what an administrator's colleague can export."""
        self.env.flush_all()
        # What is kept of the calls is written when the transaction ends.
        self.env.cr.postcommit.run()
        texts = {
            "messages": "\n".join(self.notices),
            "connector_adapter_state": read_throttle(self.env.cr.dbname, self.backend),
        }
        for table in TABLES:
            self.env.cr.execute(f"SELECT coalesce(string_agg(row_to_json(t)::text, E'\\n'), '') FROM {table} t")
            texts[table] = self.env.cr.fetchone()[0]
        manager = new_test_user(self.env, "acceptance_exporter", groups=f"{_MANAGER},base.group_allow_export")
        for records in (self.backend, self.env["connector.job"].search([]), self.env["connector.exchange"].search([])):
            records = records.with_user(manager)
            names = [
                name
                for name, field in records._fields.items()
                if field.exportable and records._has_field_access(field, "read")
            ]
            texts[f"export of {records._name}"] = str(records.export_data(names))
        return texts

    def where(self, secrets: set[str], texts: dict[str, str]) -> list[str]:
        """Return the names of the texts that hold one of the secrets, plain or in a form that is read as easily."""
        forms = Masker(secrets)._values
        return [
            f"{name}: ...{_around(text, form)}..." for name, text in texts.items() for form in forms if form in text
        ]

    def test_rights(self):
        """Users see the backend and its bindings and change neither; others do not see the backend."""
        user = new_test_user(self.env, "acceptance_reader", groups=_USER)
        nobody = new_test_user(self.env, "acceptance_nobody", groups="base.group_user")
        for model_name in (self.backend._name, self.model_name):
            with self.subTest(model_name):
                model = self.env[model_name]
                self.assertTrue(model.with_user(user).has_access("read"), f"{_USER} reads {model_name}")
                self.assertFalse(model.with_user(user).has_access("write"), f"{_USER} does not change {model_name}")
                self.assertFalse(model.with_user(nobody).has_access("write"), f"{model_name} is changed by anybody")
        self.assertFalse(self.backend.with_user(nobody).has_access("read"), f"{self.backend._name} is read by anybody")

    def test_companies(self):
        """Nobody sees the backend of another company, nor its bindings."""
        if "import" in self.not_supported:
            binding = self.new_inside().with_env(self.env)
        else:
            external_id = self.create_outside()
            self.import_now(external_id)
            binding = self.binding(external_id)
        self.backend.company_id = self.backend.company_id or self.env.company
        company = self.env["res.company"].create({"name": "Acceptance"})
        user = new_test_user(
            self.env, "acceptance_other", groups=_USER, company_id=company.id, company_ids=[(6, 0, company.ids)]
        )
        self.env.flush_all()
        for record in (self.backend, binding):
            self.assertFalse(
                record.with_user(user).search([("id", "=", record.id)]), f"{record._name} needs a rule for companies"
            )

    def neutralize(self, addon: str) -> None:
        """Do to the data of an addon what a neutralised copy of the database has done to it."""
        queries = list(get_neutralization_queries([addon]))
        self.assertTrue(queries, f"{addon} has no data/neutralize.sql")
        for query in queries:
            self.env.cr.execute(query)

    def test_neutralize_sql(self):
        """A neutralised copy of the database has no secret of the backend, and not its address."""
        backend, addon = self.backend, type(self.backend)._original_module
        secrets = self.secrets()
        addresses = [name for name in backend._url_fields if name in backend._fields and backend[name]]
        before = {name: backend[name] for name in addresses}
        if not secrets and not addresses:
            return
        self.env.flush_all()
        self.neutralize(addon)
        self.env.invalidate_all()
        self.assertFalse([name for name in secrets if backend[name]], "neutralize.sql leaves secrets")
        self.assertFalse([n for n in addresses if backend[n] == before[n]], "neutralize.sql leaves the address")


def _broken(mapper, *args, **kwargs):
    raise KeyError("a mapper that fails on purpose")


@contextmanager
def _logged(addon: str) -> Iterator[list[str]]:
    """Collect all that is logged, with tracebacks; of the HTTP libraries, the framework and the addon at DEBUG."""
    lines: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Collector(logging.DEBUG)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    talkative = [
        logging.getLogger(name)
        for name in logging.Logger.manager.loggerDict
        if name.startswith(("urllib3", "requests", "odoo.addons.connector_framework", f"odoo.addons.{addon}"))
    ]
    before = [(logger, logger.level) for logger in talkative]
    others = root.handlers[:]
    root.handlers[:] = [handler]
    for logger in talkative:
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.handlers[:] = others
        for logger, level in before:
            logger.setLevel(level)


def _around(text: str, form: str) -> str:
    at = text.index(form)
    return text[max(0, at - 80) : at] + "<secret>" + text[at + len(form) : at + len(form) + 40]
