"""What the tests of events share."""

from __future__ import annotations

from odoo.tests import TransactionCase

from ..events import on_record_change, on_record_create, on_record_unlink, on_record_write


class EventCase(TransactionCase):
    """Consumers that are gone after the test, and that write down what they are called with; there are no others.

    The connectors that are installed listen too, and would have more collected than a test expects.
    """

    def setUp(self):
        super().setUp()
        self.env.cr.flush()
        for event in (on_record_create, on_record_write, on_record_unlink, on_record_change):
            self.addCleanup(event.replace_all, event.subscriptions)
            event.replace_all(())

    def listen(self, event, models=None, **options):
        """Subscribe a consumer that appends (records, payload) to the list that is returned."""
        calls = []

        def consumer(records, **payload):
            calls.append((records, next(iter(payload.values()), None)))

        self.subscribe(event, consumer, models, **options)
        return calls

    def subscribe(self, event, consumer, models=None, **options):
        event.subscribe(consumer, models, **options)
        self.addCleanup(event.unsubscribe, consumer)

    def changes(self, models, **options):
        """Listen to changes; return a function that delivers, and returns what came since it was called last."""
        calls = self.listen(on_record_change, models, **options)

        def delivered():
            self.env.cr.flush()
            found = [(records, set(fields)) for records, fields in calls]
            calls.clear()
            return found

        delivered()
        return delivered
