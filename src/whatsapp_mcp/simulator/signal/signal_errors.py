"""Failures of the simulated devices' Signal sessions.

SignalError (ValueError)
└── DuplicateMessageError
"""

from __future__ import annotations


class SignalError(ValueError):
    """A message or a key bundle that this device cannot or must not use. No state has changed."""


class DuplicateMessageError(SignalError):
    """The message was decrypted before, or is too old: its key is gone."""
