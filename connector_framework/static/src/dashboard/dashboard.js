import { Component, onMounted, onWillStart, useState } from "@odoo/owl";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { useQueueNews } from "../queue_news";

/** A card for each backend: is it well, how far is it behind, what failed, what to do. */
export class ConnectorDashboard extends Component {
    static template = "connector_framework.Dashboard";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.display = { controlPanel: {} };
        this.state = useState({ data: null, days: {} });
        onWillStart(() => this.load());
        // The graph reads all jobs of a week: the cards do not wait for it.
        onMounted(() => this.loadDays());
        useQueueNews(() => this.load());
    }

    async load() {
        this.state.data = await this.orm.call("connector.dashboard", "action_read", []);
    }

    async loadDays() {
        this.state.days = await this.orm.call("connector.dashboard", "action_read_days", []);
    }

    key(card) {
        return `${card.model},${card.id}`;
    }

    /** A count that PostgreSQL has stopped at its bound is "1 000+". */
    count(number) {
        return number >= this.state.data.counted ? `${this.state.data.counted}+` : `${number}`;
    }

    duration(seconds) {
        if (seconds < 120) {
            return _t("%s s", seconds);
        }
        if (seconds < 7200) {
            return _t("%s min", Math.round(seconds / 60));
        }
        return seconds < 172800 ? _t("%s h", Math.round(seconds / 3600)) : _t("%s days", Math.round(seconds / 86400));
    }

    freshness(stream) {
        const behind = this.duration(stream.lag_s);
        return stream.max_age_s
            ? _t("%(behind)s behind, limit %(limit)s", { behind, limit: this.duration(stream.max_age_s) })
            : _t("%s behind", behind);
    }

    compared(card) {
        const at = deserializeDateTime(card.compared.at).toRelative();
        return card.compared.open
            ? _t("%(when)s, %(count)s out of step", { when: at, count: card.compared.open })
            : _t("%s, all in step", at);
    }

    bars(card) {
        const days = this.state.days[this.key(card)] || [];
        const most = Math.max(1, ...days.map((day) => day.done + day.failed));
        return days.map((day) => ({
            ...day,
            done_px: Math.ceil((day.done / most) * 32),
            failed_px: Math.ceil((day.failed / most) * 32),
            label: _t("%(day)s: %(done)s done, %(failed)s failed", day),
        }));
    }

    open(model, id) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: model,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    openJobs(card, state) {
        return this.action.doAction("connector_framework.action_connector_job", {
            additionalContext: {
                [`search_default_${state}`]: 1,
                search_default_attention: 0,
                search_default_backend_name: card.name,
            },
        });
    }

    openIncidents(card) {
        return this.action.doAction("connector_framework.action_connector_incident", {
            additionalContext: card ? { search_default_open: 1, search_default_backend_name: card.name } : {},
        });
    }

    /** Run an action method of the backend, and what it returns. */
    async run(card, method) {
        const result = await this.orm.call(card.model, method, [[card.id]]);
        if (result && result.type) {
            const next = { ...result, params: { ...result.params, next: undefined } };
            await this.action.doAction(next);
        }
        await this.load();
    }

    async pause(card) {
        await this.orm.call("connector.job.channel", card.paused ? "action_resume" : "action_pause", [[card.channel]]);
        this.notification.add(
            card.paused ? _t("The jobs of %s go on.", card.name) : _t("No job of %s is started any more.", card.name),
            { type: "success" }
        );
        await this.load();
    }
}

registry.category("actions").add("connector_framework.dashboard", ConnectorDashboard);
