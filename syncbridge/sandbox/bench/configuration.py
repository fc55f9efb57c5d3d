"""The configuration under which measurements run: production defaults throughout, with only what has to be said."""

from __future__ import annotations

from syncbridge.sandbox.demo.addresses import (
    ACCOUNT,
    CARRIER,
    COUNTRY,
    MERCHANT,
    SCAYLE_PATH,
    SCEND_PATH,
    SHOP_KEY,
    WAREHOUSE,
    WAREHOUSE_CODE,
)
from syncbridge.sandbox.demo.stage import CARRIERS

_CARRIER_MAP = "\n".join(f'{carrier} = "{CARRIER}"' for carrier in CARRIERS)

CONFIGURATION = f"""\
# Written by `python -m syncbridge.sandbox.bench` for one measurement.

[scayle]
base_url = "{{addresses.scayle}}{SCAYLE_PATH}"

[[scayle.shops]]
key = "{SHOP_KEY}"
country = "{COUNTRY}"
currencies = ["GBP"]
default = true

[[merchants]]
key = "{MERCHANT}"
backend = "scend"
warehouses = [{{{{ key = "{WAREHOUSE}", code = "{WAREHOUSE_CODE}" }}}}]
service_map = {{{{ {CARRIER} = "AUTO" }}}}

[merchants.carrier_map]
{_CARRIER_MAP}

[scend]
base_url = "{{addresses.scend}}{SCEND_PATH}"
account_code = "{ACCOUNT}"
rate_capacity = {{rate_capacity}}
rate_per_second = {{rate_per_second}}
"""
"""A template for `str.format`: `addresses`, `rate_capacity`, `rate_per_second`. Times are the defaults of production."""
