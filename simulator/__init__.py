"""A Clickatell-true SMSC for the demo, the tests and the compliance run.

`Smsc` decides (without IO), `Simulator` serves it on a TCP port, `Journal` keeps what reached it.
"""
