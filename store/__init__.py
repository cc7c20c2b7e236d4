"""The Redis contract: every key, record and script. Nothing else issues Redis commands on these keys."""
