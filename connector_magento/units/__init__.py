from . import adapter
from . import batch
from . import website
from . import customer_group
from . import partner
from . import category
from . import product
from . import sale_order
