"""The `smsfleet` command: the only room that may import everything."""
