"""SMPP 3.3 and 3.4 without IO: octets in, events out.

Nothing here opens a socket, reads a clock, sleeps or logs: octets and `now` are arguments, octets to send
and events are return values. `session` is our (ESME) side of a connection, `server` the gateway's side for
the simulator; both stand on `framing`, `pdu`, `message` and `tlv`.
"""
