from . import magento_order_comment, magento_product_publish
