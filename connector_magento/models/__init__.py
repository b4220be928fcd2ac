from . import (
    magento_backend,
    magento_category,
    magento_customer_group,
    magento_invoice,
    magento_partner,
    magento_payment_method,
    magento_product,
    magento_sale_order,
    magento_shipment,
    magento_shipping_method,
    magento_tax,
    magento_website,
)
