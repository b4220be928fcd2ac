"""Where to look when a test of the suite fails: the section of the documentation, and what a connector overrides."""

from __future__ import annotations

__all__ = ["LOOK_AT", "explained"]

#: By test: (page and section of ``docs/``, what to look at in the connector).
LOOK_AT = {
    "test_import": ("synchronizers.md#importer", "the ImportMapper, and Importer._create, _bind"),
    "test_import_twice": (
        "synchronizers.md#importer",
        "Importer._find_binding, and _external_key of the binding model",
    ),
    "test_import_unchanged": ("synchronizers.md#importer", "Importer._is_unchanged, updated_at, volatile_keys"),
    "test_import_changed": ("synchronizers.md#importer", "the ImportMapper, Importer.updated_at, _update"),
    "test_import_concurrent": ("synchronizers.md#importer", "Importer._lock, and job_options of an override of a job"),
    "test_import_gone_outside": (
        "synchronizers.md#importer",
        "the adapter's read: ExternalNotFoundError; _external_gone",
    ),
    "test_import_never_seen": (
        "synchronizers.md#importer",
        "the adapter's read: ExternalNotFoundError; _external_gone",
    ),
    "test_deleted_inside": ("bindings.md#a-binding-model", "Importer._find_binding, delete_on_unlink"),
    "test_archived_inside": ("bindings.md#the-binder", "Importer._find_binding: it finds archived bindings too"),
    "test_import_is_not_exported": ("synchronizers.md#no-echo", "work.origin() around what an importer writes"),
    "test_external_id_zero": ("bindings.md#the-binder", "tests like `if external_id`: write `is not None`"),
    "test_mapping_covers_required_fields": ("mappings.md#the-smallest-one", "direct and mapping methods of the mapper"),
    "test_import_chunk": ("synchronizers.md#chunks", "the adapter's read_many, Importer._read_many, _create_many"),
    "test_timeline": ("adapters.md#exchanges", "calls of the adapter that do not go through _outside_call()"),
    "test_batch_import": ("synchronizers.md#batches", "the adapter's search, the BatchImporter"),
    "test_export_create": ("synchronizers.md#exporter", "the ExportMapper, the adapter's create, Exporter._create"),
    "test_export_unchanged": (
        "synchronizers.md#exporter",
        "values of the ExportMapper that differ each time; _changed",
    ),
    "test_export_update": ("synchronizers.md#exporter", "the ExportMapper, the adapter's write, Exporter._update"),
    "test_export_then_import": ("synchronizers.md#no-echo", "the ImportMapper and ExportMapper of the same fields"),
    "test_export_gone_inside": ("synchronizers.md#exporter", "an override of export_record"),
    "test_export_unavailable": ("adapters.md#what-happens-to-a-failure", "errors that the adapter raises, or catches"),
    "test_export_answer_lost": ("synchronizers.md#exporter", "Exporter._find_external, _idempotency_key"),
    "test_export_delete": ("synchronizers.md#exporter", "the adapter's delete: ExternalNotFoundError; the Deleter"),
    "test_compare_in_step": ("comparison.md#what-it-finds", "the ImportMapper; not_compared of a Comparer"),
    "test_compare_and_repair": ("comparison.md#repairs", "the ImportMapper, Importer.updated_at"),
    "test_compare_changed_here": ("comparison.md#repairs", "the ImportMapper; not_compared of a Comparer"),
    "test_compare_missing_there": ("comparison.md#what-it-finds", "the adapter's search and read_many"),
    "test_unavailable": ("adapters.md#what-happens-to-a-failure", "errors that the adapter or importer catches"),
    "test_broken_answers": ("adapters.md#what-happens-to-a-failure", "how the adapter reads an answer"),
    "test_rate_limited": ("adapters.md#the-limits-of-a-backend", "the adapter's table of errors, retry_after_s"),
    "test_credentials_refused": ("adapters.md#what-happens-to-a-failure", "the adapter's table: AuthenticationError"),
    "test_circuit_opens": ("adapters.md#the-limits-of-a-backend", "circuit_failures, the adapter's NetworkError"),
    "test_neutralised": ("adapters.md#hooks", "calls of the adapter that do not go through _outside_call()"),
    "test_secrets_are_declared": ("adapters.md#secrets", "_secret_fields of the backend model"),
    "test_secrets_are_for_the_system_group": ("adapters.md#secrets", "groups and copy of the backend's secret fields"),
    "test_secrets_do_not_leak": ("adapters.md#secrets", "get_secret(): its values in messages, logs and arguments"),
    "test_rights": ("bindings.md#a-backend-model", "security/ir.model.access.csv"),
    "test_companies": ("bindings.md#a-backend-model", "security/rules.xml: a rule for each model"),
    "test_neutralize_sql": ("adapters.md#secrets", "data/neutralize.sql"),
    "test_units_resolve": ("references.md#which-class-is-used", "_apply_on and replacing= of the classes"),
    "test_without_units_exist": ("testing.md#the-acceptance-suite", "without_units of the test class"),
    "test_connection": ("adapters.md#hooks", "_ping() of the adapter of the backend's model"),
    "test_connection_to_the_wrong_place": ("adapters.md#hooks", "_ping(): how it reads an answer that is no API's"),
    "test_unavailable_is_retryable": ("adapters.md#what-happens-to-a-failure", "the adapter's table of errors"),
    "test_methods_are_private": ("bindings.md#a-binding-model", "@api.private on what is not an action_*"),
}
_PREVIEWS = ("preview.md#what-is-different-from-the-real-thing", "effects outside of the adapter; _only_reads")


def explained(test: str, rule: str, seen: str, hint: str) -> str:
    """Return the message of a failure: rule, observation, documentation.

    :param rule: the docstring of the test
    :param hint: what the assertion itself says
    """
    page, hooks = LOOK_AT.get(test, _PREVIEWS if test.startswith("test_preview_") else ("", ""))
    lines = [f"Rule: {rule}", f"Seen: {hint}" if hint else f"Seen: {seen}"]
    if hint and seen:
        lines.append(f"      {seen}")
    if page:
        lines.append(f"Look at: {hooks} (docs/{page})")
    return "\n".join(lines)
