"""The one error tree.

Every error of smsfleet derives from `SmsfleetError`. Errors of libraries are translated where they enter.
A message names the value, the rule and what to do about it. `retryable` says whether the same call may
succeed later without a change by the caller. `code` is a short stable word that is stored with a refused
job and that scripts may compare.
"""

from __future__ import annotations

from typing import ClassVar


class SmsfleetError(Exception):
    """Anything that smsfleet itself raises."""

    retryable: ClassVar[bool] = False
    code: ClassVar[str] = "error"


class ConfigError(SmsfleetError):
    """A setting is missing or breaks a rule; the message names the setting, the value and the rule."""

    code = "config"


# --- what a caller asked for -------------------------------------------------------------------


class InvalidArgument(SmsfleetError, ValueError):
    """An argument of send_sms (or of a command) that can never work."""

    code = "invalid-argument"


class InvalidDestination(InvalidArgument):
    """A destination address that is not an international number."""

    code = "invalid-destination"


class DestinationDenied(InvalidDestination):
    """A destination that SMSFLEET_ALLOW_PREFIXES or SMSFLEET_DENY_PREFIXES keep out."""

    code = "destination-denied"


class InvalidSender(InvalidArgument):
    """A source address that is neither alphanumeric (at most 11) nor numeric (at most 16 digits)."""

    code = "invalid-sender"


class SenderDenied(InvalidSender):
    """A source address that is not among the operator's registered ones (SMSFLEET_SENDERS)."""

    code = "sender-denied"


class InvalidText(InvalidArgument):
    """A text that cannot be put into the chosen alphabet, or that holds forbidden characters."""

    code = "invalid-text"


class TextTooLong(InvalidText):
    """A text that needs more segments than allowed."""

    code = "text-too-long"


class InvalidField(InvalidArgument):
    """A row of a campaign lacks a field of the text, or has what cannot be put in."""

    code = "invalid-field"


class InvalidFile(InvalidArgument):
    """A file of recipients that cannot be read; the message names the line where there is one."""

    code = "invalid-file"


class QuotaExceeded(InvalidArgument):
    """A job that would exceed the daily credits of its client (`SMSFLEET_QUOTAS`)."""

    code = "quota-exceeded"


class OptedOut(SmsfleetError):
    """The recipient wants no messages (of this sender), and the job does not say that it ignores that."""

    code = "opted-out"


class IdempotencyConflict(InvalidArgument):
    """An idempotency key that was used for another content; the message names what differs, never a value."""

    code = "idempotency-conflict"


class UnknownJob(SmsfleetError, LookupError):
    """No job of this id: never taken in, or older than the retention."""

    code = "unknown-job"


class UnknownCampaign(SmsfleetError, LookupError):
    """No campaign has this id or idempotency key (any more)."""

    code = "unknown-campaign"


class UnknownMessage(SmsfleetError, LookupError):
    """No message from a handset of this id: never kept, or too many came after it."""

    code = "unknown-message"


# --- the store ---------------------------------------------------------------------------------


class StoreError(SmsfleetError):
    """The Redis side of smsfleet."""

    code = "store"


class StoreUnavailable(StoreError):
    """Redis does not answer, or cannot take the write; nothing was changed as far as is known."""

    retryable = True
    code = "store-unavailable"


class WrongType(StoreUnavailable):
    """A key that the account needs holds another type than smsfleet's: nothing goes on until it is mended."""

    code = "wrong-type"


class StoreForbidden(StoreError):
    """The Redis user of this process may not do this: `smsfleet acl` says what each role may."""

    code = "store-forbidden"


class StoreMisconfigured(StoreError):
    """Redis answers, and refuses the login, or would lose data as it is set up (no AOF, evicting policy)."""

    code = "store-misconfigured"


class RecordError(StoreError):
    """A stored record is not of the form that this version writes."""

    code = "record"


class Fenced(StoreError):
    """Another binder holds the fence: this one must step down at once."""

    code = "fenced"


# --- the protocol ------------------------------------------------------------------------------


class SmppError(SmsfleetError):
    """The SMPP side of smsfleet."""

    code = "smpp"


class EncodeError(SmppError, ValueError):
    """A value that does not fit its SMPP field; never cut, because a cut address is a wrong recipient."""

    code = "encode"


class PduError(SmppError):
    """One PDU of the peer is malformed; the session goes on, and `command_status` is the answer to give."""

    code = "pdu"

    def __init__(self, command_status: int, message: str) -> None:
        super().__init__(message)
        self.command_status = command_status


class FramingError(SmppError):
    """The octet stream of the peer cannot be followed any more: answer generic_nack and close."""

    code = "framing"


class SessionError(SmppError):
    """A call that the session cannot serve in its present state."""

    code = "session"


class NotBound(SessionError):
    """The session is not bound (any more) in the needed direction: wait for the next bind."""

    retryable = True
    code = "not-bound"


class WindowFull(SessionError):
    """As many requests as the window allows are unanswered: call again after an event freed a place."""

    retryable = True
    code = "window-full"


# --- processes ---------------------------------------------------------------------------------


class BinderSilent(SmsfleetError):
    """No binder answers what it is asked through Redis: none is running, or none leads."""

    retryable = True
    code = "binder-silent"


class HookRefused(SmsfleetError):
    """A webhook that must not be called: not https, or its address is not public."""

    code = "webhook-refused"


class StillOpen(SmsfleetError, TimeoutError):
    """Nothing that was waited for became of a job in time; it may still."""

    retryable = True
    code = "still-open"


class NotAsked(SmsfleetError):
    """query_sm is not asked: the gateway has refused it, or the binder's settings say so."""

    code = "not-asked"


class ServerError(SmsfleetError):
    """The embedded Redis or Valkey server is missing or did not start; the message says what to install."""

    code = "server"
