"""The dashboard: a card for each backend, with what keeps it from being well."""

from __future__ import annotations

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError

from ..groups import MANAGER_GROUP, USER_GROUP
from ..monitoring import troubles
from ..monitoring.backends import stream_states
from ..queue.sql import metrics
from ..text import model_label

#: Days of the graph.
DAYS = 7


class ConnectorDashboard(models.AbstractModel):
    _name = "connector.dashboard"
    _description = "Dashboard of Connectors"

    @api.model
    def action_read(self):
        """Return what the dashboard shows to this user, as JSON values.

        ``{"cards": [card], "troubles": [trouble], "counted": int, "may_repair": bool}``; a card has the state of a
        backend, its troubles, streams, jobs by state and incidents. Troubles that are of no backend stand beside.
        """
        self._check()
        system = self.env(user=SUPERUSER_ID, context={"lang": self.env.lang or "en_US"})
        self.env.flush_all()
        found = troubles(system)
        backends = self.env["connector.backend.mixin"]._all_active()
        keys = {(backend._name, backend.id) for backend in backends}
        jobs = self._jobs_by_channel()
        incidents = self._open_incidents()
        compared = self._last_compared()
        streams = {}
        for stream in stream_states(system):
            streams.setdefault((stream.backend._name, stream.backend.id), []).append(stream)
        return {
            "cards": [
                self._card(
                    backend,
                    [one for one in found if one.backend and (one.backend._name, one.backend.id) == key],
                    streams.get(key, []),
                    jobs,
                    incidents.get(key, 0),
                    compared.get(key),
                )
                for backend in backends
                for key in [(backend._name, backend.id)]
            ],
            "troubles": [
                self._trouble(one)
                for one in found
                if not one.backend or ((one.backend._name, one.backend.id) not in keys and self.env.su)
            ],
            "other_incidents": sum(count for key, count in incidents.items() if key not in keys),
            "counted": metrics.COUNTED,
            "may_repair": self.env.user.has_group(MANAGER_GROUP),
        }

    @api.model
    def action_read_days(self):
        """Return the ended jobs of the last days: ``{"model,id" of a backend: [{"day", "done", "failed"}]}``.

        Apart from the rest, as it reads all jobs of these days.
        """
        self._check()
        rows = self.env.execute_query(metrics.ended_by_day(DAYS))
        days = sorted({day for _channel, day, _done, _failed in rows})
        answer = {}
        for backend in self.env["connector.backend.mixin"]._all_active():
            path = f"{backend.sudo().channel_id.name}."
            by_day = {day: [0, 0] for day in days}
            for channel, day, done, failed in rows:
                if backend.channel_id and f"{channel}.".startswith(path):
                    by_day[day][0] += done
                    by_day[day][1] += failed
            answer[f"{backend._name},{backend.id}"] = [
                {"day": day.isoformat(), "done": done, "failed": failed} for day, (done, failed) in by_day.items()
            ]
        return answer

    def _check(self):
        if not self.env.su and not self.env.user.has_group(USER_GROUP):
            raise AccessError(self.env._("The dashboard is for Connector Users."))

    def _jobs_by_channel(self):
        """Return the jobs by path of their channel, with a dot behind it, and state."""
        counts = {}
        for state, channel, count in self.env.execute_query(metrics.live_jobs()):
            counts.setdefault(f"{channel}.", {})[state] = count
        return counts

    def _open_incidents(self):
        groups = self.env["connector.incident"]._read_group(
            [("state", "=", "open")], ["backend_model", "backend_id"], ["__count"]
        )
        return {(model, backend_id): count for model, backend_id, count in groups}

    def _last_compared(self):
        """Return by backend when it was compared last, and how many lines are open of each model's last comparison."""
        comparisons = self.env["connector.comparison"].search(
            [("state", "=", "done")], order="date_done desc", limit=200
        )
        answer, seen = {}, set()
        for one in comparisons:
            key = (one.backend_model, one.backend_id)
            if (key, one.model_name) in seen:
                continue
            seen.add((key, one.model_name))
            at = fields.Datetime.to_string(one.date_done)
            told = answer.setdefault(key, {"at": at, "open": 0, "id": one.id})
            told["open"] += one.count_open
        return answer

    def _card(self, backend, found, streams, jobs, incidents, compared):
        channel = backend.sudo().channel_id
        path = f"{channel.name}." if channel else None
        own = [counts for name, counts in jobs.items() if path and name.startswith(path)]
        return {
            "model": backend._name,
            "id": backend.id,
            "name": backend.display_name,
            "service": backend._service,
            "connection": backend.state,
            "connection_label": dict(backend._fields["state"]._description_selection(self.env))[backend.state],
            "level": "danger" if found else "muted" if backend.state == "draft" else "success",
            "troubles": [self._trouble(one) for one in found],
            "streams": [
                {
                    "name": model_label(self.env, stream.name),
                    "lag_s": stream.lag_s,
                    "max_age_s": stream.max_age_s,
                    "is_late": 0 < stream.max_age_s < stream.lag_s,
                }
                for stream in streams
            ],
            "jobs": {
                state: sum(counts.get(state, 0) for counts in own)
                for state in ("waiting", "pending", "running", "failed")
            },
            "incidents": incidents,
            "compared": compared or False,
            "paused": channel.paused,
            "channel": channel.id,
        }

    def _trouble(self, trouble):
        model, record_id = trouble.target or (False, False)
        is_shown = model and model in self.env and self.env[model].has_access("read")
        return {
            "code": trouble.code,
            "message": trouble.message,
            "step": trouble.step,
            "target": {"model": model, "id": record_id} if is_shown else False,
        }
