"""Name the fields of each kind of record, in the order in which the shop sends them.

A record has every field of its kind; what is unknown is None, which goes out as `<nil/>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def row(columns: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with all `columns`, in order; those not in `values` are None.

    :raises KeyError: when `values` names a field that is none of `columns`: a typing error in the sandbox itself.
    """
    unknown = set(values).difference(columns)
    if unknown:
        raise KeyError(f"no such columns: {sorted(unknown)}")
    return {name: values.get(name) for name in columns}


#: the order itself, in `sales_order.list` and `.info`
ORDER = tuple(
    """
    state status coupon_code protect_code shipping_description is_virtual store_id customer_id
    base_discount_amount base_discount_canceled base_discount_invoiced base_discount_refunded base_grand_total
    base_shipping_amount base_shipping_canceled base_shipping_invoiced base_shipping_refunded
    base_shipping_tax_amount base_shipping_tax_refunded base_subtotal base_subtotal_canceled
    base_subtotal_invoiced base_subtotal_refunded base_tax_amount base_tax_canceled base_tax_invoiced
    base_tax_refunded base_to_global_rate base_to_order_rate base_total_canceled base_total_invoiced
    base_total_invoiced_cost base_total_offline_refunded base_total_online_refunded base_total_paid
    base_total_qty_ordered base_total_refunded discount_amount discount_canceled discount_invoiced
    discount_refunded grand_total shipping_amount shipping_canceled shipping_invoiced shipping_refunded
    shipping_tax_amount shipping_tax_refunded store_to_base_rate store_to_order_rate subtotal subtotal_canceled
    subtotal_invoiced subtotal_refunded tax_amount tax_canceled tax_invoiced tax_refunded total_canceled
    total_invoiced total_offline_refunded total_online_refunded total_paid total_qty_ordered total_refunded
    can_ship_partially can_ship_partially_item customer_is_guest customer_note_notify billing_address_id
    customer_group_id edit_increment email_sent forced_shipment_with_invoice payment_auth_expiration
    quote_address_id quote_id shipping_address_id adjustment_negative adjustment_positive
    base_adjustment_negative base_adjustment_positive base_shipping_discount_amount base_subtotal_incl_tax
    base_total_due payment_authorization_amount shipping_discount_amount subtotal_incl_tax total_due weight
    customer_dob increment_id applied_rule_ids base_currency_code customer_email customer_firstname
    customer_lastname customer_middlename customer_prefix customer_suffix customer_taxvat discount_description
    ext_customer_id ext_order_id global_currency_code hold_before_state hold_before_status order_currency_code
    original_increment_id relation_child_id relation_child_real_id relation_parent_id relation_parent_real_id
    remote_ip shipping_method store_currency_code store_name x_forwarded_for customer_note created_at updated_at
    total_item_count customer_gender hidden_tax_amount base_hidden_tax_amount shipping_hidden_tax_amount
    base_shipping_hidden_tax_amnt hidden_tax_invoiced base_hidden_tax_invoiced hidden_tax_refunded
    base_hidden_tax_refunded shipping_incl_tax base_shipping_incl_tax coupon_rule_name
    paypal_ipn_customer_notified gift_message_id payment_authorization_expiration
    forced_do_shipment_with_invoice base_shipping_hidden_tax_amount
    """.split()
)

#: what `sales_order.list` adds from the addresses
ORDER_LIST_EXTRA = tuple(
    """
    firstname middlename lastname telephone postcode billing_firstname billing_lastname shipping_firstname
    shipping_lastname billing_name shipping_name
    """.split()
)

#: a billing or shipping address of an order
ORDER_ADDRESS = tuple(
    """
    parent_id customer_address_id quote_address_id region_id customer_id fax region postcode lastname street
    city email telephone country_id firstname address_type prefix middlename suffix company vat_id vat_is_valid
    vat_request_id vat_request_date vat_request_success address_id
    """.split()
)

#: a line of an order
ORDER_ITEM = tuple(
    """
    item_id order_id parent_item_id quote_item_id store_id created_at updated_at product_id product_type
    product_options weight is_virtual sku name description applied_rule_ids additional_data free_shipping
    is_qty_decimal no_discount qty_backordered qty_canceled qty_invoiced qty_ordered qty_refunded qty_shipped
    base_cost price base_price original_price base_original_price tax_percent tax_amount base_tax_amount
    tax_invoiced base_tax_invoiced discount_percent discount_amount base_discount_amount discount_invoiced
    base_discount_invoiced amount_refunded base_amount_refunded row_total base_row_total row_invoiced
    base_row_invoiced row_weight base_tax_before_discount tax_before_discount ext_order_item_id
    locked_do_invoice locked_do_ship price_incl_tax base_price_incl_tax row_total_incl_tax
    base_row_total_incl_tax hidden_tax_amount base_hidden_tax_amount hidden_tax_invoiced
    base_hidden_tax_invoiced hidden_tax_refunded base_hidden_tax_refunded is_nominal tax_canceled
    hidden_tax_canceled tax_refunded base_tax_refunded discount_refunded base_discount_refunded gift_message_id
    gift_message_available base_weee_tax_applied_amount base_weee_tax_applied_row_amnt
    base_weee_tax_applied_row_amount weee_tax_applied_amount weee_tax_applied_row_amount weee_tax_applied
    weee_tax_disposition weee_tax_row_disposition base_weee_tax_disposition base_weee_tax_row_disposition
    """.split()
)

