from . import (
    magento_backend,
    magento_category,
    magento_customer_group,
    magento_partner,
    magento_payment_method,
    magento_product,
    magento_sale_order,
    magento_tax,
    magento_website,
)
