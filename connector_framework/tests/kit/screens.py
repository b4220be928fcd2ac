"""Every screen of an addon in a real browser: does it open for a role, without errors and barriers?"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from .browser import BrowserCase

#: Parts of Odoo's own web client that break rules on any screen of Odoo.
WEB_CLIENT = (
    ".o_control_panel",
    ".o_list_record_selector",
    ".o_optional_columns_dropdown",
    ".o_list_actions_header",
    ".o_notebook_headers",
    ".o-checkbox",
    ".o-dropdown",
    ".o-autocomplete--input",
    ".o_field_kanban_activity",
    ".o_field_list_activity",
    ".o_field_progressbar",
    ".o-mail-Form-chatter",
    ".badge",
)

_CHECK = """
    const found = [];
    const check = async (what) => {
        await settled(what);
        const error = one(".o_error_dialog, .o_notification_bar.bg-danger");
        if (error) { throw new Error(`${what}: ${error.innerText}`); }
        const context = { include: [".o_action_manager"], exclude: WEB_CLIENT.map((part) => [part]) };
        const result = await axe.run(context, { runOnly: ["wcag2a", "wcag2aa"] });
        for (const rule of result.violations) {
            for (const node of rule.nodes) {
                found.push(`${what}: ${rule.id}, ${rule.help}: ${node.html.slice(0, 300)}`);
            }
        }
    };
    document.head.append(Object.assign(document.createElement("script"), { src: AXE }));
    await until("axe", () => window.axe);
    await until("web client", () => one(".o_main_navbar") && odoo.__WOWL_DEBUG__);
    const actions = odoo.__WOWL_DEBUG__.root.env.services.action;
    for (const [name, action] of MENUS) {
        await actions.doAction(action, { clearBreadcrumbs: true });
        await check(name);
        const row = one(".o_data_row td.o_data_cell, .o_kanban_record:not(.o_kanban_ghost)");
        if (row && one(".o_list_view, .o_kanban_view")) {
            row.click();
            await settled(name);
            if (one(".o_form_view")) { await check(`${name}, a record`); }
        }
    }
    if (found.length) { throw new Error(`barriers:\\n${found.join("\\n")}`); }
"""


class ScreensCase(BrowserCase):
    """Opens the menus of an addon as a user: each list, and its first record.

    A test fails for an error in the browser's console, an error dialog, and what axe-core finds against WCAG 2 A, AA.
    Needs ``axe-playwright-python``, whose copy of axe-core it uses.
    """

    def check_screens(self, login, root, timeout_s=180):
        """Open all menus below one.

        :param login: of the user; the password is the same
        :param root: external id of a menu
        :raises AssertionError: with all that was found
        """
        user = self.env["res.users"].search([("login", "=", login)])
        menus = self.env["ir.ui.menu"].with_user(user).load_web_menus(False)
        seen = list(_below(menus, self.env.ref(root).id))
        self.assertTrue(seen, f"{login} sees no menu below {root}")
        package = Path(importlib.util.find_spec("axe_playwright_python").origin).parent
        source = (package / "axe.min.js").read_bytes()
        axe = self.env["ir.attachment"].create(
            {"name": "axe.js", "raw": source, "mimetype": "text/javascript", "public": True}
        )
        constants = {"MENUS": seen, "WEB_CLIENT": WEB_CLIENT, "AXE": f"/web/content/{axe.id}"}
        code = "".join(f"const {name} = {json.dumps(value)};" for name, value in constants.items()) + _CHECK
        self.run_js(f"/odoo/action-{seen[0][1]}", code, login, timeout_s)


def _below(menus, menu_id):
    """Yield the name and the action of each menu below one, in their order."""
    for child in menus[menu_id]["children"]:
        if menus[child]["actionID"] and not menus[child]["children"]:
            yield menus[child]["name"], menus[child]["actionID"]
        yield from _below(menus, child)
