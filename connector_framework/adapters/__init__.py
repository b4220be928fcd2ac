"""Adapters: one common interface (search, read, write...) over the API of another system.

A connector derives its adapters from :class:`XmlRpcAdapter`, :class:`RestAdapter`, or :class:`Adapter` for anything
else, and registers them on its reference. A failure is raised typed by what to do about it.
"""

from ..masking import MASK, Masker
from .adapter import Adapter
from .connection import Connection
from .errors import HTTP_ERRORS, TRANSPORT_ERRORS, CircuitOpenError, UnclearError
from .http_adapter import Answer, HttpAdapter
from .rest_adapter import RestAdapter
from .xmlrpc_adapter import XmlRpcAdapter

__all__ = [
    "HTTP_ERRORS",
    "MASK",
    "TRANSPORT_ERRORS",
    "Adapter",
    "Answer",
    "CircuitOpenError",
    "Connection",
    "HttpAdapter",
    "Masker",
    "RestAdapter",
    "UnclearError",
    "XmlRpcAdapter",
]
