"""The API of an Odoo: the methods of its models, over JSON-2 or XML-RPC."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from odoo.addons.connector_framework.adapters import Adapter, Answer, RestAdapter, XmlRpcAdapter
from odoo.addons.connector_framework.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ExternalNotFoundError,
    PermanentError,
)
from odoo.addons.connector_framework.mappings import ImportMapper

from ..references import odoo, odoo_16

#: What a code is unique within: key -> (path of the comodel, key of its value).
SCOPES = {"state_id/code": ("country_id.code", "country_id/code")}
#: What the other Odoo may lack: then it is left out.
OPTIONAL = ("state_id/code", "categ_id/complete_name")
#: Methods that change nothing there; others may.
READING = {"authenticate", "context_get", "search_read"}


class OdooAdapter(Adapter):
    """What both protocols have in common.

    A record is a dict with the keys that the import mapper reads: the names of plain fields and of many2ones (their
    ids), and paths to the code of a many2one, as in Odoo's import files (``country_id/code``). ``xid`` is its external
    id.
    """

    _page_size: ClassVar[int] = 500

    def call(self, method: str, ids: Sequence[Any] = (), model: str | None = None, **arguments: Any) -> Any:
        """Call a method of a model there, by default of the one that corresponds to ours, and return its result."""
        # Archived records are records; the other Odoo need not note on each of them who wrote it.
        context = {"lang": self.env.lang, "active_test": False, "tracking_disable": True}
        model = model or self.model._fields["odoo_id"].comodel_name
        return self._call_model(model, method, [int(i) for i in ids], {**arguments, "context": context})

    def _call_model(self, model: str, method: str, ids: list[int], arguments: dict[str, Any]) -> Any:
        raise NotImplementedError

    # -- the common interface ----------------------------------------------------------------------------------------

    def ping(self) -> None:
        self.call("context_get", model="res.users")

    def search(self, filters: Any = None, cursor: int | None = None) -> tuple[list[str], int | None]:
        """Return the ids that match, in their order: what is changed meanwhile moves to no other page.

        :param filters: a domain
        :param cursor: the last id of the page before
        """
        domain = [*(filters or []), ("id", ">", cursor or 0)]
        ids = self._ids(domain, limit=self._page_size, order="id")
        return [str(i) for i in ids], ids[-1] if len(ids) == self._page_size else None

    def _ids(self, domain: Any, **options: Any) -> list[int]:
        # Not search(): its first parameter has another name in some versions and addons.
        return [row["id"] for row in self.call("search_read", domain=domain, fields=["id"], **options)]

    def read(self, external_id: str, fields: Sequence[str] | None = None) -> dict[str, Any]:
        records = self.read_many([external_id], fields)
        if not records:
            raise ExternalNotFoundError(f"{self.backend.display_name} has no {self.model._description} {external_id}")
        return records[external_id]

    def read_many(self, ids: Sequence[str], fields: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """Return records, in two calls; the other Odoo gives them external ids if they have none yet."""
        keys = sorted(fields or self.unit(ImportMapper).source_fields() - {"xid"})
        plain, paths = [key for key in keys if "/" not in key], ["id", *(key for key in keys if "/" in key)]
        domain = [("id", "in", [int(i) for i in ids])]
        rows = {str(row.pop("id")): row for row in self.call("search_read", domain=domain, fields=plain, load=None)}
        ids = [i for i in ids if str(i) in rows]
        # Exported by id as well: the rows come in the order of the ids, but a record may be deleted meanwhile.
        exported = self.call("export_data", ids, fields_to_export=[".id", *paths])["datas"] if ids else []
        by_id = {str(values[0]): values[1:] for values in exported}
        return {
            # What is empty in an export is an empty text.
            i: {
                **rows[str(i)],
                **{key: value or False for key, value in zip(["xid", *paths[1:]], by_id[str(i)], strict=True)},
            }
            for i in ids
            if str(i) in by_id
        }

    def create(self, data: Mapping[str, Any]) -> str:
        """Create a record, or update the one that has its external id: the same call again changes nothing."""
        # No more than it takes to exist: load() reads all values from texts, and wants more rights than write().
        result = self.call("load", fields=["id", "name"], data=[[data["xid"], data["name"]]])
        if not result["ids"]:
            problems = "; ".join(message["message"] for message in result["messages"])
            raise PermanentError(f"{self.backend.display_name} refused {data['xid']}: {problems}")
        external_id = str(result["ids"][0])
        self.write(external_id, data)
        return external_id

    def write(self, external_id: str, data: Mapping[str, Any]) -> None:
        self.call("write", [external_id], vals=self._api_values(data))

    def delete(self, external_id: str) -> None:
        if not self.search([("id", "=", int(external_id))])[0]:
            raise ExternalNotFoundError(f"{self.backend.display_name} has no {self.model._description} {external_id}")
        self.call("unlink", [external_id])

    def _api_values(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return data as the API takes it: an id in place of each code."""
        values = {}
        for key, value in data.items():
            name, _, code = key.partition("/")
            if code and value:
                value = self._find(self.model._fields[name].comodel_name, key, code, data)
                if value is None:
                    continue
            if name != "xid":
                values[name] = value
        return values

    def _find(self, model: str, key: str, code: str, data: Mapping[str, Any]) -> int | None:
        """Return the id of a code there; None for one that is not there and need not be."""
        domain = [(code, "=", data[key])]
        if key in SCOPES:
            domain.append((SCOPES[key][0], "=", data[SCOPES[key][1]]))
        found = self._ids(domain, limit=1, model=model)
        if not found and key not in OPTIONAL:
            raise PermanentError(
                f"{self.backend.display_name} has no {model} with {code} {data[key]!r}: create it there"
            )
        return found[0] if found else None


