"""SCAYLE, the shop: Admin API and the messages it sends us."""
