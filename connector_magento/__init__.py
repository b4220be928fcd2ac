from . import events, models, references, units, wizards
