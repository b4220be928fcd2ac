"""Comparing records of the other system with those here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any, ClassVar

import psycopg2
from psycopg2.extensions import TransactionRollbackError

from ..binders import lookups_kept
from ..exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    NetworkError,
    NoUnitError,
    RateLimitedError,
    SkipError,
)
from ..preview import CallWatch, Containment, UnsentError
from ..references import ConnectorUnit, watching_units
from ..synchronizers import Importer
from ..synchronizers.keys import id_token
from ..synchronizers.reading import read_records
from ..text import clean
from .finding import Finding
from .values import differences, incoming, present

__all__ = ["Comparer"]

#: Errors that are no record's own: the comparison goes on later.
_NOT_NOW = (NetworkError, RateLimitedError, AuthenticationError)
#: Seconds between an import's time and the dates of what it wrote.
_SAME_TIME_S = 2


class Comparer(ConnectorUnit):
    """Compare records of the other system with their bindings: what would an import change?

    Nothing of what it does is kept. A connector needs none of its own; one that has fields which are not to be the same
    on both sides registers a subclass.

    ===================================  =============================================================================
    ``not_compared``                     names of fields of the binding model, or of its record, to leave out
    ``_values(record, binding)``         return the values to compare with the binding (1), as for ``write``; default:
                                         those of an import
    ===================================  =============================================================================
    """

    _kind: ClassVar[str | None] = "comparer"
    _usable_as_is = True

    #: Fields of the binding model, or of its record, that are left out.
    not_compared: ClassVar[tuple[str, ...]] = ()

    def compare(
        self, external_ids: Sequence[Any], before: Mapping[str, str] | None = None, is_last: bool = False
    ) -> list[Finding]:
        """Look at records; return a finding for each that is on one of the sides at least.

        :param before: the fingerprints that the look before has found, by token. Of those that differ as they did, see
            what a real import would change, in a savepoint that is rolled back: what the model or the importer makes of
            a value is no difference. None: this is the first look
        :param is_last: see that of all that differ
        :raises NetworkError, RateLimitedError, AuthenticationError: when the other system does not answer
        """
        importer = self.importer
        records = read_records(importer, external_ids)
        for record in records.values():
            if isinstance(record, _NOT_NOW):
                raise record
        try:
            return self._compare(external_ids, records, before, is_last)
        except psycopg2.OperationalError:
            raise
        except psycopg2.Error as error:
            # A statement of one record was refused, which says nothing of the others.
            if len(external_ids) > 1:
                return [one for each in external_ids for one in self.compare([each], before, is_last)]
            return [Finding(external_ids[0], "not_comparable", self.importer.model, reason=_reason(error))]

    def _compare(
        self,
        external_ids: Sequence[Any],
        records: Mapping[str, Any],
        before: Mapping[str, str] | None,
        is_last: bool,
    ) -> list[Finding]:
        with _rolled_back(self.env), self._together(external_ids, records) as bound:
            findings = [self._look(external_id, records, bound) for external_id in external_ids]
        found = [finding for finding in findings if finding is not None]
        if before is None:
            return found
        differing = [one for one in found if one.kind == "different"]
        tried = [one for one in differing if is_last or before.get(id_token(one.external_id)) == one.fingerprint]
        if tried:
            self._try_all(tried, records)
        return found

    @property
    def importer(self) -> Any:
        """The importer of the session's model."""
        return self.unit(Importer)

    @contextmanager
    def _together(self, external_ids: Iterable[Any], records: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Look up in bulk what the records refer to; yield their bindings (1) by token."""
        importer = self.importer
        bound = importer._bound(external_ids)
        good = [record for record in records.values() if not isinstance(record, Exception)]
        try:
            prefetch = importer.mapper.prefetch(good)
        except NoUnitError:  # The importer maps without a mapper.
            prefetch = nullcontext()
        before, importer._chunk = importer._chunk, _Known(importer, bound)
        try:
            with lookups_kept(self.work), prefetch:
                yield bound
        finally:
            importer._chunk = before

    # -- one record ----------------------------------------------------------------------------------------------------

    def _look(self, external_id: Any, records: Mapping[str, Any], bound: Mapping[str, Any]) -> Finding | None:
        """Compare one record with its binding, as the values are."""
        token = id_token(external_id)
        binding = bound.get(token, self.importer.model)
        if token not in records:
            return Finding(external_id, "missing_there", binding) if binding else None
        record = records[token]
        try:
            if isinstance(record, Exception):
                raise record
            with self.importer._importing(external_id, record):
                return self._look_at(external_id, record, binding)
        except (psycopg2.Error, *_NOT_NOW):
            raise
        except Exception as error:
            return Finding(external_id, "not_comparable", binding, reason=_reason(error))

    def _look_at(self, external_id: Any, record: Any, binding: Any) -> Finding:
        importer = self.importer
        importer._check_importable(record)
        if not binding:
            found = importer._find_binding(record)
            if found and importer._key_needs_record():
                binding = found
            else:
                return Finding(external_id, "missing_here", binding, proposed_id=_record_of(found).id or None)
        here, there = self._sides(record, binding)
        found = differences(here, there)
        return Finding(external_id, "different" if found else None, binding, differences=found)

    def _sides(self, record: Any, binding: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the binding (1) has, and what the record would bring, by path."""
        values = self._values(record, binding)
        binding = binding.with_context(active_test=False)
        here, there = present(binding, values), incoming(binding, values)
        for lang, texts in self.importer._translations(record).items():
            translated, texts = binding.with_context(lang=lang), self._compared(texts)
            here |= present(translated, texts, f"{lang}/")
            there |= incoming(translated, texts, f"{lang}/")
        return here, there

    def _values(self, record: Any, binding: Any) -> dict[str, Any]:
        """Return the values to compare with the binding (1)."""
        values = self.importer._map(record, binding)
        self.importer._validate(values)
        return self._compared(values)

    def _compared(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values without the fields that are not compared."""
        left_out = {*self.not_compared, *self._volatile()}
        return {name: value for name, value in values.items() if name not in left_out}

    def _volatile(self) -> set[str]:
        """Return the fields whose change in the other system does not count as one."""
        keys = self.importer.volatile_keys
        if not keys:
            return set()
        try:
            return self.importer.mapper.direct_targets(keys)
        except NoUnitError:
            return set()

    # -- precisely -----------------------------------------------------------------------------------------------------

    def _try_all(self, findings: Sequence[Finding], records: Mapping[str, Any]) -> None:
        """Try the import of records that differ, in a session of its own: its adapters read, and send nothing."""
        ids, calls = [finding.external_id for finding in findings], CallWatch()
        with ExitStack() as stack:
            stack.enter_context(_rolled_back(self.env))
            stack.enter_context(calls.guarding_http())
            stack.enter_context(watching_units(self.env.cr, calls.watch))
            work = stack.enter_context(self.backend.work_on(self.work.model_name, **self.work.options))
            trial = work.unit(Comparer)
            stack.enter_context(trial._together(ids, {id_token(one): records[id_token(one)] for one in ids}))
            for finding in findings:
                trial._try(finding, records[id_token(finding.external_id)])

    def _try(self, finding: Finding, record: Any) -> None:
        """Replace the differences by what an import of the record changes."""
        importer, binding = self.importer, finding.binding
        finding.changed_last = self._changed_last(record, binding)
        try:
            with importer._importing(finding.external_id, record):
                finding.origins = self._origins(record, binding, finding.differences)
                finding.differences = self._changes(record, binding)
        except TransactionRollbackError:
            # Somebody has written it meanwhile.
            finding.fingerprint = ""
            finding.reason = self.env._("It was changed while it was compared.")
        except (psycopg2.OperationalError, *_NOT_NOW):
            raise
        except UnsentError as error:
            finding.reason = self.env._("What an import changes is not known: %s", _reason(error))
        except Exception as error:
            finding.reason = self.env._("An import would fail: %s", _reason(error))
        if not finding.differences:
            finding.kind = None

    def _changes(self, record: Any, binding: Any) -> dict[str, dict[str, str]]:
        """Return what an import changes of the binding (1)."""
        importer = self.importer
        # Nothing of the trial stays: no commit of the importer's own, no mail, no hook of the transaction's end.
        with lookups_kept(self.work), Containment(self.env):
            values = importer._map(record, binding)
            importer._validate(values)
            translations = importer._translations(record)
            compared = self._compared(values)
            read = binding.with_context(active_test=False)

            def read_all() -> dict[str, Any]:
                here = present(read, compared)
                for lang, texts in translations.items():
                    here |= present(read.with_context(lang=lang), self._compared(texts), f"{lang}/")
                return here

            before = read_all()
            with self.work.origin():
                writer = binding.with_env(self.env)
                importer._update(writer, dict(values))
                importer._finish(writer)
            self.env.invalidate_all()
            return differences(before, read_all())

    def _origins(self, record: Any, binding: Any, fields: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return where the mapper has the external values of these fields from."""
        names = {field: field.rpartition("/")[2].partition("[")[0] for field in fields}
        trace: dict[str, dict[str, Any]] = {}
        with suppress(ConnectorError):
            trace = self.importer.mapper.explain(record, for_create=False, binding=binding)
        return {
            field: {key: trace[name][key] for key in ("source", "method", "class", "addon")}
            for field, name in names.items()
            if name in trace
        }

    def _changed_last(self, record: Any, binding: Any) -> str | None:
        """Return which side changed last: "odoo", "external", "both"; None if that is not known."""
        if not binding.sync_date:
            return None
        written = max(filter(None, (binding.write_date, _record_of(binding).write_date)))
        here = written > binding.sync_date + timedelta(seconds=_SAME_TIME_S)
        updated_at = self.importer._updated_at(record)
        if binding.import_hash:
            there = binding.import_hash != self.importer._hash(record)
        else:
            there = bool(updated_at) and updated_at > binding.sync_date
        if here and there:
            return ("external" if updated_at > written else "odoo") if updated_at else "both"
        return "odoo" if here else "external" if there else None


class _Known:
    """Stands in for a chunk of an importer: what is bound is known, and nothing is imported."""

    def __init__(self, importer: Any, bound: Mapping[str, Any]) -> None:
        self._importer = importer
        self._bound = bound

    def looked_up(self, external_id: Any) -> Any:
        return self._bound.get(id_token(external_id), self._importer.model).with_env(self._importer.env)

    def require(self, wanted: Any) -> None:
        """Import nothing."""

    def dependency(self, external_id: Any, model_name: str, force: bool = False) -> Any:
        """Return the binding (0..1) of another record that a step needs."""
        other = self._importer.unit(Importer, model_name)
        return other.binder.to_internal(external_id) if other._is_lookup_key(external_id) else other.model


@contextmanager
def _rolled_back(env: Any) -> Iterator[None]:
    """Keep nothing of what is written inside."""
    with env.cr.savepoint() as savepoint:
        yield
        savepoint.rollback()


def _record_of(binding: Any) -> Any:
    """Return the record of Odoo (0..1) of a binding; the binding where it stands for none."""
    return binding.odoo_id if "odoo_id" in binding._fields else binding


def _reason(error: Exception) -> str:
    if isinstance(error, SkipError):
        return clean(error, 2000)
    name = (
        "" if isinstance(error, ConnectorError) and not isinstance(error, ConfigurationError) else type(error).__name__
    )
    return clean(f"{name}: {error}" if name else error, 2000)
