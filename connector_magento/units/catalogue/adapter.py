"""What the adapters of the catalogue have in common: texts that store views have of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..adapter import MagentoAdapter

#: Keys of these texts.
TEXTS = ("name", "description", "short_description")


class CatalogueAdapter(MagentoAdapter):
    """Reads the texts of each language in a store view of that language."""

    def _view_ids(self) -> dict[str, str]:
        """Return the id of a store view of each language but the default, by language code."""
        return {lang: views[0].external_id for lang, views in self.backend._views_by_lang().items()}

    def _text_calls(self, external_id: str) -> list[tuple[str, list[Any]]]:
        """Return the calls for the texts of a record, one for each language."""
        return [(f"{self._resource}.info", [external_id, view, list(TEXTS)]) for view in self._view_ids().values()]

    def _texts(self, results: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return the texts that these calls brought, by language code."""
        return {lang: only(result, TEXTS) for lang, result in zip(self._view_ids(), results, strict=True)}


def only(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return these keys of a record, as far as it has them."""
    return {name: record[name] for name in names if name in record}
