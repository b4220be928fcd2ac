"""What stands for Odoo in the plain tests of mappings: models that have fields and no database."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from unittest.mock import patch

from odoo.tests import BaseCase

from ..references import ConnectorUnit, Reference, WorkSession
from ..references.reference import _references

_numbers = itertools.count()


class FakeField:
    def __init__(self, comodel_name=None, type="char", translate=False):
        self.comodel_name = comodel_name
        self.type = type
        self.translate = translate


class FakeModel:
    """An empty recordset, as far as mappers look at one."""

    def __init__(self, name, fields=None, **attributes):
        self._name = name
        self._fields = fields or {}
        self.__dict__.update(attributes)


class FakeEnv(dict):
    def __init__(self, models):
        super().__init__((model._name, model) for model in models)
        self.registry = _Registry(self)

    def __missing__(self, name):
        return FakeModel(name)


class _Registry(dict):
    _init_modules = frozenset({"connector_framework"})

    def __init__(self, env):
        super().__init__()
        for name, model in env.items():
            self[name] = SimpleNamespace(
                _is_connector_binding=getattr(model, "_is_connector_binding", False),
                _abstract=False,
                _inherits=getattr(model, "_inherits", {}),
                _fields={"backend_id": FakeField("fake.backend"), **model._fields},
            )


class FakeBackend:
    _name = "fake.backend"

    def __init__(self, env, reference):
        self.env = env
        self.reference = reference

    def __str__(self):
        return "fake.backend(1,)"

    def with_env(self, env):
        return self


class FakeLine(dict):
    """A record with an id whose fields are read by subscript."""

    @property
    def id(self):
        return self["id"]


class FakeBinding:
    """A record with one2manys."""

    def __init__(self, **lines):
        self.lines = lines
        self.context = {}

    def with_context(self, **context):
        self.context.update(context)
        return self

    def __getitem__(self, name):
        return self.lines[name]


class FakeBinder(ConnectorUnit):
    """Know the external ids of ``IDS``: by model, external id -> id; the Odoo record has the id plus 1 000."""

    IDS = {}
    calls = []

    def _record(self, id, unwrap=False):
        return FakeLine(id=id + 1000 if unwrap else id)

    def to_internal(self, external_id, unwrap=False):
        type(self).calls.append(("to_internal", external_id))
        id = self.IDS.get(self.work.model_name, {}).get(str(external_id))
        return self._record(id, unwrap) if id else None

    def to_internal_many(self, external_ids):
        type(self).calls.append(("to_internal_many", set(external_ids)))
        known = self.IDS.get(self.work.model_name, {})
        return {one: self._record(known[str(one)]) for one in external_ids if str(one) in known}

    def unwrap(self, binding):
        return self._record(binding.id, unwrap=True)


class MappingCase(BaseCase):
    """Mappers on a reference of the test's own."""

    #: The models that have more than a name.
    models = ()

    def setUp(self):
        super().setUp()
        self.reference = Reference("mapping_test", version=str(next(_numbers)))
        self.addCleanup(_references.pop, ("mapping_test", self.reference.version))
        self.fake_env = FakeEnv(self.models)
        self.backend = FakeBackend(self.fake_env, self.reference)
        # The fake answers for the binders, without a database.
        kinds = patch.dict(ConnectorUnit._kinds, binder=FakeBinder)
        kinds.start()
        self.addCleanup(kinds.stop)
        self.reference.register(FakeBinder)
        FakeBinder.IDS = {}
        FakeBinder.calls = []

    def mapper(self, cls, *others):
        """Return a mapper of the class; the others are found for children.

        A class without ``_apply_on`` is for the model ``parent``.
        """
        if cls._apply_on is None:
            cls._apply_on = "parent"
        for one in (cls, *others):
            self.reference.register(one)
        self.work = WorkSession(self.backend, cls.applied_models()[0])
        return cls(self.work)

    def values(self, cls, source, **arguments):
        return self.mapper(cls).map_record(source).values(**arguments)
