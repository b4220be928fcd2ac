from . import (
    adapter,
    batch,
    category,
    customer_group,
    importer,
    order_export,
    order_importer,
    partner,
    product,
    sale_order,
    website,
)
