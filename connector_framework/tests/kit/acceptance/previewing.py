"""Dry runs: they tell what the real thing does then, and do nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar
from unittest.mock import patch

from odoo.fields import Datetime
from odoo.tools import SQL

from ....adapters import Adapter
from ....exceptions import MappingError
from ....mappings import ImportMapper
from ....masking import Masker
from ....preview.calls import CHANGING
from ....preview.plain import plain
from ....preview.provenance import Provenance
from ....preview.records import RecordWatch
from ....references import watching_units
from ....synchronizers.importer import GONE
from .case import AcceptanceCase, needs


class PreviewTests(AcceptanceCase):
    #: Fields, and keys of what is sent, that are another text each time: numbers of a sequence, ids by chance.
    preview_differs: ClassVar[tuple[str, ...]] = ()

    @needs("import")
    def test_preview_import_new(self):
        """A dry run of an import tells what is created, and where each value comes from."""
        external_id = self.create_outside()
        preview = self.check_import(external_id)
        self.assertEqual(preview["outcome"], "created", "outcome that the dry run tells")
        [binding] = [one for one in preview["records"] if one["model"] == self.model_name and one["id"] is None][:1]
        mapped = [value for value in binding["values"].values() if value["class"]]
        self.assertTrue(mapped, "no value says which mapper it comes from")
        self.assertTrue(all(value["addon"] and (value["source"] or value["method"]) for value in mapped))
        self.assertEqual({value["old"] for value in mapped}, {None})

    @needs("import")
    def test_preview_import_changed(self):
        """A dry run of an import tells what changes, the old value and the new one."""
        external_id = self.create_outside()
        self.import_now(external_id)
        self.change_outside(external_id)
        preview = self.check_import(external_id)
        self.assertEqual(preview["outcome"], "updated", "outcome that the dry run tells")
        self.assertIn(self.binding(external_id).id, [one["id"] for one in preview["records"]])
        self.assertFalse([one for one in preview["records"] if one["id"] and not one["values"]])

    @needs("import")
    def test_preview_import_unchanged(self):
        """A dry run of an import that has nothing to do says so."""
        external_id = self.create_outside()
        self.import_now(external_id)
        preview = self.check_import(external_id)
        self.assertEqual(preview, {"records": [], "calls": [], "jobs": [], "outcome": "unchanged", "errors": {}})

    @needs("import")
    def test_preview_import_gone(self):
        """A dry run of an import of what is gone there tells that the binding is marked."""
        external_id = self.create_outside()
        self.import_now(external_id)
        self.delete_outside(external_id)
        preview = self.check_import(external_id)
        self.assertEqual(preview["outcome"], GONE, "outcome that the dry run tells")
        binding = preview["records"][0]
        self.assertEqual((binding["model"], binding["id"]), (self.model_name, self.binding(external_id).id))
        self.assertEqual(
            (binding["values"]["sync_state"]["old"], binding["values"]["sync_state"]["new"]), ("synced", "gone")
        )

    @needs("import")
    def test_preview_import_bad(self):
        """A dry run of an import that fails tells the errors by field, and raises nothing."""
        external_id = self.create_outside()
        errors = {"name": "is bad", "lines[0].qty": "is worse"}
        cls = self.backend.reference.get_class(ImportMapper, self.model_name, self.env)
        with patch.object(cls, "map_in", side_effect=MappingError(errors)):
            preview = self.preview(lambda: self.model.preview_import(self.backend, external_id))
            with self.assertRaises(MappingError), self.env.cr.savepoint():
                self.import_now(external_id)
        self.assertEqual(preview["errors"], errors)
        self.assertTrue(preview["outcome"].startswith("failed: "), preview["outcome"])
        self.assertEqual((preview["records"], preview["calls"]), ([], []))

    @needs("export", "export_create")
    def test_preview_export_new(self):
        """A dry run of an export tells what is created there, and creates nothing."""
        binding = self.new_inside().with_env(self.env)
        preview = self.check_export(binding)
        self.assertEqual(preview["outcome"], "created", "outcome that the dry run tells")
        self.assertTrue(preview["calls"], "the dry run tells of no call")
        self.assertTrue(binding.external_id, "external_id of the binding is empty")

    @needs("export")
    def test_preview_export_changed(self):
        """A dry run of an export tells what changes there."""
        binding = self.bound_outside()
        with self.quiet():
            self.change_inside(binding.with_env(self.env))
            self.env.cr.flush()
        preview = self.check_export(binding)
        self.assertEqual(preview["outcome"], "updated", "outcome that the dry run tells")
        self.assertIn(self.key_of(binding), [call["external_id"] for call in preview["calls"]])

    @needs("export")
    def test_preview_export_unchanged(self):
        """A dry run of an export that has nothing to send says so."""
        preview = self.check_export(self.bound_outside())
        self.assertEqual((preview["outcome"], preview["calls"], preview["records"]), ("unchanged", [], []))

    # -- the rule ------------------------------------------------------------------------------------------------------

    def check_import(self, external_id: Any) -> dict[str, Any]:
        """Check a dry run of an import against the import, and return what it told."""
        return self.check_preview(
            lambda: self.model.preview_import(self.backend, external_id),
            lambda: self.model.import_record(self.backend, external_id),
        )

    def check_export(self, binding: Any) -> dict[str, Any]:
        """Check a dry run of an export against the export, and return what it told."""
        binding.invalidate_recordset()
        return self.check_preview(binding.preview_export, binding.export_record)

    def check_preview(self, preview: Callable[[], dict], run: Callable[[], Any]) -> dict[str, Any]:
        """Check that a dry run does nothing, and tells what the real thing does right after it."""
        self.run_jobs()
        told = self.preview(preview)
        last, last_job = self.last_ids(told), max(self.env["connector.job"].search([], limit=1).ids, default=0)
        with self.calls_made() as calls:
            result = run()
            self.env.cr.flush()
        self.assertEqual(str(result), told["outcome"])
        self.assertEqual([self.steady(call) for call in calls], [self.steady(call) for call in told["calls"]])
        jobs = self.env["connector.job"].search([("id", ">", last_job)], order="id")
        self.assertEqual(
            [(job.model_name, job.method_name) for job in jobs], [(job["model"], job["method"]) for job in told["jobs"]]
        )
        self.check_records(told, last)
        return told

    def preview(self, preview: Callable[[], dict]) -> dict[str, Any]:
        """Make a dry run and check that nothing has changed, here and there, and that its answer is JSON."""
        self.env.cr.flush()
        before = self.rows()
        with self.backend.work_on(self.model_name) as work:
            cls = work.reference.get_class(Adapter, self.model_name, self.env)
        with ExitStack() as stack:
            for name in filter(partial(_has, cls), CHANGING):
                error = AssertionError(f"a dry run has called {name}() of the adapter")
                stack.enter_context(patch.object(cls, name, side_effect=error))
            told = preview()
        self.assertEqual(told, json.loads(json.dumps(told)))
        self.assertEqual(self.rows(), before, "the dry run has left something in the database")
        secrets = Masker(str(self.backend.get_secret(name) or "") for name in self.backend._secret_fields)
        self.assertEqual(secrets.text(json.dumps(told)), json.dumps(told), "the dry run tells a secret")
        return told

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has."""
        self.env.cr.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1"
        )
        names = [name for (name,) in self.env.cr.fetchall()]
        counts = (SQL("SELECT %s, count(*) FROM %s", name, SQL.identifier(name)) for name in names)
        self.env.cr.execute(SQL(" UNION ALL ").join(counts))
        return dict(self.env.cr.fetchall())

    def last_ids(self, told: dict[str, Any]) -> dict[str, int]:
        """Return the highest id of each model of which there is news."""
        models = {one["model"] for one in told["records"]}
        return {name: max(self._all(name).search([], order="id desc", limit=1).ids, default=0) for name in models}

    def _all(self, model_name: str) -> Any:
        return self.env[model_name].sudo().with_context(active_test=False)

    @contextmanager
    def calls_made(self) -> Iterator[list[dict[str, Any]]]:
        """Collect what the adapters send by the verbs that change something, as a dry run tells it."""
        calls: list[dict[str, Any]] = []
        given_ids: list[str] = []

        def watch(unit: Any) -> None:
            if not isinstance(unit, Adapter):
                return
            for name in CHANGING:
                if _has(type(unit), name):
                    vars(unit)[name] = recorded(unit, name)

        depth = [0]

        def recorded(unit: Any, name: str) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                if not depth[0]:
                    masker = unit._masker()
                    for external_id, data in _sent(name, args):
                        told = {"external_id": plain(external_id, masker), "data": plain(data, masker)}
                        calls.append({"operation": name, **told})
                depth[0] += 1
                try:
                    result = getattr(type(unit), name)(unit, *args, **kwargs)
                finally:
                    depth[0] -= 1
                if not depth[0] and name.startswith("create"):
                    given_ids.extend(map(str, result if name == "create_many" else [result]))
                return result

            return call

        with watching_units(self.env.cr, watch):
            yield calls
        stand_ins = {external_id: f"new-{number}" for number, external_id in enumerate(given_ids, 1)}
        calls[:] = [_replaced(call, stand_ins) for call in calls]

    def steady(self, value: Any) -> Any:
        """Return a value without what is another one each time, and with none of the ids that are given anew."""
        if isinstance(value, dict):
            return {key: self.steady(item) for key, item in value.items() if key not in self.preview_differs}
        return [self.steady(item) for item in value] if isinstance(value, list) else value

    def check_records(self, told: dict[str, Any], last: dict[str, int]) -> None:
        """Check that the records are now as the dry run has told."""
        lang = self.backend.lang_id.code
        env = self.env(su=True, context={"lang": lang, "active_test": False})
        env = self.env["res.company"].with_env(env).with_company(self.backend.company_id or self.env.company).env
        watch = RecordWatch(env, Provenance(), Masker(()))
        watch.is_new = lambda model, one: model in last and one > last[model]  # type: ignore[method-assign]
        new = {name: iter(self._all(name).search([("id", ">", one)], order="id")) for name, one in last.items()}
        for one in sorted(told["records"], key=lambda one: one["id"] is None):
            if "id" in one["values"]:
                self.assertFalse(self._all(one["model"]).browse(one["id"]).exists())
                continue
            record = self._all(one["model"]).browse(one["id"]) if one["id"] else next(new[one["model"]])
            for key, value in one["values"].items():
                name, _, other_lang = key.partition("@")
                if name in self.preview_differs or self.is_external_key(record, name):
                    continue
                with self.subTest(record=record, field=key):
                    found, _shown = watch._read(env(context={**env.context, "lang": other_lang or lang}), record, name)
                    found = json.loads(json.dumps(found))
                    if record._fields[name].type != "datetime" or not _are_one_moment(found, value["new"]):
                        self.assertEqual(found, value["new"])
        self.assertFalse(
            [record for records in new.values() for record in records if self.is_told(record)],
            "the real thing has created more than the dry run has told",
        )

    def is_external_key(self, record: Any, name: str) -> bool:
        """Tell whether a field has an id that the other system gives: the dry run tells a placeholder."""
        return getattr(record, "_is_connector_binding", False) and name in record._external_key

    def is_told(self, record: Any) -> bool:
        """Tell whether a dry run tells of such a record at all."""
        return record._name != "ir.attachment" or not record.res_field


def _sent(verb: str, args: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """Return the external id (None: new) and the data of each record that a verb of the adapter sends."""
    match verb:
        case "create":
            return [(None, args[0])]
        case "create_many":
            return [(None, data) for data in args[0]]
        case "write_many":
            return list(args[0])
    return [(args[0], args[1] if args[1:] else None)]


def _are_one_moment(one: Any, other: Any) -> bool:
    """Tell whether two times may both be the time at which they were written."""
    if not (one and other):
        return False
    return abs(Datetime.to_datetime(one) - Datetime.to_datetime(other)) < timedelta(minutes=1)


def _replaced(value: Any, by: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, by) for item in value]
    return by.get(value, value) if isinstance(value, str) else value


def _has(cls: type, name: str) -> bool:
    return getattr(cls, name) is not getattr(Adapter, name)
