"""Keep users and their sessions: who may log in, what they may do, and how long a session lives."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .faults import api_fault

#: Seconds that a session lives after its last use.
DEFAULT_LIFE_S = 3600.0


@dataclass(frozen=True)
class User:
    """An API user; one that is not `full` reads what is in its `area`, if any, and nothing else."""

    name: str
    key: str
    full: bool = True
    area: str | None = "catalog"


#: The users of the demo shop. The last one has a role without rights: he may log in.
USERS = (
    User("odoo", "odoo-key-123456"),
    User("reader", "reader-key-123456", full=False),
    User("nobody", "nobody-key-123456", full=False, area=None),
)


@dataclass
class _Session:
    user: User
    used_at: float


class Sessions:
    """The sessions of a shop. Logging in again leaves a user's older sessions alive."""

    def __init__(
        self,
        users: tuple[User, ...] = USERS,
        life_s: float = DEFAULT_LIFE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.life_s = life_s
        self._users = {user.name: user for user in users}
        self._monotonic = monotonic
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()

    def login(self, name: str, key: str) -> str:
        """Return a new session of a user, 32 hex digits.

        :raises FaultError: 6, name or key is empty; 2, no such user or another key.
        """
        if not name or not key:
            raise api_fault(6)
        user = self._users.get(name)
        if user is None or not secrets.compare_digest(user.key.encode(), key.encode()):
            raise api_fault(2)
        session = secrets.token_hex(16)
        with self._lock:
            self._sessions[session] = _Session(user, self._monotonic())
        return session

    def user(self, session: str) -> User:
        """Return whose session this is, and let its life begin anew.

        :raises FaultError: 5, there is no such session, or none any more.
        """
        with self._lock:
            found = self._sessions.get(session)
            now = self._monotonic()
            if found is None or now - found.used_at > self.life_s:
                self._sessions.pop(session, None)
                raise api_fault(5)
            found.used_at = now
            return found.user

    def end(self, session: str) -> None:
        """End a session; one that is not there is no error."""
        with self._lock:
            self._sessions.pop(session, None)

    def expire_all(self) -> None:
        """Let all sessions expire at once."""
        with self._lock:
            self._sessions.clear()
