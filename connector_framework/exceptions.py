"""The exceptions of a connector, typed by what to do next: try again, give up, or skip.

A job ends by the type of what it raises: a :class:`RetryableError` puts it back, a :class:`SkipError` ends it
without work, anything else fails it. ``str(error)`` is the technical text, in English; ``error.user_message`` says
what a person can do, and is translated to the language of the job's user when it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from odoo.tools.translate import LazyTranslate

__all__ = [
    "AuthenticationError",
    "ConcurrentUpdateError",
    "ConfigurationError",
    "ConnectorError",
    "DependencyMissingError",
    "ExternalConflictError",
    "ExternalNotFoundError",
    "JobLostError",
    "MappingError",
    "NetworkError",
    "NoUnitError",
    "PermanentError",
    "RateLimitedError",
    "RetryableError",
    "SeveralUnitsError",
    "SkipError",
]

_lt = LazyTranslate(__name__)


class ConnectorError(Exception):
    """A connector could not do its work.

    :param message: technical text; the first line of the class's docstring when left out
    :param user_message: what to do, for a person; the class's own when left out. A job shows with it what
        follows: it is tried again, or is to be requeued
    """

    user_message: object = _lt("Look at the technical details and mend the cause.")

    def __init__(self, message: str | None = None, *, user_message: object = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        if user_message:
            self.user_message = user_message


class RetryableError(ConnectorError):
    """It may work later: try again.

    :param retry_after_s: seconds to wait; None leaves it to the job's retry pattern
    :param count_attempt: False gives the attempt back, for a wait without a failure
    """

    user_message = _lt("See whether the cause that the error names is gone.")

    def __init__(
        self,
        message: str | None = None,
        retry_after_s: float | None = None,
        count_attempt: bool = True,
        *,
        user_message: object = None,
    ) -> None:
        super().__init__(message, user_message=user_message)
        self.retry_after_s = retry_after_s
        self.count_attempt = count_attempt


class NetworkError(RetryableError):
    """The other system could not be reached, or its answer could not be read."""

    user_message = _lt("Check that the other system is up and that its URL is right.")


class RateLimitedError(RetryableError):
    """The other system takes no more calls for now."""

    user_message = _lt("Nothing to do: the calls are slowed down to what the other system takes.")


class ConcurrentUpdateError(RetryableError):
    """Another process works on the same record."""

    def __init__(
        self,
        message: str | None = None,
        retry_after_s: float | None = None,
        count_attempt: bool = False,
        *,
        user_message: object = None,
    ) -> None:
        super().__init__(message, retry_after_s, count_attempt, user_message=user_message)


class DependencyMissingError(RetryableError):
    """A record that this one refers to is not bound yet."""

    user_message = _lt("Import or export first the record that the message names.")


class PermanentError(ConnectorError):
    """It fails again until the data or the configuration is changed."""


class ConfigurationError(PermanentError):
    """The configuration does not allow this."""

    user_message = _lt("Correct the configuration that the message names.")


class AuthenticationError(PermanentError):
    """The other system refused the credentials."""

    user_message = _lt("Correct the user and the key on the backend, and check the connection.")


class MappingError(PermanentError):
    """A record could not be mapped.

    :param field_errors: message by target field or method (``lines[0].name`` for a child's)
    :param source_keys: of those whose source is known, where it was read; the text tells both
    """

    user_message = _lt(
        "Correct the fields that the message names, here or in the other system. "
        "A KeyError or a TypeError is a fault of the connector: ask its developer."
    )

    def __init__(
        self,
        field_errors: Mapping[str, str] | str | None = None,
        *,
        source_keys: Mapping[str, str] | None = None,
        user_message: object = None,
    ) -> None:
        self.field_errors: dict[str, str] = (
            {"": field_errors} if isinstance(field_errors, str) else dict(field_errors or {})
        )
        self.source_keys: dict[str, str] = dict(source_keys or {})
        text = "; ".join(self._told(name, message) for name, message in self.field_errors.items())
        super().__init__(text or None, user_message=user_message)

    def _told(self, name: str, message: str) -> str:
        text = f"{name}: {message}" if name else message
        key = self.source_keys.get(name)
        return f"{text} (source {key!r})" if key else text


class ExternalNotFoundError(PermanentError):
    """The record does not exist in the other system."""

    user_message = _lt("The record is gone in the other system: delete its binding, or create it there again.")


class ExternalConflictError(PermanentError):
    """The external id belongs to another binding already."""

    user_message = _lt("Two records claim the same external id: delete or correct one of the two bindings.")


class SkipError(ConnectorError):
    """There is nothing to do.

    A job that raises it rolls its work back and ends done, with the reason as its result.
    """

    user_message = _lt("Nothing to do.")

    def __init__(self, reason: str | None = None, *, user_message: object = None) -> None:
        super().__init__(reason, user_message=user_message)
        self.reason = str(self)


class NoUnitError(ConnectorError, LookupError):
    """No class is registered for this model."""

    user_message = _lt("The connector has no class for this: install the addon that brings it, or ask its developer.")


class SeveralUnitsError(ConnectorError, LookupError):
    """Several classes are registered for this model and none of them replaces the others."""

    user_message = _lt(
        "Two addons bring a class for the same thing: ask their developers which is to replace the other."
    )


class JobLostError(BaseException):
    """The job belongs to another worker now: nothing that this attempt did may be committed.

    A ``BaseException``, so that an ``except Exception`` in a job's code does not swallow it.
    """