@odoo
class Json2Adapter(OdooAdapter, RestAdapter):
    _path = "json/2"
    # A right that the user lacks is no reason to stop all others.
    _http_errors: ClassVar = {**RestAdapter._http_errors, 403: PermanentError}

    def _call_model(self, model: str, method: str, ids: list[int], arguments: dict[str, Any]) -> Any:
        return self._request("POST", f"{model}/{method}", json={**({"ids": ids} if ids else {}), **arguments})

    def _only_reads(self, method: str, path: str, request: Any) -> bool | None:
        return path.rpartition("/")[2] in READING or None

    def _headers(self) -> dict[str, str]:
        key = self.backend.get_secret("api_key") or ""
        return {"Authorization": f"bearer {key}", "X-Odoo-Database": self.backend.database}

    def _raise_for_status(self, answer: Answer, verb: str) -> None:
        if answer.status == 404 and self._is_api_answer(answer) and b"MissingError" not in answer.body:
            raise ConfigurationError(
                f"{answer.url} was not found: check the address, the database, and what is installed there"
            )
        super()._raise_for_status(answer, verb)


@odoo_16
class OldAdapter(OdooAdapter, XmlRpcAdapter):
    _path = "xmlrpc/2"
    _fault_errors: ClassVar = {3: AuthenticationError}

    def _call_model(self, model: str, method: str, ids: list[int], arguments: dict[str, Any]) -> Any:
        backend, key = self.backend, self.backend.get_secret("api_key") or ""
        uid = self.connection.api_session
        if uid is None:
            uid = self._call("authenticate", backend.database, backend.login or "", key, {}, path="common")
            self.connection.api_session = uid
        args = [ids] if ids else []
        return self._call("execute_kw", backend.database, uid, key, model, method, args, arguments, path="object")

    def _credentials(self) -> Iterator[Any]:
        yield from super()._credentials()
        yield from (self.backend.database, self.backend.login)

    def _load(self, answer: Answer, method: str) -> Any:
        result = super()._load(answer, method)
        if method == "authenticate" and not result:
            raise AuthenticationError(f"{self.backend.display_name} refused login and key")
        return result

    def _only_reads(self, method: str, path: str, request: Any) -> bool | None:
        return method.rpartition(".")[2] in READING or None

    def _call_label(self, method: str, params: tuple) -> str:
        return f"{params[3]}.{params[4]}" if method == "execute_kw" else method
