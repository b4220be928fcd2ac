"""The buttons and the dialog of dry runs, and who may use them."""

from __future__ import annotations

from lxml import etree, html
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from ..mappings import ExportMapper
from ..models.preview import SHOWN_RECORDS
from .common import BrowserCase
from .preview_common import PreviewCase


@tagged("post_install", "-at_install", "transaction")
class TestButtons(PreviewCase):
    def setUp(self):
        super().setUp()
        self.user = new_test_user(self.env, "sees", "base.group_user,connector_framework.group_connector_user")
        groups = "base.group_user,base.group_partner_manager,connector_framework.group_connector_manager"
        self.manager = new_test_user(self.env, "repairs", groups)
        self.import_record("1")
        self.world.put("test.partner", 1, name="Anna & <Co>", email="ann@example.com")

    def text(self, action):
        """Return the text of the dialog that an action opens."""
        wizard = self.env[action["res_model"]].with_user(self.manager).browse(action["res_id"])
        [values] = wizard.read(["name", "note", "body"])
        return " ".join(html.fromstring(values["body"]).text_content().split()), values

    def test_import(self):
        """The button shows what changes, escaped, with its source."""
        action = self.binding(1).with_user(self.manager).action_preview_import()
        text, values = self.text(action)
        self.assertIn("Outcome: updated", text)
        self.assertIn("Name Ann → Anna & <Co> from name (PartnerImportMapper, connector_framework)", text)
        self.assertIn("Nothing.", text)
        self.assertNotIn("<Co>", values["body"])
        self.assertEqual(self.binding(1).name, "Ann")

    def test_export(self):
        """The button shows what is sent, one value a line."""
        text, _values = self.text(self.binding(1).with_user(self.manager).action_preview_export())
        self.assertIn("write 1", text)
        self.assertIn("name Ann", text)
        self.assertFalse(self.world.made("write"))

    def test_job(self):
        """The button of a job shows what its call does, as the user of the job."""
        job = self.partners.as_job().import_record(self.backend, "1", force=True)
        text, values = self.text(job.with_user(self.manager).action_preview())
        self.assertIn("Outcome: updated", text)
        self.assertFalse(values["note"])
        self.assertEqual((job.state, self.binding(1).name), ("pending", "Ann"))

    def test_job_of_a_chunk(self):
        """Of a chunk the first records are shown, and it is said how many."""
        ids = [str(number) for number in range(20, 20 + SHOWN_RECORDS + 3)]
        for external_id in ids:
            self.world.put("test.partner", external_id, name=f"No. {external_id}")
        job = self.partners.as_job().import_records(self.backend, ids)
        text, values = self.text(job.with_user(self.manager).action_preview())
        self.assertIn(f"{SHOWN_RECORDS} created", text)
        self.assertEqual(values["note"], f"This shows the first {SHOWN_RECORDS} of the {len(ids)} records of the job.")
        bindings = self.bind(name="A") + self.bind(name="B")
        for _number in range(SHOWN_RECORDS):
            bindings += self.bind(name="C")
        text, values = self.text(bindings.as_job().export_record().with_user(self.manager).action_preview())
        self.assertIn(f"{SHOWN_RECORDS} created", text)
        self.assertIn(f"first {SHOWN_RECORDS} of the {len(bindings)}", values["note"])

    def test_jobs_that_cannot(self):
        """A job of another model, and one whose records are gone, say why there is no dry run."""
        partner = self.env["res.partner"].create({"name": "Plain"})
        with self.assertRaisesRegex(UserError, "Only a job of a connector"):
            partner.as_job().write({"name": "x"}).with_user(self.manager).action_preview()
        binding = self.bind("77")
        job = binding.as_job().export_record()
        binding.unlink()
        with self.assertRaisesRegex(UserError, "do not exist any more"):
            job.with_user(self.manager).action_preview()

    def test_access(self):
        """Only a manager may, and only for what he may see: backends and jobs of his companies."""
        binding = self.binding(1)
        job = self.partners.as_job().import_record(self.backend, "1")
        for records, method in (
            (binding, "action_preview_import"),
            (binding, "action_preview_export"),
            (job, "action_preview"),
        ):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(records.with_user(self.user), method)()
        company = self.env["res.company"].create({"name": "Other"})
        self.env["ir.rule"].create(
            {
                "name": "companies",
                "model_id": self.env["ir.model"]._get("test.backend").id,
                "domain_force": "[('company_id', 'in', [False] + company_ids)]",
            }
        )
        self.backend.company_id = company
        with self.assertRaises(AccessError):
            binding.with_user(self.manager).action_preview_import()
        job = self.partners.with_company(company).as_job().import_record(self.backend, "1", force=True)
        with self.assertRaises(AccessError):
            job.with_user(self.manager).action_preview()
        self.assertFalse(self.world.made("create", "write"))
        with self.assertRaises(AccessError):
            self.env["connector.preview"].with_user(self.manager).create({"name": "x", "body": "<script/>"})

    def test_own(self):
        """Nobody sees what another one has tried out."""
        action = self.binding(1).with_user(self.manager).action_preview_import()
        groups = "base.group_user,connector_framework.group_connector_manager"
        other = new_test_user(self.env, "other_manager", groups)
        with self.assertRaises(AccessError):
            self.env["connector.preview"].with_user(other).browse(action["res_id"]).read(["body"])

    def test_forms(self):
        """The forms of bindings have the buttons for managers alone, as far as there is a mapper."""
        for user, expected in ((self.user, []), (self.manager, ["action_preview_import", "action_preview_export"])):
            for model, names in (("test.partner", expected), ("test.website", expected[:1])):
                arch = etree.fromstring(self.env[model].with_user(user).get_view(None, "form")["arch"])
                found = [node.get("name") for node in arch.xpath("/form/header/button")]
                self.assertEqual([name for name in found if "preview" in name], names)

    def test_export_mapper_alone(self):
        """A model that is only exported has the button of the export alone."""

        @self.register
        class AddressExportMapper(ExportMapper):
            _apply_on = "test.address"

        arch = etree.fromstring(self.env["test.address"].with_user(self.manager).get_view(None, "form")["arch"])
        names = [node.get("name") for node in arch.xpath("/form/header/button")]
        self.assertEqual(names, ["action_preview_export"])

    def test_not_there_yet(self):
        """A record that the other system does not have yet cannot be imported, and it is said."""
        with self.assertRaisesRegex(UserError, "not in the other system yet"):
            self.bind(name="New").with_user(self.manager).action_preview_import()


