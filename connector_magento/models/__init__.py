from . import magento_backend
from . import magento_website
from . import magento_customer_group
from . import magento_tax
from . import magento_partner
from . import magento_category
from . import magento_product
from . import magento_sale_order
