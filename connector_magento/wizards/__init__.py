from . import magento_order_comment