@tagged("post_install", "-at_install", "browser")
class TestDialog(PreviewCase, BrowserCase):
    browser_size = "400x800"
    touch_enabled = True

    def test_dialog(self):
        """On a phone the button of a job opens a dialog that shows all of it, no wider than the screen."""
        groups = "base.group_user,base.group_partner_manager,connector_framework.group_connector_manager"
        new_test_user(self.env, "repairs", groups, password="repairs_repairs")
        self.import_record("1")
        email = "a.very.long.address.that.goes.on.and.on.and.on.and.on.and.on@example.com"
        self.world.put("test.partner", 1, name="Anna", email=email)
        job = self.partners.as_job().import_record(self.backend, "1", force=True)
        self.run_js(
            f"/odoo/connector-jobs/{job.id}",
            """
            const button = "button[name=action_preview]", menu = ".o_statusbar_buttons .dropdown-toggle";
            await wait(`${button}, ${menu}`);
            if (!one(button)) { await click(menu); }
            await click(button);
            const shown = await wait(".modal .o_connector_preview");
            for (const text of ["updated", "Ann → Anna", "What is sent", "Nothing."]) {
                if (!shown.innerText.includes(text)) { throw new Error(`no ${text} in ${shown.innerText}`); }
            }
            const body = one(".modal .modal-body");
            if (body.scrollWidth > body.clientWidth) { throw new Error(`too wide: ${body.scrollWidth}`); }
            """,
            "repairs",
        )
        self.assertEqual(self.binding(1).name, "Ann")
