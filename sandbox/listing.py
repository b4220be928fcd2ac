"""List every resource and method that the shop announces by `resources`, whether the sandbox serves it or not.

A line at the margin is a resource: name, aliases, title. An indented line is one of its methods: name, title.
"""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
core_store | store | Store API
    list | Retrieve store list
    info | Retrieve store data
core_magento | magento | Magento info API
    info | Get info about current Magento installation
directory_country | country | Country API
    list | List of countries
directory_region | region | Region API
    list | List of regions in specified country
customer |  | Customer API
    list | Retrieve customers
    create | Create customer
    info | Retrieve customer data
    update | Update customer data
    delete | Delete customer
customer_group |  | Customer's Groups API
    list | Retrieve customer groups
customer_address |  | Customer Address API
    list | Retrieve customer addresses
    create | Create customer address
    info | Retrieve address data
    update | Update customer address data
    delete | Delete customer address
catalog_category | category | Category API
    currentStore | Set/Get current store view
    tree | Retrieve hierarchical tree
    level | Retrieve one level of categories by website/store view/parent category
    info | Retrieve category data
    create | Create new category
    update | Update category
    move | Move category in tree
    delete | Delete category
    assignedProducts | Retrieve list of assigned products
    assignProduct | Assign product to category
    updateProduct | Update assigned product
    removeProduct | Remove product assignment
catalog_category_attribute | category_attribute | Category attributes API
    currentStore | Set/Get current store view
    list | Retrieve category attributes
    options | Retrieve attribute options
catalog_product | product | Product API
    currentStore | Set/Get current store view
    list | Retrieve products list by filters
    info | Retrieve product
    create | Create new product
    update | Update product
    multiUpdate | Multi update product
    delete | Delete product
    getSpecialPrice | Get special price
    setSpecialPrice | Set special price
    listOfAdditionalAttributes | Get list of non-default attributes by product type and attributes set
catalog_product_attribute | product_attribute | Product attributes API
    currentStore | Set/Get current store view
    list | Retrieve attribute list
    options | Retrieve attribute options
    types | Get list of possible attribute types
    create | Create new attribute
    update | Update attribute
    remove | Delete attribute
    info | Get full information about attribute with list of options
    addOption | Add option
    removeOption | Remove option
catalog_product_attribute_set | product_attribute_set | Product attribute sets API
    create | Create attribute set based on another set
    remove | Remove attribute set
    list | Retrieve product attribute sets
    attributeAdd | Add attribute into attribute set
    attributeRemove | Remove attribute from attribute set
    groupAdd | Add group into attribute set
    groupRename | Rename existing group
    groupRemove | Remove group from attribute set
catalog_product_type | product_type | Product types API
    list | Retrieve product types
catalog_product_attribute_media | product_attribute_media product_media | Product Images API
    currentStore | Set/Get current store view
    list | Retrieve product image list
    info | Retrieve product image
    types | Retrieve product image types
    create | Upload new product image
    update | Update product image
    remove | Remove product image
catalog_product_attribute_tier_price | product_attribute_tier_price product_tier_price | Product Tier Price API
    info | Retrieve product tier prices
    update | Update product tier prices
catalog_product_link | product_link | Product links API (related, cross sells, up sells)
    list | Retrieve linked products
    assign | Assign product link
    update | Update product link
    remove | Remove product link
    types | Retrieve product link types
    attributes | Retrieve product link type attributes
catalog_product_custom_option | product_custom_option | Catalog product custom options API
    add | Add new custom option into product
    update | Update custom option of product
    types | Get list of available custom option types
    info | Get full information about custom option in product
    list | Retrieve list of product custom options
    remove | Remove custom option
catalog_product_custom_option_value | product_custom_option_value | Catalog product custom option values API
    list | Retrieve list of option values
    info | Retrieve option value info
    add | Add new values into custom option
    update | Update value of custom option
    remove | Remove value from custom option
sales_order | order | Order API
    list | Retrieve list of orders by filters
    info | Retrieve order information
    addComment | Add comment to order
    hold | Hold order
    unhold | Unhold order
    cancel | Cancel order
sales_order_shipment | order_shipment | Shipment API
    list | Retrieve list of shipments by filters
    info | Retrieve shipment information
    sendInfo | Send shipment info
    create | Create new shipment for order
    addComment | Add new comment to shipment
    addTrack | Add new tracking number
    removeTrack | Remove tracking number
    getCarriers | Retrieve list of allowed carriers for order
sales_order_invoice | order_invoice | Invoice API
    list | Retrieve list of invoices by filters
    info | Retrieve invoice information
    create | Create new invoice for order
    addComment | Add new comment to shipment
    capture | Capture invoice
    void | Void invoice
    cancel | Cancel invoice
sales_order_creditmemo | order_creditmemo | Credit memo API
    list | Retrieve list of credit memos by filters
    info | Retrieve credit memo information
    create | Create new credit memo for order
    addComment | Add new comment to credit memo
    cancel | Cancel credit memo
cataloginventory_stock_item | product_stock | Inventory API
    list | Retrieve stock data by product ids
    update | Update product stock data
    multiUpdate | Multi update product stock data
cart |  | Shopping Cart
    create | Create shopping cart
    order | Create an order from shopping cart
    info | Retrieve information about shopping cart
    totals | Get total prices for shopping cart
    license | Get terms and conditions
cart_product |  | Cart Product API
    add | Add product to shopping cart
    update | Update product quantities in shopping cart
    remove | Remove product from shopping cart
    list | Get list of products in shopping cart
    moveToCustomerQuote | Move product(s) to customer quote
cart_customer | cart_customer_address | Customer Information
    set | Set customer for shopping cart
    addresses | Set customer's addresses in shopping cart
cart_shipping |  | Shipping information
    method | Set shipping method
    list | Get list of available shipping methods
cart_payment |  | Payment method information
    method | Set payment method
    list | Get list of available payment methods
cart_coupon |  | Shopping cart ability to set coupon code
    add | Add coupon code for shopping cart
    remove | Remove coupon code from shopping cart
catalog_product_tag | product_tag | Product Tag API
    list | Retrieve list of tags by product
    info | Retrieve product tag info
    add | Add tag(s) to product
    update | Update product tag
    remove | Remove product tag
giftmessage |  | Gift Message API
    setForQuote | Add gift message for shopping cart
    setForQuoteItem | Add gift messages for quote item of shopping cart
    setForQuoteProduct | Add gift messages to products of shopping cart
catalog_product_downloadable_link | product_downloadable_link | Category API
    add | Add links and samples to downloadable product
    list | Retrieve links and samples list from downloadable product
    remove | Remove links and samples from downloadable product
"""


@dataclass(frozen=True)
class Listed:
    """A resource as the shop announces it."""

    name: str
    aliases: tuple[str, ...]
    title: str
    #: method name -> title
    methods: dict[str, str]


def _read(table: str) -> dict[str, Listed]:
    listed: dict[str, Listed] = {}
    methods: dict[str, str] = {}
    for line in table.strip("\n").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith(" "):
            methods[cells[0]] = cells[1]
        else:
            methods = {}
            listed[cells[0]] = Listed(cells[0], tuple(cells[1].split()), cells[2], methods)
    return listed


#: Every announced resource, by name.
RESOURCES = _read(_TABLE)

#: Names and aliases -> name.
NAMES = {alias: listed.name for listed in RESOURCES.values() for alias in (listed.name, *listed.aliases)}
