import { onWillDestroy } from "@odoo/owl";
import { browser } from "@web/core/browser/browser";
import { useService } from "@web/core/utils/hooks";

/** Milliseconds between two reloads, however often the queue changes. */
const PAUSE_MS = 2000;

/** Call a function when jobs have ended, while the page is seen. */
export function useQueueNews(reload) {
    const bus = useService("bus_service");
    let timer = null;
    const onNews = () => {
        if (timer === null) {
            timer = browser.setTimeout(() => {
                timer = null;
                if (document.visibilityState === "visible") {
                    reload();
                }
            }, PAUSE_MS);
        }
    };
    bus.subscribe("connector.queue", onNews);
    onWillDestroy(() => {
        bus.unsubscribe("connector.queue", onNews);
        browser.clearTimeout(timer);
    });
}
