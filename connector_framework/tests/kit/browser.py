"""A test in a real browser: JavaScript that uses Odoo's web client as a person does, who waits for what he sees."""

from __future__ import annotations

from odoo.tests import HttpCase

_HELPERS = """
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const one = (selector) => document.querySelector(selector);
    const all = (selector) => [...document.querySelectorAll(selector)];
    const until = async (what, find) => {
        const deadline = Date.now() + 30000;
        for (;;) {
            const found = find();
            if (found) { return found; }
            if (Date.now() > deadline) { throw new Error(`${what}: not there after 30 s`); }
            await sleep(50);
        }
    };
    let asked = 0;
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (...args) {
        asked++;
        this.addEventListener("loadend", () => asked--);
        return send.apply(this, args);
    };
    let changed = Date.now();
    new MutationObserver(() => { changed = Date.now(); }).observe(
        document.body, { childList: true, subtree: true, attributes: true, characterData: true }
    );
    const settled = (what) => {
        changed = Date.now();
        return until(`${what}: at rest`, () => !asked && Date.now() - changed > 200 && !one(".o_blockUI"));
    };
    const wait = (selector) => until(selector, () => one(selector));
    const waitText = (selector, text) => until(
        `${selector} with ${text}`, () => all(selector).find((found) => found.innerText.includes(text))
    );
    const click = async (selector, text = "") => {
        await waitText(selector, text);
        await settled(selector);
        (await waitText(selector, text)).click();
    };
    const type = async (selector, text) => {
        const input = await wait(selector);
        input.focus();
        input.value = text;
        input.dispatchEvent(new Event("input", { bubbles: true }));
        input.dispatchEvent(new Event("change", { bubbles: true }));
    };
"""


class BrowserCase(HttpCase):
    """Runs JavaScript on a page, which may await these, each for 30 s at most:

    - ``until(what, find)``: the first result of a function that is true; ``what`` is for the error
    - ``wait(selector)``, ``waitText(selector, text)``: an element, one whose text has a text in it
    - ``settled(what)``: for 200 ms, no request is under way and nothing on the page changes
    - ``click(selector, text)``: clicks an element that is there once the page has settled: a list that is loaded again
      forgets what was selected in it
    - ``type(selector, text)``: fills in an input
    - ``one(selector)``, ``all(selector)``, at once: the first element or null, and all of them
    """

    def run_js(self, path, code, login, timeout_s=120):
        """Run code on a page.

        :param path: such as ``/odoo/connector-jobs``
        :param code: statements of an async function
        :param login: of the user; the password is the same
        :raises AssertionError: when the code throws an error, or an error is logged to the browser's console
        """
        code = (
            f"(async () => {{ {_HELPERS} {code}; console.log('test successful'); }})()"
            ".catch((error) => console.error(error.message));"
        )
        try:
            self.browser_js(path, code, login=login, timeout=timeout_s)
        except AssertionError as failure:
            # Odoo's message begins with all of the code.
            raise AssertionError(str(failure).rpartition("failed\n\n")[2]) from None
