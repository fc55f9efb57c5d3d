"""Keep a SCAYLE shop and its Scend or OrderWise back ends in step, unattended."""