#: the payment of an order
PAYMENT = tuple(
    """
    parent_id base_shipping_captured shipping_captured amount_refunded base_amount_paid amount_canceled
    base_amount_authorized base_amount_paid_online base_amount_refunded_online base_shipping_amount
    shipping_amount amount_paid amount_authorized base_amount_ordered base_shipping_refunded shipping_refunded
    base_amount_refunded amount_ordered base_amount_canceled quote_payment_id additional_data cc_exp_month
    cc_ss_start_year echeck_bank_name method cc_debug_request_body cc_secure_verify protection_eligibility
    cc_approval cc_last4 cc_status_description echeck_type cc_debug_response_serialized cc_ss_start_month
    echeck_account_type last_trans_id cc_cid_status cc_owner cc_type po_number cc_exp_year cc_status
    echeck_routing_number account_status anet_trans_method cc_debug_response_body cc_ss_issue
    echeck_account_name cc_avs_status cc_number_enc cc_trans_id paybox_request_number address_status
    additional_information payment_id
    """.split()
)

#: an entry of the status history
HISTORY = tuple(
    """
    parent_id is_customer_notified is_visible_on_front comment status created_at entity_name store_id
    """.split()
)

#: `sales_order_shipment.info`, without its lists
SHIPMENT = tuple(
    """
    store_id total_weight total_qty email_sent order_id customer_id shipping_address_id billing_address_id
    shipment_status increment_id created_at updated_at packages shipping_label shipment_id
    """.split()
)

#: a line of a shipment
SHIPMENT_ITEM = tuple(
    """
    parent_id row_total price weight qty product_id order_item_id additional_data description name sku item_id
    """.split()
)

#: `sales_order_creditmemo.list`
CREDITMEMO = tuple(
    """
    store_id adjustment_positive base_shipping_tax_amount store_to_order_rate base_discount_amount
    base_to_order_rate grand_total base_adjustment_negative base_subtotal_incl_tax shipping_amount
    subtotal_incl_tax adjustment_negative base_shipping_amount store_to_base_rate base_to_global_rate
    base_adjustment base_subtotal discount_amount subtotal adjustment base_grand_total base_adjustment_positive
    base_tax_amount shipping_tax_amount tax_amount order_id email_sent creditmemo_status state
    shipping_address_id billing_address_id invoice_id store_currency_code order_currency_code base_currency_code
    global_currency_code transaction_id increment_id created_at updated_at hidden_tax_amount
    base_hidden_tax_amount shipping_hidden_tax_amount base_shipping_hidden_tax_amnt shipping_incl_tax
    base_shipping_incl_tax discount_description creditmemo_id
    """.split()
)

#: `catalog_category.info`
CATEGORY = tuple(
    """
    category_id is_active position level created_at updated_at parent_id increment_id name url_key description
    image meta_title meta_keywords meta_description include_in_menu path all_children path_in_store children
    url_path children_count display_mode landing_page is_anchor available_sort_by default_sort_by
    filter_price_range custom_use_parent_settings custom_apply_to_products custom_design custom_design_from
    custom_design_to page_layout custom_layout_update
    """.split()
)

#: `customer.info`
CUSTOMER = tuple(
    """
    customer_id created_at updated_at increment_id store_id website_id created_in prefix firstname middlename
    lastname suffix email group_id dob password_hash default_billing default_shipping taxvat confirmation gender
    rp_token rp_token_created_at disable_auto_group_change password_created_at rp_customer_id
    """.split()
)

#: `customer_address.info`
CUSTOMER_ADDRESS = tuple(
    """
    customer_address_id created_at updated_at increment_id prefix firstname middlename lastname suffix company
    street city country_id region region_id postcode telephone fax vat_id vat_is_valid vat_request_id
    vat_request_date vat_request_success is_default_billing is_default_shipping
    """.split()
)

#: `catalog_product.info` of a simple product
SIMPLE_PRODUCT = tuple(
    """
    product_id sku set type categories websites type_id name description short_description weight old_id
    news_from_date news_to_date status url_key url_path visibility category_ids required_options has_options
    image_label small_image_label thumbnail_label created_at updated_at country_of_manufacture size color
    manufacturer price group_price special_price special_from_date special_to_date tier_price minimal_price
    msrp_enabled msrp_display_actual_price_type msrp tax_class_id meta_title meta_keyword meta_description
    is_recurring recurring_profile custom_design custom_design_from custom_design_to custom_layout_update
    page_layout options_container gift_message_available
    """.split()
)

#: the same of a configurable product
CONFIGURABLE_PRODUCT = tuple(
    """
    product_id sku set type categories websites type_id name description short_description old_id news_from_date
    news_to_date status url_key url_path visibility category_ids required_options has_options image_label
    small_image_label thumbnail_label created_at updated_at country_of_manufacture price group_price
    special_price special_from_date special_to_date tier_price minimal_price msrp_enabled
    msrp_display_actual_price_type msrp tax_class_id meta_title meta_keyword meta_description custom_design
    custom_design_from custom_design_to custom_layout_update page_layout options_container
    gift_message_available
    """.split()
)

#: the same of a grouped product
GROUPED_PRODUCT = tuple(
    """
    product_id sku set type categories websites type_id name description short_description old_id news_from_date
    news_to_date status url_key url_path visibility category_ids required_options has_options image_label
    small_image_label thumbnail_label created_at updated_at country_of_manufacture size meta_title meta_keyword
    meta_description custom_design custom_design_from custom_design_to custom_layout_update page_layout
    options_container gift_message_available
    """.split()
)
