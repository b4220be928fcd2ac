import { onWillStart, onWillUpdateProps, useState } from "@odoo/owl";
import { serializeDateTime } from "@web/core/l10n/dates";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { listView } from "@web/views/list/list_view";
import { ListController } from "@web/views/list/list_controller";
import { useQueueNews } from "../queue_news";

const { DateTime } = luxon;

/** Seconds without a sign of life after which no worker counts as alive, as for the scheduled action. */
const DEAD_AFTER_S = 60;

/** The list of jobs, with a banner when jobs are due and no worker lives. */
export class JobListController extends ListController {
    static template = "connector_framework.JobListView";

    setup() {
        super.setup();
        this.orm = useService("orm");
        this.queue = useState({ abandoned: false });
        onWillStart(() => this.look());
        onWillUpdateProps(() => this.look());
        useQueueNews(() => this.reload());
    }

    /** Show what has changed, unless the user is at something. */
    async reload() {
        if (!this.model.root.selection.length && !this.model.root.editedRecord) {
            await Promise.all([this.model.root.load(), this.look()]);
        }
    }

    async look() {
        if (!(await user.hasGroup("connector_framework.group_connector_user"))) {
            return; // a list of one's own jobs
        }
        const lately = serializeDateTime(DateTime.utc().minus({ seconds: DEAD_AFTER_S }));
        const [due, alive] = await Promise.all([
            this.orm.searchCount("connector.job", [["state", "=", "pending"], ["hold", "=", false]], { limit: 1 }),
            this.orm.searchCount("connector.worker", [["last_seen", ">", lately]], { limit: 1 }),
        ]);
        this.queue.abandoned = Boolean(due && !alive);
    }
}

registry.category("views").add("connector_job_list", { ...listView, Controller: JobListController });
