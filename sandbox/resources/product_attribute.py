"""Serve the attribute sets, the attributes with their options, and the product types."""

from __future__ import annotations

from typing import Any

from ..attributes import FRENCH_LABELS, LABELS, OPTIONS, PRODUCT_ATTRIBUTES, Attribute
from ..scalars import integer, text
from ..shop import ATTRIBUTE_SET, DEFAULT_STORE, PRODUCT_TYPES
from .base import Resource, api_method

FRENCH_VIEW = 3


class ProductAttributeSetResource(Resource):
    """Serve `product_attribute_set.*`."""

    name = "catalog_product_attribute_set"
    area = "catalog"

    @api_method("list", reads=True)
    def list_all(self) -> list[dict[str, Any]]:
        """Return the attribute sets: there is one."""
        return [{"set_id": ATTRIBUTE_SET, "name": "Default"}]


class ProductAttributeResource(Resource):
    """Serve `product_attribute.*`."""

    name = "catalog_product_attribute"
    area = "catalog"

    @api_method("list", reads=True)
    def list_all(self, set_id: Any) -> list[dict[str, Any]]:
        """Return the attributes of a set; none for a set that is not there."""
        if integer(set_id) != ATTRIBUTE_SET:
            return []
        return [
            {
                "attribute_id": attribute.attribute_id,
                "code": attribute.code,
                "type": attribute.input_type,
                "required": int(attribute.required),
                "scope": attribute.scope,
            }
            for attribute in PRODUCT_ATTRIBUTES.values()
        ]

    def _attribute(self, attribute: Any) -> Attribute:
        wanted = text(attribute)
        for one in PRODUCT_ATTRIBUTES.values():
            if wanted in (one.code, str(one.attribute_id)):
                return one
        raise self.fault(101)

    @api_method("options", reads=True)
    def options(self, attribute: Any, store: Any = None) -> list[dict[str, Any]]:
        """Return an attribute's options, an empty one first; nothing for one that has none."""
        own = FRENCH_LABELS if self.store_id(store) == FRENCH_VIEW else {}
        options = OPTIONS.get(self._attribute(attribute).code)
        if options is None:
            return []
        choices: list[dict[str, Any]] = [{"value": value, "label": own.get(value, label)} for value, label in options]
        return [{"label": "", "value": ""}, *choices]

    @api_method("info", reads=True)
    def info(self, attribute: Any) -> dict[str, Any]:
        """Return an attribute with its labels by view and its options; there is no recording of it."""
        found = self._attribute(attribute)
        labels = [{"store_id": DEFAULT_STORE, "label": LABELS.get(found.code, found.code)}]
        if found.code in FRENCH_LABELS:
            labels.append({"store_id": FRENCH_VIEW, "label": FRENCH_LABELS[found.code]})
        return {
            "attribute_id": found.attribute_id,
            "attribute_code": found.code,
            "frontend_input": found.input_type,
            "is_required": int(found.required),
            "scope": found.scope,
            "frontend_label": labels,
            "options": self.options(attribute),
        }


class ProductTypeResource(Resource):
    """Serve `product_type.*`."""

    name = "catalog_product_type"
    area = "catalog"

    @api_method("list", reads=True)
    def list_all(self) -> list[dict[str, Any]]:
        """Return the product types."""
        return [{"type": code, "label": label} for code, label in PRODUCT_TYPES.items()]
