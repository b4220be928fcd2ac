"""The classes of a connector: that each model has those that it needs, and the connection works."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from odoo import models

from ....adapters import Adapter
from ....binders import Binder
from ....exceptions import NetworkError, NoUnitError
from ....mappings import ExportMapper, ImportMapper
from ....synchronizers import BatchImporter, Deleter, Exporter, Importer
from ..wire import Failure
from .case import AcceptanceCase, needs

#: What each binding model has to have, unless ``without_units`` says otherwise.
EXPECTED = (Adapter, Binder, Importer, ImportMapper)
#: What it may have, as long as it is clear which one.
POSSIBLE = (Exporter, Deleter, BatchImporter, ExportMapper)


class UnitTests(AcceptanceCase):
    def binding_models(self) -> list[str]:
        """Return the names of the binding models of the backend."""
        return sorted(
            name
            for name, cls in self.registry.items()
            if getattr(cls, "_is_connector_binding", False)
            and not cls._abstract
            and cls._fields["backend_id"].comodel_name == self.backend._name
        )

    def each_version(self) -> Iterator[str | None]:
        """Yield the versions that the backend may have, the backend being of it meanwhile."""
        field = self.backend._fields.get("version")
        before = self.backend.version if field else None
        for version in field.get_values(self.env) if field else [None]:
            if field:
                self.backend.version = version
            with self.subTest(version=version):
                yield version
        if field:
            self.backend.version = before

    def test_units_resolve(self):
        """Every binding model of the backend has the units that it needs, in every version, and one of each."""
        for _version in self.each_version():
            for name in self.binding_models():
                lacking = self.without_units.get(name, ())
                with self.backend.work_on(name) as work:
                    for kind in EXPECTED:
                        if name == self.model_name and kind is ImportMapper and "import" in self.not_supported:
                            continue
                        with self.subTest(model=name, kind=kind.__name__):
                            try:
                                work.unit(kind)
                            except NoUnitError as error:
                                if kind in lacking:
                                    continue
                                self.fail(
                                    f"{error}\nIf {name} needs none, say so:"
                                    f" without_units = {{{name!r}: ({kind.__name__},)}}"
                                )
                            self.assertNotIn(
                                kind, lacking, f"without_units says that {name} has no {kind.__name__}, and it has one"
                            )
                    for kind in POSSIBLE:
                        with self.subTest(model=name, kind=kind.__name__):
                            work.reference.find_class(kind, name, self.env)  # several that are equal are an error

    def test_without_units_exist(self):
        """What ``without_units`` names are binding models of the backend."""
        self.assertLessEqual(set(self.without_units), set(self.binding_models()))

    @needs("connection")
    def test_connection(self):
        """The button that checks the connection says that it works, and what is wrong when it does not."""
        self.backend.action_check_connection()
        self.assertEqual((self.backend.state, self.backend.last_error), ("connected", False), "the check: state, error")
        self.wire.fail_always(Failure("refused"))
        answer = self.backend.action_check_connection()
        self.assertEqual(
            (self.backend.state, answer["params"]["type"]), ("error", "danger"), "state, message to the user"
        )
        self.assertTrue(self.backend.last_error, "last_error of the backend is empty")
        self.wire.fail_always(None)
        self.backend.action_check_connection()
        self.assertEqual((self.backend.state, self.backend.last_error), ("connected", False), "the check: state, error")

    @needs("connection")
    def test_connection_to_the_wrong_place(self):
        """An address where something else answers is an error of the check, not a crash."""
        for kind in ("web_page", "empty", "unavailable"):
            with self.subTest(kind):
                self.wire.fail_always(Failure(kind))
                self.backend.action_check_connection()
                self.assertEqual(self.backend.state, "error", "state of the backend")

    def test_unavailable_is_retryable(self):
        """What the adapter makes of a peer that is down is a NetworkError, which a job waits for."""
        if {"import", "connection"} <= set(self.not_supported):
            return self.assert_lacks("import")
        self.wire.fail_always(Failure("unavailable"))
        with self.backend.work_on(self.model_name) as work, self.assertRaises(NetworkError):
            adapter = work.unit(Adapter)
            if "import" in self.not_supported:
                work.unit(Adapter, self.backend._name).ping()
            else:
                adapter.read(self.create_outside())
        return None

    def test_methods_are_private(self):
        """What the connector adds to models cannot be called over RPC, but for actions, which check access."""
        addon = type(self.backend)._original_module
        ours, core = f"odoo.addons.{addon}.", set(dir(models.BaseModel))
        wrong = set()
        for model_name in self.registry:
            mro = self.registry[model_name].__mro__
            for cls in mro:
                if not cls.__module__.startswith(ours) or ".tests." in cls.__module__:
                    continue
                for name, value in vars(cls).items():
                    if name.startswith(("_", "action_")) or name in core or not inspect.isfunction(value):
                        continue
                    overrides = any(name in vars(base) and not base.__module__.startswith(ours) for base in mro)
                    if not (overrides or getattr(value, "_api_private", False)):
                        wrong.add(f"{model_name}.{name}")
        self.assertFalse(sorted(wrong), "mark them @api.private, or name them action_* and check access there")
