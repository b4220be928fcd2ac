from . import (
    attribute,
    category,
    category_export,
    exporter,
    gone,
    image,
    product,
    product_adapter,
    product_export,
    stock,
    template,
)
