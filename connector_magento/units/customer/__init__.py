from . import account, account_export, address_book, group
