"""Stand-ins for the vendors: real HTTP servers that play SCAYLE and Scend from their written contracts.

They hold everything in memory on one event loop, enforce the documented rules strictly, and keep their own
record of what happened, so that they can serve as the oracle by which the integration is judged. They share
no code with the connectors. The modules beside this one are the kit that all stand-ins use: the controllable
clock, injected faults, the journal, serving, and the shared part of the control plane.
"""
