"""Everything that knows a vendor: transport, wire formats, and the adapters that stand behind the ports."""
