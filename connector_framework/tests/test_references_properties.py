"""References: for any tree, registrations and replacements, the class found is the one that the rules name.

The rules are written down here a second time, each as one sentence of the contract and one expression, without a cache
and without a thought for speed.
"""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..exceptions import NoUnitError, SeveralUnitsError
from ..references import ConnectorUnit, Reference
from ..references.reference import _references
from .references_common import database

MODELS = ("m", "n")
ADDONS = ("one", "two", "three")


class Naive:
    """The contract's sentences over plain lists."""

    def __init__(self):
        self.parents = {}
        self.registered = []  # (reference, class, replacing)

    def above(self, reference):
        return [] if reference is None else [reference, *self.above(self.parents[reference])]

    def level(self, reference):
        return [cls for where, cls, _replacing in self.registered if where is reference]

    def can_replace(self, reference, cls, replacing):
        # `replacing` a class that is not registered at this level or above, or itself: ValueError.
        return replacing is not cls and any(replacing in self.level(level) for level in self.above(reference))

    def register(self, reference, cls, replacing):
        # Registering the same class twice changes nothing.
        if cls not in self.level(reference):
            self.registered.append((reference, cls, replacing))

    def unregister(self, reference, cls):
        self.registered = [one for one in self.registered if one[:2] != (reference, cls)]

    def candidates(self, reference, level, base_class, installed):
        def exists(cls):
            # With `env`, classes of addons that are not installed there do not exist.
            return installed is None or cls.addon is None or cls.addon in installed

        # A class replaced by a child level's class is hidden for that child and its children only.
        between = self.above(reference)[: self.above(reference).index(level) + 1]
        hidden = [replacing for where, cls, replacing in self.registered if where in between and exists(cls)]
        return [cls for cls in self.level(level) if issubclass(cls, base_class) and exists(cls) and cls not in hidden]

    def get_class(self, reference, base_class, model, installed):
        def names(cls):
            return model in ([cls._apply_on] if isinstance(cls._apply_on, str) else cls._apply_on or [])

        # First those whose `_apply_on` names the model, nearest level first; only if there is none anywhere, for those
        # without `_apply_on`, nearest level first.
        for fits in (names, lambda cls: cls._apply_on is None):
            for level in self.above(reference):
                found = [cls for cls in self.candidates(reference, level, base_class, installed) if fits(cls)]
                # Among several at the level found a subclass beats its base; else SeveralUnitsError.
                best = [one for one in found if not any(issubclass(o, one) for o in found if o is not one)]
                if found:
                    return best[0] if len(best) == 1 else SeveralUnitsError
        return NoUnitError


@st.composite
def worlds(draw):
    """Draw references (parents by position), classes (bases by position), and what is done with them."""
    parents = [draw(st.integers(-1, position - 1)) for position in range(draw(st.integers(1, 4)))]
    classes = [
        (
            draw(st.sampled_from([-1, -1, *range(-2, position)])),
            draw(st.sampled_from(["m", "m", "n", ["m", "n"], None, "inherited"])),
            draw(st.sampled_from([None, *ADDONS])),
        )
        for position in range(draw(st.integers(1, 8)))
    ]
    reference, cls = st.integers(0, len(parents) - 1), st.integers(0, len(classes) - 1)
    action = st.one_of(
        st.tuples(st.just("register"), reference, cls, st.one_of(st.none(), cls)),
        st.tuples(st.just("register"), reference, cls, st.one_of(st.none(), cls)),
        st.tuples(st.just("unregister"), reference, cls, st.none()),
    )
    return parents, classes, draw(st.lists(action, min_size=5, max_size=25))


@tagged("post_install", "-at_install", "plain")
class TestProperties(BaseCase):
    def build(self, parents, classes):
        """Make the references and the classes; of two kinds, all of them below the first."""
        naive = Naive()
        references = []
        for number, parent in enumerate(parents):
            reference = Reference("world", version=str(number), parent=references[parent] if parent >= 0 else None)
            naive.parents[reference] = reference.parent
            references.append(reference)
        kind = type("Kind", (ConnectorUnit,), {})
        kinds = {-1: kind, -2: type("SubKind", (kind,), {})}
        made = []
        for number, (base, apply_on, addon) in enumerate(classes):
            values = {"addon": addon, "__module__": f"odoo.addons.{addon}" if addon else "outside"}
            if apply_on != "inherited":
                values["_apply_on"] = apply_on
            made.append(type(f"C{number}", (kinds[base] if base < 0 else made[base],), values))
        return naive, references, made, (*kinds.values(), made[0])

    def answer(self, reference, *args):
        try:
            return reference.get_class(*args)
        except (NoUnitError, SeveralUnitsError) as error:
            return type(error)

    def assert_same(self, naive, references, kinds, environments):
        for reference in references:
            self.assertEqual(reference.classes(), naive.level(reference))
            for kind in kinds:
                for model in MODELS:
                    for env in (None, *environments):
                        installed = None if env is None else env.registry._init_modules
                        expected = naive.get_class(reference, kind, model, installed)
                        self.assertIs(
                            self.answer(reference, kind, model, env), expected, (reference, kind, model, installed)
                        )

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(world=worlds())
    def test_as_the_rules_say(self, world):
        """After each change, each class of each reference is the one that the rules name, in each database."""
        parents, classes, actions = world
        environments = [database(), database("one"), database("one", "two"), database("three", "other")]
        with patch.dict(_references, clear=True):
            naive, references, made, kinds = self.build(parents, classes)
            for verb, reference_number, class_number, replaced_number in actions:
                reference, cls = references[reference_number], made[class_number]
                if verb == "unregister":
                    if cls in naive.level(reference):
                        naive.unregister(reference, cls)
                        reference.unregister(cls)
                    else:
                        self.assertRaises(ValueError, reference.unregister, cls)
                else:
                    replacing = None if replaced_number is None else made[replaced_number]
                    if replacing is None or naive.can_replace(reference, cls, replacing):
                        naive.register(reference, cls, replacing)
                        self.assertIs(reference.register(cls, replacing=replacing), cls)
                    else:
                        self.assertRaises(ValueError, reference.register, cls, replacing=replacing)
                self.assert_same(naive, references, kinds, environments)

    def test_worlds_have_all_answers(self):
        """What is drawn has replaced classes, conflicts and lacks, or the test above would prove little."""
        seen = SimpleNamespace(replaced=0, several=0, none=0, found=0)

        @settings(
            max_examples=100, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
        )
        @given(world=worlds())
        def look(world):
            parents, classes, actions = world
            with patch.dict(_references, clear=True):
                naive, references, made, kinds = self.build(parents, classes)
                for verb, reference_number, class_number, replaced_number in actions:
                    reference, cls = references[reference_number], made[class_number]
                    replacing = None if replaced_number is None else made[replaced_number]
                    if verb == "register" and (replacing is None or naive.can_replace(reference, cls, replacing)):
                        naive.register(reference, cls, replacing)
                answers = [naive.get_class(one, kind, "m", None) for one in references for kind in kinds]
                seen.replaced += any(replacing for *_where, replacing in naive.registered)
                seen.several += SeveralUnitsError in answers
                seen.none += NoUnitError in answers
                seen.found += any(answer not in (SeveralUnitsError, NoUnitError) for answer in answers)

        look()
        for name, count in vars(seen).items():
            self.assertGreater(count, 5, name)
