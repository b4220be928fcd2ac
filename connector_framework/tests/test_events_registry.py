"""Who listens to an event, in which order, and where."""

from __future__ import annotations

import ast
import functools
import threading
from pathlib import Path
from types import SimpleNamespace

from odoo.tests import BaseCase, tagged

from ..events import Event, describe, on_record_change, on_record_create, on_record_unlink, on_record_write


class Registry:
    """What stands for Odoo's: the installed addons, and models with their class attributes."""

    def __init__(self, *installed, **models):
        self._init_modules = {"connector_framework", *installed}
        self.models = {name.replace("__", "."): model for name, model in models.items()}


def environment(*installed, **models):
    return SimpleNamespace(registry=Registry(*installed, **models))


def consumer_of(addon, calls=None, name="consumer"):
    """Return a consumer that an addon defines."""

    def consumer(records, **payload):
        if calls is not None:
            calls.append((name, records, payload))

    consumer.__module__ = f"odoo.addons.{addon}.models.any"
    consumer.__qualname__ = name
    return consumer


@tagged("post_install", "-at_install", "plain")
class TestEventRegistry(BaseCase):
    def setUp(self):
        super().setUp()
        self.event = Event("on_test")
        self.write = type(on_record_write)("on_test_write", fields_key="vals")
        self.database = environment()
        self.calls = []
        for event in (self.event, self.write):
            self.addCleanup(Event.instances.discard, event)

    def consumer(self, name="consumer", addon="connector_framework"):
        return consumer_of(addon, self.calls, name)

    def fire(self, model_name="a.model", event=None, env=None, **payload):
        """Fire, and return the names of the consumers that ran."""
        self.calls.clear()
        records = SimpleNamespace(env=env or self.database, _name=model_name)
        (event or self.event).fire(records, **payload)
        return [name for name, _records, _payload in self.calls]

    # -- subscribe --

    def test_subscribe_returns_the_consumer(self):
        """``subscribe`` returns the consumer, so that it can be a decorator."""
        consumer = self.consumer()
        self.assertIs(self.event.subscribe(consumer, "a.model"), consumer)

    def test_models(self):
        """``models`` is a name, an iterable of names, or None for every model."""
        self.event.subscribe(self.consumer("one"), "a.model")
        self.event.subscribe(self.consumer("two"), iter(["a.model", "b.model"]))
        self.event.subscribe(self.consumer("all"))
        self.assertEqual(self.fire("a.model"), ["one", "two", "all"])
        self.assertEqual(self.fire("b.model"), ["two", "all"])
        self.assertEqual(self.fire("c.model"), ["all"])

    def test_again_with_other_models(self):
        """Subscribing again with other models adds them, in the old place."""
        consumer = self.consumer("first")
        self.event.subscribe(consumer, "a.model")
        self.event.subscribe(self.consumer("second"), ["a.model", "b.model"])
        self.event.subscribe(consumer, "b.model")
        self.assertEqual(self.fire("a.model"), ["first", "second"])
        self.assertEqual(self.fire("b.model"), ["first", "second"])

    def test_the_same_again(self):
        """The same subscription again changes nothing: one call, and what was looked up stays."""
        consumer = self.consumer()
        self.write.subscribe(consumer, "a.model", fields=["name"])
        generation = Event.generation
        self.write.subscribe(consumer, "a.model", fields=["name"])
        self.assertEqual(Event.generation, generation)
        self.assertEqual(self.fire(event=self.write, vals={"name": 1}), ["consumer"])

    def test_again_with_other_fields(self):
        """Subscribing a model again with other fields adds them; without fields it is any field."""
        consumer = self.consumer()
        self.write.subscribe(consumer, "a.model", fields="name")
        self.write.subscribe(consumer, "a.model", fields="ref")
        self.assertEqual(self.fire(event=self.write, vals={"name": 1}), ["consumer"])
        self.assertEqual(self.fire(event=self.write, vals={"ref": 1}), ["consumer"])
        self.assertEqual(self.fire(event=self.write, vals={"phone": 1}), [])
        self.write.subscribe(consumer, "a.model")
        self.assertEqual(self.fire(event=self.write, vals={"phone": 1}), ["consumer"])

    def test_fields_by_model(self):
        """The fields belong to the models that they were subscribed with."""
        consumer = self.consumer()
        self.write.subscribe(consumer, "a.model", fields="name")
        self.write.subscribe(consumer, "b.model", fields="ref")
        self.assertEqual(self.fire("a.model", self.write, vals={"ref": 1}), [])
        self.assertEqual(self.fire("b.model", self.write, vals={"ref": 1}), ["consumer"])

    def test_fields_where_there_are_none(self):
        """``fields`` on an event without changed fields is a ValueError that names event and consumer."""
        for event in (self.event, on_record_create, on_record_unlink):
            with self.assertRaisesRegex(ValueError, rf"{event.name}.*my_consumer"):
                event.subscribe(self.consumer("my_consumer"), "a.model", fields=["name"])

    def test_fields_where_there_are_some(self):
        """``fields`` is taken by the events of write and change."""
        for event in (on_record_write, on_record_change):
            consumer = event.subscribe(self.consumer(), "no.such.model", fields=["name"])
            self.addCleanup(event.unsubscribe, consumer)
            self.assertTrue(event.has_consumers(self.database, "no.such.model"))

    def test_nonsense(self):
        """What cannot be called, what is not a name, and an empty list of names are refused."""
        with self.assertRaises(TypeError):
            self.event.subscribe("consumer", "a.model")
        with self.assertRaises(TypeError):
            self.event.subscribe(self.consumer(), [1])
        with self.assertRaises(ValueError):
            self.event.subscribe(self.consumer(), [])
        self.assertFalse(self.event.has_consumers(self.database, "a.model"))

    # -- decorators --

    def test_bare_decorator(self):
        """``@event`` subscribes a function to every model and leaves it a function."""

        @self.event
        def consumer(records):
            """Its own docstring."""

        self.assertEqual(consumer.__doc__, "Its own docstring.")
        self.assertEqual(self.event.consumers(self.database, "any.model"), [consumer])

    def test_decorator_with_models(self):
        """``@event("a.model", "b.model")`` subscribes a function to these."""

        @self.event("a.model", "b.model")
        def consumer(records): ...

        self.assertEqual(self.event.consumers(self.database, "b.model"), [consumer])
        self.assertEqual(self.event.consumers(self.database, "c.model"), [])

    def test_decorator_with_options(self):
        """``@event(..., fields=..., replacing=...)`` passes both on."""
        old = self.write.subscribe(self.consumer("old"), "a.model")

        @self.write(fields=["name"], replacing=old)
        def consumer(records, vals):
            self.calls.append(("new", records, vals))

        self.assertEqual(self.fire(event=self.write, vals={"name": 1}), ["new"])
        self.assertEqual(self.fire(event=self.write, vals={"ref": 1}), [])

    def test_stacked_decorators(self):
        """One function may consume several events."""

        @self.event("a.model")
        @self.write("a.model")
        def consumer(records, **payload): ...

        self.assertTrue(
            self.event.has_consumers(self.database, "a.model") and self.write.has_consumers(self.database, "a.model")
        )

    # -- unsubscribe --

    def test_unsubscribe(self):
        """``unsubscribe`` takes a consumer off, for some models or for all."""
        consumer = self.event.subscribe(self.consumer(), ["a.model", "b.model", "c.model"])
        self.event.unsubscribe(consumer, "a.model")
        self.assertEqual([self.fire(name) for name in ("a.model", "b.model")], [[], ["consumer"]])
        self.event.unsubscribe(consumer)
        self.assertEqual(self.fire("b.model"), [])

    def test_unsubscribe_unknown(self):
        """Unsubscribing what is not subscribed is no error and changes nothing."""
        kept = self.event.subscribe(self.consumer(), "a.model")
        self.event.unsubscribe(self.consumer())
        self.event.unsubscribe(kept, "b.model")
        self.assertEqual(self.fire(), ["consumer"])

    def test_unsubscribe_a_model_from_every_model(self):
        """A consumer of every model can leave one, and come back to it."""
        consumer = self.event.subscribe(self.consumer())
        self.event.unsubscribe(consumer, "a.model")
        self.assertEqual([self.fire(name) for name in ("a.model", "b.model")], [[], ["consumer"]])
        self.event.subscribe(consumer, "a.model")
        self.assertEqual(self.fire("a.model"), ["consumer"])

    def test_unsubscribe_equal_method(self):
        """Bound methods are the same consumer when they are equal: Python makes a new one at each access."""

        class Holder:
            def consume(self, records): ...

        Holder.__module__ = Holder.consume.__module__ = "tests"
        holder = Holder()
        self.event.subscribe(holder.consume, "a.model")
        self.event.subscribe(holder.consume, "a.model")
        self.assertEqual(len(self.event.consumers(self.database, "a.model")), 1)
        self.event.unsubscribe(holder.consume)
        self.assertFalse(self.event.has_consumers(self.database, "a.model"))

    # -- replacing --

    def test_replacing(self):
        """``replacing``: the new consumer takes the old one's place in the order, and its models with their fields."""
        self.write.subscribe(self.consumer("first"), "a.model")
        old = self.write.subscribe(self.consumer("old"), ["a.model", "b.model"], fields=["name"])
        self.write.subscribe(self.consumer("last"), "a.model")
        self.write.subscribe(self.consumer("new"), replacing=old)
        self.assertEqual(self.fire(event=self.write, vals={"name": 1}), ["first", "new", "last"])
        self.assertEqual(self.fire("b.model", self.write, vals={"name": 1}), ["new"])
        self.assertEqual(self.fire("b.model", self.write, vals={"ref": 1}), [])

    def test_replacing_with_models(self):
        """With models of its own, the new consumer has these, and the old one is gone altogether."""
        old = self.event.subscribe(self.consumer("old"), ["a.model", "b.model"])
        self.event.subscribe(self.consumer("new"), "c.model", replacing=old)
        self.assertEqual([self.fire(name) for name in ("a.model", "b.model", "c.model")], [[], [], ["new"]])

    def test_replacing_unknown(self):
        """Replacing what is not subscribed is a ValueError that names it and what is subscribed."""
        self.event.subscribe(self.consumer("known"), "a.model")
        with self.assertRaisesRegex(ValueError, r"(?s)unknown.*on_test.*known"):
            self.event.subscribe(self.consumer("new"), replacing=self.consumer("unknown"))
        self.assertEqual(self.fire(), ["known"])

    def test_replacing_itself(self):
        """A consumer cannot replace itself, nor one that replaces it."""
        one = self.event.subscribe(self.consumer("one"), "a.model")
        two = self.event.subscribe(self.consumer("two"), replacing=one)
        three = self.event.subscribe(self.consumer("three"), replacing=two)
        for old in (one, three):
            with self.assertRaisesRegex(ValueError, "replace itself"):
                self.event.subscribe(one, replacing=old)
        self.assertEqual(self.fire(), ["three"])

    def test_replaced_is_back(self):
        """Unsubscribing the new consumer brings back the old one."""
        old = self.event.subscribe(self.consumer("old"), "a.model")
        new = self.event.subscribe(self.consumer("new"), replacing=old)
        self.event.unsubscribe(new)
        self.assertEqual(self.fire(), ["old"])

    def test_replacing_where_it_is_not_installed(self):
        """In a database without the new consumer's addon, the old one still runs."""
        old = self.event.subscribe(self.consumer("old"), "a.model")
        self.event.subscribe(self.consumer("new", "b_addon"), replacing=old)
        self.assertEqual(self.fire(env=environment()), ["old"])
        self.assertEqual(self.fire(env=environment("b_addon")), ["new"])

    # -- fire --

    def test_fire(self):
        """``fire`` calls the consumer with the records and the payload by name."""
        self.event.subscribe(self.consumer(), "a.model")
        records = SimpleNamespace(env=self.database, _name="a.model")
        self.event.fire(records, amount=3.0)
        self.assertEqual(self.calls, [("consumer", records, {"amount": 3.0})])

    def test_order(self):
        """Consumers run in the order in which they subscribed."""
        for number in range(20):
            self.event.subscribe(self.consumer(str(number)), None if number % 2 else "a.model")
        self.assertEqual(self.fire(), [str(number) for number in range(20)])

    def test_subscribing_while_firing(self):
        """What subscribes or unsubscribes during a firing counts from the next one."""
        late = self.consumer("late")
        last = self.consumer("last")

        def change(records):
            self.calls.append(("change", records, {}))
            self.event.subscribe(late, "a.model")
            self.event.unsubscribe(last)

        change.__module__ = "tests"
        self.event.subscribe(change, "a.model")
        self.event.subscribe(last, "a.model")
        self.assertEqual(self.fire(), ["change", "last"])
        self.assertEqual(self.fire(), ["change", "late"])

    def test_exception(self):
        """What a consumer raises reaches the caller, and those after it do not run."""

        def fail(records):
            raise ZeroDivisionError

        self.event.subscribe(fail, "a.model")
        self.event.subscribe(self.consumer("after"), "a.model")
        with self.assertRaises(ZeroDivisionError):
            self.fire()
        self.assertEqual(self.calls, [])

    def test_fields_of_write(self):
        """With ``fields``, a write runs the consumer only if it has one of them, and passes all values."""
        self.write.subscribe(self.consumer(), "a.model", fields=["name", "email"])
        self.assertEqual(self.fire(event=self.write, vals={"phone": 1}), [])
        self.assertEqual(self.fire(event=self.write, vals={"phone": 1, "email": 2}), ["consumer"])
        self.assertEqual(self.calls[0][2], {"vals": {"phone": 1, "email": 2}})

    # -- installed addons --

    def test_addon_not_installed(self):
        """A consumer whose addon is not installed is silent; one from outside of ``odoo.addons`` always runs."""
        self.event.subscribe(self.consumer("b", "b_addon"), "a.model")
        outside = self.consumer("outside")
        outside.__module__ = "a_library.module"
        self.event.subscribe(outside, "a.model")
        self.assertEqual(self.fire(env=environment()), ["outside"])
        self.assertEqual(self.fire(env=environment("b_addon")), ["b", "outside"])

    def test_two_databases(self):
        """One process with two databases: in each, the consumers of its addons run, whichever was asked first."""
        self.event.subscribe(self.consumer("b", "b_addon"), "a.model")
        self.event.subscribe(self.consumer("c", "c_addon"), "a.model")
        one, other = environment("b_addon"), environment("c_addon")
        for _ in range(2):
            self.assertEqual(self.fire(env=one), ["b"])
            self.assertEqual(self.fire(env=other), ["c"])

    def test_addon_is_installed_meanwhile(self):
        """Addons that become installed in a database, or are no longer, count from the next firing."""
        self.event.subscribe(self.consumer("b", "b_addon"), "a.model")
        self.assertEqual(self.fire(), [])
        self.database.registry._init_modules.add("b_addon")
        self.assertEqual(self.fire(), ["b"])
        self.database.registry._init_modules = {"connector_framework", "other"}
        self.assertEqual(self.fire(), [])

    def test_partial_and_method(self):
        """The addon of a partial and of a method is that of the function."""

        class Holder:
            consume = consumer_of("b_addon")

        self.event.subscribe(functools.partial(consumer_of("b_addon"), x=1), "a.model")
        self.event.subscribe(Holder().consume, "a.model")
        self.assertEqual(len(self.event.consumers(environment("b_addon"), "a.model")), 2)
        self.assertEqual(self.event.consumers(environment(), "a.model"), [])

    def test_every_model(self):
        """On the ORM's events, "every model" is neither a transient one nor the framework's bookkeeping."""
        transient = SimpleNamespace(_transient=True)
        bookkeeping = SimpleNamespace(_transient=False, _connector_bookkeeping=True)
        env = environment(a__wizard=transient, a__log=bookkeeping, a__model=SimpleNamespace(_transient=False))
        self.write.subscribe(self.consumer("all"))
        self.write.subscribe(self.consumer("named"), ["a.wizard", "a.log"])
        self.event.subscribe(self.consumer("all"))
        for model_name, expected in (("a.model", ["all"]), ("a.wizard", ["named"]), ("a.log", ["named"])):
            self.assertEqual(self.fire(model_name, self.write, env, vals={}), expected)
            self.assertEqual(self.fire(model_name, env=env), ["all"], "an event of one's own is fired on purpose")

    # -- muted --

    def test_muted(self):
        """``muted()`` silences an event, ``muted(consumer)`` one consumer, until the block ends, even by an error."""
        one = self.event.subscribe(self.consumer("one"), "a.model")
        self.event.subscribe(self.consumer("two"), "a.model")
        with self.event.muted(one):
            self.assertEqual(self.fire(), ["two"])
            with self.event.muted():
                self.assertEqual(self.fire(), [])
            self.assertEqual(self.fire(), ["two"])
        with self.assertRaises(ZeroDivisionError), self.event.muted():
            raise ZeroDivisionError
        self.assertEqual(self.fire(), ["one", "two"])

    def test_muted_is_of_one_event(self):
        """Muting one event leaves the others, and the same consumer on them, as they are."""
        consumer = self.consumer()
        self.event.subscribe(consumer, "a.model")
        self.write.subscribe(consumer, "a.model")
        with self.event.muted(consumer):
            self.assertEqual(self.fire(event=self.write, vals={}), ["consumer"])

    def test_muted_is_of_one_thread(self):
        """Muting in one thread leaves the others as they are."""
        self.event.subscribe(self.consumer(), "a.model")
        seen = []
        with self.event.muted():
            thread = threading.Thread(target=lambda: seen.extend(self.fire()))
            thread.start()
            thread.join()
        self.assertEqual(seen, ["consumer"])

    # -- for people --

    def test_repr(self):
        """``repr`` names the event, and each consumer with its addon, models and fields."""
        self.assertEqual(repr(self.event), "<Event on_test: no consumers>")
        old = self.write.subscribe(self.consumer("old", "b_addon"), "a.model", fields=["name", "email"])
        self.write.subscribe(functools.partial(self.consumer("new", "c_addon")), "b.model", replacing=old)
        self.assertEqual(
            repr(self.write),
            "<Event on_test_write: b_addon:old on a.model [email, name]; "
            "c_addon:new on b.model, replacing b_addon:old>",
        )

    def test_describe(self):
        """``describe`` lists all events and says why a consumer is silent in a database."""
        old = self.event.subscribe(self.consumer("old"), "a.model")
        self.event.subscribe(self.consumer("new"), replacing=old)
        self.event.subscribe(self.consumer("far", "b_addon"))
        text = describe(self.database)
        block = text[text.index("on_test\n") :].split("\non_")[0]
        self.assertEqual(
            block.splitlines(),
            [
                "on_test",
                "    connector_framework:old on a.model (silent: replaced)",
                "    connector_framework:new on a.model, replacing connector_framework:old",
                "    b_addon:far on every model (silent: b_addon is not installed)",
            ],
        )
        self.assertIn("on_record_change", text)
        self.assertNotIn("silent", describe())

    def test_imports(self):
        """The package imports nothing of the others: of the framework only ``addon`` and ``exceptions``."""
        for path in (Path(__file__).parents[1] / "events").glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.level == 2:
                    self.assertIn(node.module, ("addon", "exceptions"), path.name)
                if isinstance(node, ast.ImportFrom) and node.level == 0:
                    self.assertFalse(node.module.startswith("odoo.addons"), path.name)
