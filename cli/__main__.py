"""`python -m smsfleet.cli`."""

from smsfleet.cli.main import main

main()
