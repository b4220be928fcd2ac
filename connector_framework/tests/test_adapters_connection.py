"""Connections are kept from one work session to the next."""

import os
import threading
from unittest.mock import patch

from odoo.tests import tagged

from ..adapters import XmlRpcAdapter, connection
from ..exceptions import AuthenticationError
from .adapters_common import AdapterCase
from .misbehaving_server import answer


@tagged("post_install", "-at_install", "transaction")
class TestKeptConnections(AdapterCase):
    def session_of(self, work):
        """Return the API session of a work session; log in if it has none."""
        connection = work.unit(XmlRpcAdapter).connection
        if connection.api_session is None:
            connection.api_session = object()
        return connection.api_session

    def next_session(self, **options):
        """Return the API session of a work session that begins after the end of the one before."""
        self.work.close()
        self.work = self.open_work(**options)
        return self.session_of(self.work)

    def test_next_work_session(self):
        """The login of one work session serves the next one."""
        first = self.session_of(self.work)
        self.assertIs(self.next_session(), first)

    def test_other_credentials(self):
        """Another address, another secret, a changed backend: another login."""
        first = self.session_of(self.work)
        self.assertIsNot(self.next_session(url="http://other.example.com"), first)
        self.assertIs(self.next_session(), first)
        self.assertIsNot(self.next_session(write_date="2026-01-01"), first)
        self.backend = self.backend.copy()
        self.assertIsNot(self.next_session(), first)

    def test_at_the_same_time(self):
        """Two work sessions at a time never share a connection, nor do two threads of one."""
        other = self.open_work()
        self.assertIsNot(self.session_of(self.work), self.session_of(other))
        found = []
        thread = threading.Thread(target=lambda: found.append(self.session_of(self.work)))
        thread.start()
        thread.join(10)
        self.assertIsNot(found[0], self.session_of(self.work))

    def test_idle_for_long(self):
        """A connection that was idle for long is closed."""
        first = self.session_of(self.work)
        with patch.object(connection, "KEPT_S", -1):
            self.assertIsNot(self.next_session(), first)

    def test_sockets(self):
        """The sockets of an idle connection are closed when others are released; its session stays."""
        first = self.session_of(self.work)
        self.xmlrpc()._call("a")
        self.work.close()
        with patch.object(connection, "SOCKETS_S", -1):
            other = self.open_work(url="http://other.example.com")
            self.session_of(other)
            other.close()
        self.work = self.open_work()
        self.assertIs(self.session_of(self.work), first)
        self.xmlrpc()._call("b")
        self.assertEqual(self.server.connections, 2)

    def test_not_too_many(self):
        """Of very many work sessions at a time a few connections stay open."""
        works = [self.open_work() for _ in range(connection.KEPT_EACH + 5)]
        sessions = [self.session_of(work) for work in works]
        for work in works:
            work.close()
        works = [self.open_work() for _ in works]
        self.assertEqual(len(set(sessions) & {self.session_of(work) for work in works}), connection.KEPT_EACH)

    def test_refused(self):
        """Credentials that are refused make the next call log in again."""
        self.session_of(self.work)
        self.server.will(answer(401))
        self.assert_fails(AuthenticationError, self.xmlrpc()._call, "a")
        self.assertIsNone(self.work.unit(XmlRpcAdapter).connection.api_session)

    def test_secrets_of_the_session(self):
        """The id of a kept session is masked in the next work session, too."""
        self.work.unit(XmlRpcAdapter)._keep_secret("session-id")
        self.work.close()
        self.work = self.open_work()
        self.assertNotIn("session-id", self.work.unit(XmlRpcAdapter)._masked("in session-id"))

    def test_fork(self):
        """A child process leaves the connections to its parent."""
        self.session_of(self.work)
        self.work.close()
        pid = os.fork()
        if not pid:
            os._exit(len(connection._idle._by_key))
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertTrue(connection._idle._by_key)
