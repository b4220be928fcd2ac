"""The agreement of the two sides on a binding: hashes of the last export and import, and conflicts."""

from __future__ import annotations

import json
import logging
from typing import Any, ClassVar

from ..addon import path_of
from ..exceptions import ConfigurationError, ConnectorError, NoUnitError
from ..mappings import ExportMapper
from ..references import ConnectorUnit
from ..text import clean
from .synchronizer import digest

__all__ = ["POLICIES", "Agreement", "check_policy", "clear_conflict"]

_logger = logging.getLogger(__name__)

#: Values of :attr:`Importer.conflict_policy`.
POLICIES = (None, "external", "odoo", "ask")
#: Hexadecimal digits of the hash of one target; a collision costs one update that is not sent, in 2^48.
_HASH_LENGTH = 12


def check_policy(importer: type, policy: Any) -> None:
    """:raises ValueError: when an importer's conflict policy is none of :data:`POLICIES`"""
    if policy not in POLICIES:
        name = path_of(importer)
        raise ValueError(f"{name}.conflict_policy is {policy!r}; it can be {', '.join(map(repr, POLICIES))}")


class Agreement(ConnectorUnit):
    """Compare a binding with the last state that both sides had in common.

    ``export_hash`` of the binding holds a hash for each target that was sent, ``import_hash`` one of the external
    record that was imported, ``conflict`` the differences that a person has to decide.

    ==================================  ==============================================================================
    ``sent(binding)``                   hashes of what was sent last, by target
    ``unsent(values, binding)``         the part of the values that differs from what was sent last
    ``remember(values, binding)``       record values as sent
    ``imported(binding)``               record that the binding holds what the other side has
    ``local_changes(binding)``          what an export would send since both sides agreed
    ``external_changes(record, b)``     whether the external record changed since both sides agreed
    ``settle_import(...)``              decide a conflict that an import finds
    ``settle_export(...)``              decide a conflict that an export finds
    ==================================  ==============================================================================
    """

    _kind: ClassVar[str | None] = "agreement"
    _usable_as_is = True

    @property
    def policy(self) -> str | None:
        """The conflict policy of the model's importer.

        :raises ConfigurationError: when it is none of :data:`POLICIES`
        """
        policy = self.importer.conflict_policy
        try:
            check_policy(type(self.importer), policy)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        return policy

    @property
    def importer(self) -> Any:
        """The importer of the session's model."""
        return self.unit(self._kinds["importer"])

    @property
    def exporter(self) -> Any:
        """The exporter of the session's model."""
        return self.unit(self._kinds["exporter"])

    # -- the last export ----------------------------------------------------------------------------------------------

    @staticmethod
    def sent(binding: Any) -> dict[str, str]:
        """Return the hashes of the values that the last export of a binding (1) sent, by target."""
        try:
            sent = json.loads(binding.export_hash or "{}")
        except ValueError:
            return {}
        return sent if isinstance(sent, dict) else {}

    def unsent(self, values: dict[str, Any], binding: Any) -> dict[str, Any]:
        """Return the values that differ from those of the last export."""
        sent = self.sent(binding)
        return {target: value for target, value in values.items() if sent.get(target) != _hash(value)}

    def remember(self, values: dict[str, Any], binding: Any) -> None:
        """Record values as sent, for the next export to compare with."""
        sent = self.sent(binding)
        self._keep({**sent, **{target: _hash(value) for target, value in values.items()}}, binding, sent)

    def _keep(self, sent: dict[str, str], binding: Any, before: dict[str, str]) -> None:
        if sent != before:
            with self.work.origin():
                binding = binding.with_env(self.env)
                binding.export_hash = json.dumps(sent, sort_keys=True, separators=(",", ":"))

    # -- after an import -----------------------------------------------------------------------------------------------

    def imported(self, binding: Any) -> None:
        """Record that a binding (1) holds what the other side has.

        With a policy, all that would be exported counts as agreed. Without one, what was sent is forgotten as far as
        the import changed it: to send that value again is a change then.

        :raises NoUnitError: when there is a policy and no export mapper
        """
        if self.policy:
            try:
                self.remember(self.exporter.values_of(binding), binding)
            except NoUnitError as error:
                raise NoUnitError(
                    f"{type(self.importer).__name__} has a conflict_policy, which needs an export mapper: {error}"
                ) from error
            if binding.conflict:
                binding.conflict = False
        elif binding.export_hash and self.work.reference.find_class(ExportMapper, self.work.model_name, self.env):
            sent = self.sent(binding)
            self._keep(self._still_true(sent, binding), binding, sent)

    def _still_true(self, sent: dict[str, str], binding: Any) -> dict[str, str]:
        try:
            now = self.exporter.values_of(binding)
        except ConnectorError as error:  # A binding that cannot be exported now can still be imported.
            _logger.debug("%s cannot be mapped for export, its export hash is cleared: %s", binding, error)
            return {}
        return {target: value for target, value in sent.items() if target not in now or _hash(now[target]) == value}

    # -- conflicts -----------------------------------------------------------------------------------------------------

    def local_changes(self, binding: Any) -> dict[str, Any]:
        """Return what an export of a binding (1) would send since both sides agreed."""
        if not binding.export_hash:
            return {}
        return self.unsent(self.exporter.values_of(binding), binding)

    def external_changes(self, record: Any, binding: Any) -> bool:
        """Tell whether the external record changed since both sides agreed."""
        return self.importer._hash(record) != binding.import_hash

    def settle_import(self, record: Any, binding: Any, values: dict[str, Any]) -> str | None:
        """Decide by the policy about an import of a binding (1) that changed in Odoo too.

        :param values: what the import would write
        :return: how it ended; None to go on with the import
        """
        policy = self.policy
        if policy in (None, "external") or not self.local_changes(binding):
            return None
        found = difference(binding, values)
        if not found:
            return None
        with self.work.origin():
            binding = binding.with_env(self.env)
            if policy == "ask":
                return _mark(binding, found)
            # The external content is dealt with: the export of the local change overwrites it.
            binding.write(self.importer._bookkeeping(record))
        return "conflict: Odoo's changes were kept"

    def settle_export(self, external_id: Any, binding: Any) -> str | None:
        """Decide by the policy about an export of a binding (1) whose external record may have changed too.

        :return: how it ended; None to go on with the export
        """
        policy = self.policy
        if policy not in ("external", "ask"):
            return None
        if binding.import_hash:
            importer = self.importer
            record = self.adapter.read(external_id)
            if self.external_changes(record, binding):
                if policy == "external":
                    importer.run(external_id, force=True)
                    return "conflict: the other side's changes were kept"
                with self.work.origin():
                    found = difference(binding.with_env(self.env), importer.values_of(external_id, record, binding))
                    if found:
                        return _mark(binding.with_env(self.env), found)
        # The export changes the external record, so the import hash holds no longer.
        with self.work.origin():
            binding.with_env(self.env).import_hash = False
        return None


def difference(binding: Any, values: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return what writing values would change on a binding (1), as people read it.

    :param values: as for ``write``; lists of lines are left out
    :return: by field name, a dict of ``odoo`` and ``external``
    """
    result = {}
    incoming = binding.new(origin=binding)
    for name, value in values.items():
        field = binding._fields.get(name)
        if field is None or field.type in ("one2many", "many2many", "binary", "json"):
            continue
        incoming[name] = value
        odoo, external = _shown(binding, name), _shown(incoming, name)
        if odoo != external:
            result[name] = {"odoo": odoo, "external": external}
    return result


def clear_conflict(bindings: Any) -> None:
    """Clear the conflict and the import hash of bindings (n)."""
    bindings.write({"sync_state": "synced", "conflict": False, "import_hash": False})


def _mark(binding: Any, found: dict[str, dict[str, str]]) -> str:
    binding.write({"sync_state": "conflict", "conflict": found})
    return "conflict: a person has to decide"


def _shown(record: Any, name: str) -> str:
    value = record[name]
    if record._fields[name].type == "many2one":
        value = value.display_name
    return "" if value is False or value is None else clean(value)


def _hash(value: Any) -> str:
    return digest(value)[:_HASH_LENGTH]
