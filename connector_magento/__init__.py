from . import references
from . import units
from . import models
from . import events
