from . import account, account_export, address, address_book, group
