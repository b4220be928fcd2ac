"""Make the customers of the demo shop, with their address books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ..columns import CUSTOMER_ADDRESS, row
from ..resources.customer import password_hash
from ..scalars import DATE_FORMAT
from ..shop import Customer, Shop

Moment = Callable[[int], datetime]

#: Customers with an e-mail of their own: `customer1@example.com`...
PLAIN_CUSTOMERS = 240
#: E-mails with an account on either website: `shared1@example.com`...
SHARED_EMAILS = 30

FIRST_NAMES = ("Hans", "José", "Inès", "Chloé", "Anna", "Dmitri", "Gita", "François", "Zoë", "Thị Lan")
LAST_NAMES = ("Ivanov", "García", "Jones", "Li", "Dupont", "Müller", "Nguyễn", "Smith", "O'Brien")


def postal_address(number: int) -> dict[str, Any]:
    """Return a home address in New York, Paris or Berlin, by the number."""
    phone = f"+1-555-{number:04d}"
    match number % 3:
        case 0:
            return {
                "street": f"{number} Main Street\nApt {number % 9}",
                "city": "New York",
                "country_id": "US",
                "region": "New York",
                "region_id": 43,
                "postcode": "10001",
                "telephone": phone,
            }
        case 1:
            return {
                "company": f"Société {number}",
                "street": f"{number} rue de la Paix",
                "city": "Paris",
                "country_id": "FR",
                "region": "Paris",
                "region_id": 257,
                "postcode": "75002",
                "telephone": phone,
                "vat_id": f"FR{number}",
            }
    return {
        "street": f"Hauptstraße {number}",
        "city": "Berlin",
        "country_id": "DE",
        "region": "Berlin",
        "region_id": 82,
        "postcode": "10115",
        "telephone": phone,
        "fax": "123",
    }


def _add_address(shop: Shop, moment: Moment, customer: Customer, number: int) -> int:
    address_id = shop.next_id("address")
    at = moment(address_id + 3)
    address = row(
        CUSTOMER_ADDRESS,
        {
            **postal_address(number),
            "customer_address_id": address_id,
            "created_at": at.strftime(DATE_FORMAT),
            "updated_at": (at + timedelta(minutes=30)).strftime(DATE_FORMAT),
            "firstname": customer.get("firstname"),
            "lastname": customer.get("lastname"),
        },
    )
    shop.addresses[address_id] = {**address, "customer_id": customer.customer_id}
    return address_id


def _add_customer(shop: Shop, moment: Moment, store_id: int, values: dict[str, Any], addresses: list[int]) -> None:
    customer_id = shop.next_id("customer")
    at = moment(customer_id)
    updated_at = (at + timedelta(minutes=30)).strftime(DATE_FORMAT)
    customer = Customer(customer_id, at.strftime(DATE_FORMAT), updated_at)
    store = shop.stores[store_id]
    customer.values.put(
        {
            "website_id": store.website_id,
            "store_id": store_id,
            "created_in": store.name,
            "group_id": 2 if store.website_id == 2 else 1,
            "password_hash": password_hash(customer_id),
            "disable_auto_group_change": 0,
            **values,
        }
    )
    shop.customers[customer_id] = customer
    ids = [_add_address(shop, moment, customer, number) for number in addresses]
    if ids:
        customer.values.put({"default_billing": ids[0], "default_shipping": ids[-1]})


def fill_customers(shop: Shop, moment: Moment) -> None:
    """Make the customers: every 12th has no address, of the others every 5th has two."""
    for n in range(1, PLAIN_CUSTOMERS + 1):
        values: dict[str, Any] = {
            "email": f"customer{n}@example.com",
            "firstname": FIRST_NAMES[n * 3 % len(FIRST_NAMES)],
            "lastname": LAST_NAMES[n * 5 % len(LAST_NAMES)],
        }
        if n % 4 == 0:
            values["dob"] = "1980-01-15"
        if n % 9 == 0:
            values["taxvat"] = f"TAX{n}"
        if n % 7 == 0:
            values["gender"] = 1 + n % 2
        if n % 11 == 0:
            values["prefix"] = "Dr."
        addresses = [] if n % 12 == 0 else [n, 1000 + n] if n % 5 == 0 else [n]
        _add_customer(shop, moment, 2 if n % 3 == 0 else 3 if n % 2 == 0 else 1, values, addresses)
    for k in range(1, SHARED_EMAILS + 1):
        email = f"shared{k}@example.com"
        first, last = FIRST_NAMES[k * 3 % len(FIRST_NAMES)], LAST_NAMES[k * 5 % len(LAST_NAMES)]
        number = PLAIN_CUSTOMERS + 2 * k
        home = {"email": email, "firstname": first, "lastname": last}
        work = {**home, "firstname": f"{first} (work)", "taxvat": f"B2B{k}"}
        _add_customer(shop, moment, 1, home, [number])
        _add_customer(shop, moment, 2, work, [2000 + k])
