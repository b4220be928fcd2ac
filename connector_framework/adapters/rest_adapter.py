"""JSON over HTTP."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from typing import Any, ClassVar

from ..exceptions import ConnectorError, NetworkError, PermanentError
from .http_adapter import Answer, HttpAdapter

__all__ = ["RestAdapter"]


class RestAdapter(HttpAdapter):
    """An adapter over a REST API, or anything else that answers JSON.

    Hooks, beside those of :class:`HttpAdapter`:

    =======================================  ===========================================================================
    ``_payload_error(answer, verb, path)``   called with each answer of a success; returns the exception that its
                                             payload tells of, for APIs that answer 200 whatever happens; default: None
    ``_is_api_answer(answer)``               default: True for a JSON object or list, and for a content type of JSON
    =======================================  ===========================================================================

    To call: ``_request(verb, path, params, json)`` for the payload, ``_fetch(...)`` for the whole answer.
    """

    #: Verbs whose success may come without a body; after any other one an empty body is a failure, unless the status
    #: says that there is none to come (201 to 205).
    _bodyless_verbs: ClassVar[frozenset[str]] = frozenset({"HEAD", "PUT", "PATCH", "DELETE"})

    def _request(self, verb: str, path: str, params: Any = None, json: Any = None) -> Any:
        """Send a request and return the payload of the answer, None for an answer without a body."""
        return self._fetch(verb, path, params, json).payload

    def _fetch(
        self, verb: str, path: str, params: Any = None, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and return the whole answer, for APIs that page by a header (``Link``).

        :param path: below the backend's URL and ``_path``
        :param params: the query
        :param json: the body
        """
        url = self._endpoint(path)
        shown = f"{self._path}/{path.lstrip('/')}" if self._path else path
        sent = {name: value for name, value in (("params", params or None), ("json", json)) if value is not None}
        request = sent if len(sent) > 1 else next(iter(sent.values()), None)
        headers = {"Accept": "application/json", **(headers or {})}
        with self._outside_call(verb, shown, request) as call:
            answer = self._send(verb, url, call, params=params, json=json, headers=headers)
            call.response = answer.payload = self._load(answer, verb)
            call.is_answered = True
            error = self._payload_error(answer, verb, path)
            if error is not None:
                raise error
            return answer

    def _payload_error(self, answer: Answer, verb: str, path: str) -> ConnectorError | None:
        return None

    def _is_api_answer(self, answer: Answer) -> bool:
        content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if content_type.endswith(("/json", "+json")):
            return not answer.is_html
        try:
            return isinstance(jsonlib.loads(answer.body), dict | list)
        except (ValueError, RecursionError):
            return False

    def _load(self, answer: Answer, verb: str) -> Any:
        what = f"{verb} {answer.url}"
        if not answer.body.strip():
            if verb.upper() in self._bodyless_verbs or 201 <= answer.status <= 205:
                return None
            raise NetworkError(self._masked(f"{what}: the answer is empty"))
        try:
            return jsonlib.loads(answer.body)
        except RecursionError:
            problem = None
        except ValueError as error:
            problem = str(error)
        # Raised out here: the chained exception would take the body and its secrets into the traceback.
        if problem is None:
            raise PermanentError(self._masked(f"{what}: the answer is nested too deeply"))
        raise self._unreadable(answer, what, problem, (b"{", b"[", b'"'))
