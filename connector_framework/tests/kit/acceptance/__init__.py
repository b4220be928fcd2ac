"""What is expected of every connector, as tests that it inherits."""

from .case import PARTS
from .comparing import ComparisonTests
from .exporting import ExportTests
from .failing import FailureTests
from .importing import ImportTests
from .previewing import PreviewTests
from .security import SecurityTests
from .units import UnitTests

__all__ = ["PARTS", "ConnectorAcceptanceCase"]


class ConnectorAcceptanceCase(
    UnitTests, ImportTests, ExportTests, ComparisonTests, FailureTests, PreviewTests, SecurityTests
):
    """What is expected of every connector, for one of its binding models::

        @tagged("post_install", "-at_install")
        class TestPartnerAcceptance(ConnectorAcceptanceCase):
            model_name = "shop.partner"
            external_id = "1"
            outside_changes = {"firstname": "Other"}
            inside_values = {"name": "Made Here"}
            inside_changes = {"name": "Renamed Here"}

            def make_backend(self):
                server = self.enterContext(ShopServer())
                return self.env["shop.backend"].create({"name": "Shop", "url": server.url, "api_key": "a key"})

    The hooks and what they do by default are those of :class:`AcceptanceCase`; what the connector or the other system
    cannot do is declared in ``not_supported``, with the reason, and then checked to be absent.
    """
