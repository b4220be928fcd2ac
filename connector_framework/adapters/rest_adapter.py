"""JSON over HTTP."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from typing import Any, ClassVar

from ..exceptions import ConnectorError, NetworkError, PermanentError
from .http_adapter import DETAIL_LENGTH, Answer, HttpAdapter

__all__ = ["RestAdapter"]


class RestAdapter(HttpAdapter):
    """An adapter over a REST API, or anything else that answers JSON."""

    #: Verbs whose success may come without a body; after any other one an empty body is a failure, unless the status
    #: says that there is none to come (201 to 205).
    _bodyless_verbs: ClassVar[frozenset[str]] = frozenset({"HEAD", "PUT", "PATCH", "DELETE"})

    def _request(self, verb: str, path: str, params: Any = None, json: Any = None) -> Any:
        """Send a request and return what the JSON of the answer says, None for an answer without a body."""
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
        request = (
            {"params": params, "json": json} if params and json is not None else json if json is not None else params
        )
        with self._outside_call(verb, f"{self._path}/{path.lstrip('/')}" if self._path else path, request) as call:
            answer = self._send(
                verb, url, call, params=params, json=json, headers={"Accept": "application/json", **(headers or {})}
            )
            call.response = answer.payload = self._load(answer, verb)
            call.is_answered = True
            error = self._payload_error(answer, verb, path)
            if error is not None:
                raise error
            return answer

    def _payload_error(self, answer: Answer, verb: str, path: str) -> ConnectorError | None:
        """Return the error that the body of a successful answer tells of, for APIs that answer 200 whatever happens."""
        return None

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
            problem = str(error)[:DETAIL_LENGTH]
        if problem is None:
            raise PermanentError(self._masked(f"{what}: the answer is nested too deeply"))
        if answer.is_html:
            raise NetworkError(self._masked(f"{what}: a web page came in place of JSON; check the URL"))
        raise NetworkError(self._masked(f"{what}: the answer cannot be read, or is truncated: {problem}"))
