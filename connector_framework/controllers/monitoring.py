"""``/connector/metrics`` and ``/connector/health``: what a monitoring system reads."""

from __future__ import annotations

import hmac
import json
from functools import wraps

from odoo import SUPERUSER_ID, http
from odoo.http import Response, request

from ..monitoring import CONTENT_TYPE, metrics_text, troubles
from ..settings import metrics_token

_NOT_STORED = ("Cache-Control", "no-store")


def with_token(method):
    """Answer 404 where there is no token or no database, and 401 to who does not know the token."""

    @wraps(method)
    def guarded(self, **params):
        token = metrics_token()
        if not token or not request.db:
            return Response("Not found\n", status=404, mimetype="text/plain")
        scheme, _, given = request.httprequest.headers.get("Authorization", "").partition(" ")
        # A header's text is its bytes in Latin-1 (PEP 3333).
        is_known = hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.encode())
        if scheme.lower() != "bearer" or not is_known:
            headers = [("WWW-Authenticate", 'Bearer realm="connector"'), _NOT_STORED]
            return Response(
                "The bearer token is missing or wrong\n", status=401, mimetype="text/plain", headers=headers
            )
        return method(self, request.env(user=SUPERUSER_ID, su=True))

    return guarded


class MonitoringController(http.Controller):
    # Of the primary database: a replica's heartbeats may be late.
    _route = {"type": "http", "auth": "none", "methods": ["GET"], "save_session": False, "readonly": False}

    @http.route("/connector/metrics", **_route)
    @with_token
    def metrics(self, env):
        return Response(metrics_text(env), headers=[("Content-Type", CONTENT_TYPE), _NOT_STORED])

    @http.route("/connector/health", **_route)
    @with_token
    def health(self, env):
        found = troubles(env)
        reasons = [trouble.as_json() for trouble in found]
        answer = {"status": "trouble", "reasons": reasons} if found else {"status": "ok"}
        return Response(
            json.dumps(answer, ensure_ascii=False),
            status=503 if found else 200,
            headers=[("Content-Type", "application/json"), _NOT_STORED],
        )
