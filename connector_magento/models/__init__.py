# The model that the bindings inherit has to be there before them.
from . import magento_binding

# isort: split
from . import (
    magento_attribute,
    magento_backend,
    magento_category,
    magento_customer_group,
    magento_invoice,
    magento_partner,
    magento_payment_method,
    magento_product,
    magento_product_template,
    magento_sale_order,
    magento_shipment,
    magento_shipping_method,
    magento_tax,
    magento_website,
)
