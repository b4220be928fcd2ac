"""Ask a running Odoo as a browser does: log in, then call methods by the web client's own routes."""

from __future__ import annotations

import http.cookiejar
import json
import urllib.error
import urllib.request

from console import Failure


class WebClient:
    """A session with Odoo."""

    def __init__(self, url: str, database: str, timeout_s: float = 300) -> None:
        self.url = url
        self.database = database
        self.timeout_s = timeout_s
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            # A proxy of the user's has no business between two processes of this machine.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self._cookies),
        )

    def _post(self, path: str, params: dict) -> object:
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": params}).encode()
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        try:
            answer = json.load(self._opener.open(request, timeout=self.timeout_s))
        except (OSError, ValueError) as error:
            raise Failure(f"Odoo at {self.url} does not answer {path} ({error}): see its log") from None
        if "error" in answer:
            data = answer["error"].get("data") or {}
            raise Failure(f"Odoo refused {path}: {data.get('message') or answer['error'].get('message')}")
        return answer.get("result")

    def is_up(self) -> bool:
        """Tell whether the server answers already."""
        try:
            with self._opener.open(f"{self.url}/web/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def cookies(self) -> dict[str, str]:
        """Return the cookies of the session, by name: a browser that has them is logged in."""
        return {cookie.name: cookie.value or "" for cookie in self._cookies}

    def log_in(self, login: str, password: str) -> None:
        """Open a session. :raises Failure: when Odoo refuses."""
        self._post("/web/session/authenticate", {"db": self.database, "login": login, "password": password})

    def call(self, model: str, method: str, *arguments: object, **options: object) -> object:
        """Call a public method of a model; the first argument of a record's method is the list of ids."""
        params = {"model": model, "method": method, "args": arguments, "kwargs": options}
        return self._post(f"/web/dataset/call_kw/{model}/{method}", params)
