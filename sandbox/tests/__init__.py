"""Test the sandbox; `test_recordings` holds it against the answers of running shops."""
