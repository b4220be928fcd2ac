"""XML-RPC."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lxml import etree

from ..exceptions import ConnectorError, NetworkError, PermanentError
from ..masking import MASK
from .errors import TRANSIENT_TEXTS, make_error
from .http_adapter import DETAIL_LENGTH, Answer, HttpAdapter

__all__ = ["XmlRpcAdapter"]

# What XML 1.0 cannot carry, in the request; many servers send it nevertheless, in the answer (bytes of UTF-8).
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_XML_BYTES = bytes(set(range(0x20)) - set(b"\t\r\n"))


class XmlRpcAdapter(HttpAdapter):
    """An adapter over XML-RPC.

    Values are Python's own: ``nil`` is None, ``base64`` is bytes, ``dateTime.iso8601`` a naive datetime. Any HTTP
    status but a success is a failure of the way to the API, 404 and 410 too: a missing record is told by a fault.

    Hooks, beside those of :class:`HttpAdapter`:

    =======================================  ==========================================================================
    ``_call_label(method, params)``          called for each call; returns the method that an exchange and an error
                                             show; default: ``method``
    ``_fault_resource(method, params)``      called for a fault; returns the resource that its code belongs to, where
                                             the same code means different things; default: None
    ``_fault_error(fault, method, params)``  called for a fault; returns the exception; default: by ``_fault_errors``
    ``_is_transient(fault, method, params)`` called for a fault that would be a ``PermanentError``; True if it passes by
                                             itself: ``NetworkError``; default: by ``_transient_texts``
    ``_load(answer, method)``                called with each answer, to extend; returns its result, raises
                                             ``xmlrpc.client.Fault``
    =======================================  ==========================================================================

    To call: ``_call(method, *params, path="")``.
    """

    #: Fault code, or (resource, fault code) where :meth:`_fault_resource` tells resources apart -> exception type.
    #: Other codes are :class:`PermanentError`.
    _fault_errors: ClassVar[Mapping[Any, type[ConnectorError]]] = {}

    #: Parts of the text of a fault that passes by itself.
    _transient_texts: ClassVar[Sequence[str]] = TRANSIENT_TEXTS

    #: Methods whose result is a secret itself, a session id: it is masked everywhere.
    _secret_results: ClassVar[frozenset[str]] = frozenset({"login"})

    def _call(self, method: str, *params: Any, path: str = "") -> Any:
        """Call a remote procedure and return its result.

        :param path: below the backend's URL and ``_path``, where the API has several endpoints
        :raises PermanentError: for a fault that ``_fault_errors`` does not name, and for what XML-RPC cannot carry
        """
        body, url = self._dump(method, params), self._endpoint(path)
        shown = f"{self._path.rstrip('/')}/{path}" if path else self._path
        headers = {"Content-Type": "text/xml", "Accept": "text/xml"}
        is_secret = method in self._secret_results
        with self._outside_call(self._call_label(method, params), shown, params) as call:
            answer = self._send("POST", url, call, data=body, headers=headers)
            if is_secret:
                call.response = MASK
            fault = None
            try:
                answer.payload = self._load(answer, method)
            except xmlrpc.client.Fault as error:
                fault = error
            call.is_answered = True
            # Raised out here: the chained exception would take the fault's text and its secrets into the traceback.
            if fault is not None:
                call.status = f"fault {fault.faultCode}"
                raise self._fault_error(fault, method, params)
            if not is_secret:
                call.response = answer.payload
            elif isinstance(answer.payload, str):
                self._keep_secret(answer.payload)
            return answer.payload

    def _call_label(self, method: str, params: tuple[Any, ...]) -> str:
        return method

    def _only_reads(self, method: str, path: str, request: Any) -> bool | None:
        return True if method in self._secret_results else None

    def _fault_resource(self, method: str, params: tuple[Any, ...]) -> str | None:
        return None

    def _fault_error(self, fault: xmlrpc.client.Fault, method: str, params: tuple[Any, ...]) -> ConnectorError:
        resource = self._fault_resource(method, params)
        code = fault.faultCode
        error_type = self._fault_errors.get((resource, code)) or self._fault_errors.get(code, PermanentError)
        if error_type is PermanentError and self._is_transient(fault, method, params):
            error_type = NetworkError
        text = str(fault.faultString)[:DETAIL_LENGTH]
        return make_error(error_type, self._masked(f"{self._call_label(method, params)}: fault {code}: {text}"))

    def _is_transient(self, fault: xmlrpc.client.Fault, method: str, params: tuple[Any, ...]) -> bool:
        return any(text in str(fault.faultString) for text in self._transient_texts)

    def _dump(self, method: str, params: tuple[Any, ...]) -> bytes:
        try:
            text = xmlrpc.client.dumps(params, method, allow_none=True)
        except (TypeError, OverflowError) as error:
            raise PermanentError(f"{method}: XML-RPC cannot carry the parameters: {error}") from error
        return _NOT_XML.sub("", text).encode()

    def _load(self, answer: Answer, method: str) -> Any:
        what = f"{method} at {answer.url}"
        if not answer.body.strip():
            raise NetworkError(self._masked(f"{what}: the answer is empty"))
        try:
            return _parse(answer.body)
        except xmlrpc.client.Fault:
            raise
        except _DoctypeError:
            problem = None
        except (etree.XMLSyntaxError, xmlrpc.client.ResponseError, ValueError, TypeError, IndexError) as error:
            problem = str(error) or "not an XML-RPC response"
        if problem is None and not answer.is_html:
            raise PermanentError(
                self._masked(f"{what}: the answer has a document type, which is not read; check the URL")
            )
        raise self._unreadable(answer, what, problem or "", (b"<?xml", b"<methodresponse"))


class _DoctypeError(Exception):
    pass


class _Target:
    """Feeds lxml's events to the standard library's unmarshaller, and refuses a DTD."""

    def __init__(self) -> None:
        self._unmarshaller = xmlrpc.client.Unmarshaller(use_builtin_types=True)
        self._unmarshaller.xml(None, None)  # type: ignore[arg-type]  # lxml hands over text, not bytes

    def start(self, tag: str, attributes: Any) -> None:
        self._unmarshaller.start(etree.QName(tag).localname, attributes)

    def data(self, text: str) -> None:
        self._unmarshaller.data(text)

    def end(self, tag: str) -> None:
        self._unmarshaller.end(etree.QName(tag).localname)

    def doctype(self, name: str, public_id: str | None, system_url: str | None) -> None:
        raise _DoctypeError(name)

    def close(self) -> xmlrpc.client.Unmarshaller:
        return self._unmarshaller


def _parse(body: bytes) -> Any:
    parser = etree.XMLParser(target=_Target(), resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    if b"\x00" not in body[:4]:  # not UTF-16
        body = body.translate(None, _NOT_XML_BYTES)
    result = etree.fromstring(body.strip(), parser).close()
    return result[0] if len(result) == 1 else result or None
