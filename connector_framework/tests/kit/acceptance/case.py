"""What a connector says about itself to be tested, and what the tests share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest.mock import patch

from odoo.tests import TransactionCase

from ....adapters import Adapter, Connection, HttpAdapter
from ....binders import Binder
from ....exceptions import ExternalNotFoundError, NoUnitError
from ....mappings import ExportMapper, ImportMapper
from ....references import ConnectorUnit
from ....synchronizers import Exporter
from ..fake_adapter import FakeAdapter
from ..jobs import JobTrap, drain_jobs
from ..throttle import throttle_apart
from ..wire import FakeWire, HttpWire, Wire
from .rules import explained

__all__ = ["PARTS", "AcceptanceCase", "needs"]

#: What a connector, or the system that it talks to, may lack, and how the suite sees that it does.
PARTS = {
    "connection": "the adapter of the backend's model implements ping()",
    "import": "the model has an ImportMapper, and its adapter implements read()",
    "batch_import": "the adapter implements search()",
    "export": "the model has an ExportMapper",
    "export_create": "the adapter implements create()",
    "export_once": "a creation whose answer was lost can be recognised: by Exporter._find_external() or the adapter",
    "export_delete": "the adapter implements delete()",
}


def needs(*parts: str) -> Callable[[Callable], Callable]:
    """Say which parts a test is about; one that the connector declares as not supported is checked to be absent."""

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(self: AcceptanceCase) -> None:
            lacking = [part for part in parts if part in self.not_supported]
            for part in lacking:
                self.assert_lacks(part)
            if not lacking:
                test(self)

        return run

    return decorate


class AcceptanceCase(TransactionCase):
    """The hooks that a connector fills in, and what the tests of the suite share."""

    allow_inherited_tests_method = True

    #: The binding model.
    model_name: ClassVar[str] = ""
    #: The id of a record that the other system has; or see :meth:`create_outside`.
    external_id: ClassVar[Any] = None
    #: What is changed of a record there, as the adapter's ``write`` takes it; or see :meth:`change_outside`.
    outside_changes: ClassVar[dict[str, Any] | None] = None
    #: Values of a binding whose record is to be created there; or see :meth:`create_inside`.
    inside_values: ClassVar[dict[str, Any] | None] = None
    #: Values that change a binding, to be exported; or see :meth:`change_inside`.
    inside_changes: ClassVar[dict[str, Any] | None] = None
    #: Filters of the batch that is imported; None: all that the other system has.
    batch_filters: ClassVar[Any] = None
    #: Parts (see ``PARTS``) that the connector does without, and why.
    not_supported: ClassVar[dict[str, str]] = {}
    #: By binding model, the kinds of units that it does without: ``{"shop.line": (Adapter,)}`` for lines of an order.
    without_units: ClassVar[dict[str, tuple[type[ConnectorUnit], ...]]] = {}

    # -- hooks ---------------------------------------------------------------------------------------------------------

    def make_backend(self) -> Any:
        """Return a backend (1) that is connected to a running peer, with all its secrets.

        Each test has a backend of its own. A peer is a server on this machine, usually, which ends with the test::

            server = self.enterContext(ShopServer())
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not implement make_backend(): it returns a backend record with the URL and"
            " the secrets of a peer on this machine"
        )

    def make_wire(self) -> Wire:
        """Return the line to the peer, by which the suite counts calls and makes them fail.

        Adapters that send by ``requests`` and fake ones need nothing; a connector with another protocol implements
        :class:`Wire`.
        """
        with self.backend.work_on(self.model_name) as work:
            adapter = work.unit(Adapter)
        if isinstance(adapter, HttpAdapter):
            return HttpWire()
        if isinstance(adapter, FakeAdapter):
            return FakeWire(adapter.peer)
        raise NotImplementedError(
            f"{type(adapter).__name__} is neither an HttpAdapter nor a FakeAdapter, so {type(self).__name__} has to"
            " implement make_wire(): it returns what counts the calls and makes them fail (tests.common.Wire)"
        )

    def create_outside(self) -> Any:
        """Return the id of a record that the peer has and that is not bound; by default ``external_id``."""
        if self.external_id is None:
            self.lacks_line("external_id, or create_outside()", "of a record that the peer has")
        return self.external_id

    def many_outside(self, count: int) -> list[Any]:
        """Return ids of records that the peer has, as many as there are up to ``count``; none is bound.

        By default those of :meth:`create_outside`, called so often, and of the adapter's ``search``.
        """
        ids = dict.fromkeys(self.create_outside() for _number in range(count))
        if len(ids) < count:
            with self.adapter("search", "many_outside()") as adapter:
                found, cursor = adapter.search()
                while cursor is not None and len(found) < count:
                    more, cursor = adapter.search(cursor=cursor)
                    found += more
            ids |= dict.fromkeys(external_id for external_id in found if not self.binding(external_id))
        return list(ids)[:count]

    def change_outside(self, external_id: Any) -> None:
        """Change a record there, in what the import maps; by default ``outside_changes`` through the adapter."""
        if self.outside_changes is None:
            self.lacks_line("outside_changes, or change_outside()", "what is changed of a record there")
        with self.adapter("write", "change_outside()") as adapter:
            adapter.write(external_id, self.outside_changes)

    def delete_outside(self, external_id: Any) -> None:
        """Delete a record there; by default through the adapter."""
        with self.adapter("delete", "delete_outside()") as adapter:
            adapter.delete(external_id)

    def count_outside(self) -> int:
        """Return how many records the peer has; by default by the adapter's ``search``."""
        with self.adapter("search", "count_outside()") as adapter:
            ids, cursor = adapter.search()
            found = set(ids)
            while cursor is not None:
                ids, cursor = adapter.search(cursor=cursor)
                found.update(ids)
        return len(found)

    def create_inside(self) -> Any:
        """Return a new binding (1) of the backend whose record is not in the other system yet."""
        if self.inside_values is None:
            self.lacks_line("inside_values, or create_inside()", "of a binding whose record is to be created there")
        return self.model.create({"backend_id": self.backend.id, **self.inside_values})

    def change_inside(self, binding: Any) -> None:
        """Change a binding, in what the export maps."""
        if self.inside_changes is None:
            self.lacks_line("inside_changes, or change_inside()", "values that change a binding")
        binding.write(self.inside_changes)

    def delete_inside(self, binding: Any) -> None:
        """Delete a binding, as a person would; by default with the record of Odoo that it stands for."""
        (binding.odoo_id if "odoo_id" in binding._fields else binding).unlink()

    # -- set up --------------------------------------------------------------------------------------------------------

    def setUp(self) -> None:
        super().setUp()
        self._check_declaration()
        self.registry_enter_test_mode()
        self.enterContext(throttle_apart(self.env.cr.dbname))
        # Odoo's suites keep each test to the end of the run: what it holds would stay with it.
        self.addCleanup(setattr, self, "wire", None)
        self.addCleanup(Connection.close_idle)
        self.backend = self.make_backend()
        self.wire = self.make_wire()
        self.enterContext(self.wire.open())

    def _formatMessage(self, msg: Any, standardMsg: str) -> str:
        """Return the message of a failed assertion: rule, observation, documentation."""
        test = getattr(type(self), self._testMethodName, None)
        rule = " ".join((getattr(test, "__doc__", None) or self._testMethodName).split())
        return explained(self._testMethodName, rule, standardMsg, str(msg) if msg is not None else "")

    def _check_declaration(self) -> None:
        name = type(self).__name__
        model = self.registry.get(self.model_name)
        if not getattr(model, "_is_connector_binding", False) or model._abstract:
            self.fail(
                f"{name}.model_name is {self.model_name!r}: it names a binding model (a class that several others are"
                " derived from belongs into a file of another name than test_*)"
            )
        for part, reason in self.not_supported.items():
            if part not in PARTS:
                self.fail(f"{name}.not_supported names {part!r}; there are: {', '.join(PARTS)}")
            if not reason:
                self.fail(f"{name}.not_supported[{part!r}] has to give the reason")

    def lacks_line(self, what: str, why: str) -> None:
        """Fail because a line of the declaration is missing."""
        self.fail(
            f"{type(self).__name__} does not say {what}: {why}. What cannot be done at all is declared in not_supported"
        )

    def assert_lacks(self, part: str) -> None:
        """Check that a part that was declared as not supported is absent."""
        with self.backend.work_on(self.model_name) as work:
            get, find = work.reference.find_class, functools.partial(_implements, work)
            match part:
                case "connection":
                    with self.backend.work_on(self.backend._name) as backend_work:
                        found = _implements(backend_work, "ping")
                case "import":
                    found = get(ImportMapper, self.model_name, self.env) and find("read")
                case "batch_import":
                    found = find("search")
                case "export":
                    found = get(ExportMapper, self.model_name, self.env)
                case "export_create":
                    found = get(ExportMapper, self.model_name, self.env) and find("create")
                case "export_delete":
                    found = find("delete")
                case _:
                    found = type(work.unit(Exporter))._find_external is not Exporter._find_external
        self.assertFalse(
            found,
            f"{type(self).__name__}.not_supported says {part!r}, but {PARTS[part]}: take the declaration away, so that"
            " it is tested",
        )

    # -- what the tests share ------------------------------------------------------------------------------------------

    @property
    def model(self) -> Any:
        return self.env[self.model_name]

    @contextmanager
    def adapter(self, method: str = "", hook: str = "") -> Iterator[Any]:
        """Yield the adapter of the model; fail when it does not implement a method that a hook uses by default."""
        with self.backend.work_on(self.model_name) as work:
            if method and not _implements(work, method):
                self.lacks_line(hook, f"the adapter does not implement {method}()")
            yield work.unit(Adapter)

    def binding(self, external_id: Any) -> Any:
        """Return the bindings (0..n, one is right) of an external id."""
        if isinstance(external_id, list | tuple):
            with self.backend.work_on(self.model_name) as work:
                return work.unit(Binder).to_internal(external_id)
        bindings = self.model.with_context(active_test=False)
        return bindings.search([("backend_id", "=", self.backend.id), ("external_id", "=", str(external_id))])

    def import_now(self, external_id: Any, **options: Any) -> str:
        """Import a record in this transaction and return how it went."""
        outcome = self.model.import_record(self.backend, external_id, **options)
        self.env.cr.flush()
        return outcome

    def run_jobs(self) -> None:
        """Run all that is due."""
        drain_jobs(self)

    def import_job(self, external_id: Any, **options: Any) -> Any:
        """Enqueue an import, run what is due, and return the job."""
        job = self.model.as_job().import_record(self.backend, external_id, **options)
        self.run_jobs()
        return job

    def export_job(self, binding: Any, fields: Any = None) -> Any:
        """Enqueue an export, run what is due, and return the job."""
        # Those that the consumers of events have enqueued for it are not what is tested.
        job = binding.as_job(identity_key=f"acceptance:{binding.id}").export_record(fields=fields)
        self.run_jobs()
        return job

    def new_inside(self) -> Any:
        """Return a new binding whose export nobody has enqueued."""
        model = type(self.model)
        with self.quiet():
            binding = self.create_inside()
            self.env.cr.flush()
        if not isinstance(binding, model) or len(binding) != 1:
            self.fail(f"create_inside() returned {binding!r}: it returns one {self.model_name}")
        return binding

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Fire no events for what is changed inside."""
        before = self.env
        self.env = before(context={**before.context, "connector_no_events": True})
        try:
            yield
        finally:
            self.env = before

    def bound_outside(self) -> Any:
        """Return a binding whose record is in the other system, as it is here."""
        if "export_create" in self.not_supported:
            external_id = self.create_outside()
            self.import_now(external_id)
            binding = self.binding(external_id)
        else:
            binding = self.new_inside().with_env(self.env)
        self.assert_done(self.export_job(binding))
        return binding

    def assert_done(self, job: Any, attempt: int | None = None) -> None:
        """Check that a job is done, at an attempt."""
        self.assert_job(job, "done", attempt)

    def assert_waits(self, job: Any, error_type: type[Exception], attempt: int) -> None:
        """Check that a job is to be tried again, after an error of a type, and how many attempts it has used up."""
        self.assert_job(job, "pending", attempt, error_type)

    def assert_job(
        self, job: Any, state: str, attempt: int | None = None, error_type: type[Exception] | None = None
    ) -> None:
        """Check the state of a job, how many attempts it has used up, and the type of its last error."""
        is_right = job.state == state and attempt in (None, job.attempt)
        if is_right and (error_type is None or is_error(job, error_type)):
            return
        expected = f"{state}{'' if attempt is None else f' with {attempt} attempts used'}"
        if error_type is not None:
            expected += f" after a {error_type.__name__}"
        error = f"{job.exc_type}: {job.exc_message}" if job.exc_type else "no error"
        seen = f"the job {job.name!r} is {job.state} with {job.attempt} attempts used, {error}, result {job.result!r}"
        details = f"\n{job.exc_info}" if job.exc_info else ""
        raise self.failureException(self._formatMessage(f"{seen}; it has to be {expected}{details}", ""))

    def outside_record(self, external_id: Any) -> Any:
        """Return what the adapter reads; None when it is gone."""
        with self.adapter() as adapter:
            try:
                return adapter.read(external_id)
            except ExternalNotFoundError:
                return None

    def counts(self) -> tuple[int, int]:
        """Return how many bindings of the model there are, and how many records of Odoo."""
        bindings = self.model.with_context(active_test=False)
        records = bindings
        if "odoo_id" in bindings._fields:
            records = self.env[bindings._fields["odoo_id"].comodel_name].with_context(active_test=False)
        return bindings.search_count([]), records.search_count([])

    def exports_in(self, trap: JobTrap) -> list[Any]:
        """Return the trapped jobs that would send something to the backend."""
        return [
            job
            for job in trap.jobs
            if (job.method_name == "export_record" and self.backend in job.records.backend_id)
            or (job.method_name == "export_delete_record" and job.args[:1] == (self.backend,))
        ]

    def key_of(self, binding: Any) -> Any:
        """Return the external id of a binding (1), as the adapter takes it."""
        if "external_id" in binding._external_key:
            return binding.external_id
        with self.backend.work_on(self.model_name) as work:
            return work.unit(Binder).to_external(binding)

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collect the statements that change something, but those by which adapters keep their books."""
        changed: list[str] = []
        cursor_class = type(self.env.cr)
        execute = cursor_class.execute

        def recorded(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
            text = (query if isinstance(query, str) else getattr(query, "code", str(query))).strip()
            verb = text.split(None, 1)[0].upper() if text else ""
            if verb in ("INSERT", "UPDATE", "DELETE"):
                changed.append(text)
            return execute(cursor, query, *args, **kwargs)

        with patch.object(cursor_class, "execute", recorded):
            yield changed


def is_error(job: Any, error_type: type[Exception]) -> bool:
    """Tell whether a job ended with an error of a type, or of one derived from it."""
    names = {error_type.__name__, *(cls.__name__ for cls in _below(error_type))}
    return (job.exc_type or "").rpartition(".")[2] in names


def _below(cls: type) -> Iterator[type]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _below(sub)


def _implements(work: Any, method: str) -> bool:
    """Tell whether the adapter of a session has its own method."""
    try:
        cls = work.reference.get_class(Adapter, work.model_name, work.env)
    except NoUnitError:
        return False
    return getattr(cls, method) is not getattr(Adapter, method)
