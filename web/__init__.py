"""The operations page: `smsfleet web` serves it. Needs the extra `web`."""
