"""What can be chosen: how a SCAYLE stand-in is started, and every behaviour that the documents leave open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

EVERYTHING = frozenset({"*"})

DEFAULT_RATE_LIMITS = {
    "ordersRead": 1000,
    "ordersWrite": 300,
    "fulfillmentWrite": 300,
    "customersRead": 300,
    "customersWrite": 300,
    "productRead": 1000,
    "productWrite": 300,
    "globalRead": 1000,
    "globalWrite": 300,
    "shopCategoriesRead": 1000,
    "shopCategoriesWrite": 300,
    "vouchersRead": 300,
    "vouchersWrite": 300,
    "stocksRead": 2500,
    "stocksWrite": 2500,
    "reservationsWrite": 2500,
    "pricesRead": 2500,
    "pricesWrite": 300,
    "productSortingWrite": 2500,
    "customDataRead": 2000,
    "customDataWrite": 1000,
    "redirectsRead": 1000,
    "redirectsWrite": 300,
}
"""Calls a minute per scope and token (documented defaults; tenants differ)."""

DELEGATION_RETRY_SECONDS = [180, 300, *[7200] * 23]
"""Documented: after 3 minutes, after another 5, then 23 times every 2 hours; 46 h 8 min in all."""

CANCELLATION_RETRY_SECONDS = [60, 180, 300, 900, 1800, 3600]
"""Guessed: SCAYLE says "repeated, possibly several times" and no schedule."""

WEBHOOK_RETRY_SECONDS = [60, 300, 900, 3600]
"""Project choice; the vendor's schedule is unknown."""

CHOICES: dict[str, tuple[str, ...]] = {
    "rateWindow": ("first_call", "clock_minute"),
    "equalChangedAt": ("applied", "ignored"),
    "absentMerchant": ("default", "any"),
    "shippedUnitCancellation": ("409", "accepted"),
    "shipmentAfterForceClose": ("409", "accepted"),
    "updatesBeforeDelegation": ("accepted", "409"),
    "legacyCustomData": ("replace", "merge"),
    "emptyCustomData": ("sometimes_list", "object", "list"),
    "delegationCost": ("order", "merchant"),
    "delegationWithoutUrl": ("acknowledged", "failed"),
    "virtualStock": ("ignore", "enforce"),
    "capture": ("automatic", "manual"),
    "webhookEnvelope": ("newer", "older"),
    "webhookItemPayload": ("order", "items"),
    "webhookSpelling": ("cancelled", "canceled"),
}

DEFAULT_BEHAVIOUR: dict[str, Any] = {
    # The first word of each choice is the default: section 16 of the contract and the project's decisions.
    **{name: words[0] for name, words in CHOICES.items()},
    "fulfilmentStatus": 201,
    "rateLimitsEnabled": True,
    "rateHeadersOnUnauthorised": True,
    "orderListEnabled": True,
    "stockDeductsBlocks": False,
    "requireAcknowledged": True,
    "requireAssignedCarrier": True,
    "fullInvoicing": True,
    "absoluteVoucherInItemPrice": False,
    "companies": [1],
    "forceCloseDays": 14.0,
    "delegationDelaySeconds": 60.0,
    "delegationTimeoutSeconds": 15.0,
    "delegationTimeScale": 1.0,
    "delegationRetrySeconds": DELEGATION_RETRY_SECONDS,
    "cancellationTimeoutSeconds": 15.0,
    "cancellationTimeScale": 1.0,
    "cancellationRetrySeconds": CANCELLATION_RETRY_SECONDS,
    "webhookTimeoutSeconds": 10.0,
    "webhookTimeScale": 1.0,
    "webhookRetrySeconds": WEBHOOK_RETRY_SECONDS,
    "webhookDuplicateProbability": 0.0,
    "webhookDropProbability": 0.0,
    "webhookShuffleSeconds": 0.0,
    "reservationTtlSeconds": 900,
    "bulkStepSeconds": 0.0,
}


@dataclass
class Behaviour:
    """The switches as they stand; change them through `update`, which refuses what it does not know."""

    values: dict[str, Any] = field(default_factory=lambda: dict(DEFAULT_BEHAVIOUR))
    rate_limits: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_RATE_LIMITS))

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def seconds(self, name: str) -> float:
        """Return a duration in seconds."""
        return float(self.values[name])

    def on(self, name: str) -> bool:
        """Return a switch that is either on or off."""
        return bool(self.values[name])

    def update(self, changes: dict[str, Any]) -> None:
        """Apply changes, all or none; raises ValueError naming the first one that is not understood.

        `rateLimits` maps scopes to calls a minute and may name `*` for all of them.
        """
        values, limits = dict(self.values), dict(self.rate_limits)
        for name, value in changes.items():
            if name == "rateLimits":
                _change_limits(limits, value)
            elif name not in DEFAULT_BEHAVIOUR:
                known = ", ".join(sorted([*DEFAULT_BEHAVIOUR, "rateLimits"]))
                raise ValueError(f"unknown setting {name!r}; known: {known}")
            elif name in CHOICES and value not in CHOICES[name]:
                raise ValueError(f"{name} takes one of {', '.join(CHOICES[name])}")
            elif type(value) is not type(default := DEFAULT_BEHAVIOUR[name]) and not (
                isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
            ):
                raise ValueError(f"{name} takes a value like {default!r}")
            else:
                values[name] = value
        if values["fulfilmentStatus"] not in (200, 201, 202, 204):
            raise ValueError("fulfilmentStatus takes 200, 201, 202 or 204")
        self.values, self.rate_limits = values, limits

    def to_json(self) -> dict[str, Any]:
        """Return every setting and the rate limits."""
        return {**self.values, "rateLimits": dict(self.rate_limits)}


def _change_limits(limits: dict[str, int], changes: Any) -> None:
    if not isinstance(changes, dict):
        raise ValueError("rateLimits maps scopes to calls a minute")  # noqa: TRY004 - one refusal for all settings
    for scope, limit in changes.items():
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
            raise ValueError(f"the limit of {scope} must be a whole number >= 0")
        if scope != "*" and scope not in DEFAULT_RATE_LIMITS:
            raise ValueError(f"unknown scope {scope!r}")
        for name in limits if scope == "*" else (scope,):
            limits[name] = limit


@dataclass(frozen=True)
class LaunchSettings:
    """How one stand-in is started.

    `tokens` maps an access token to its scopes; write includes read, `*` is everything. `seed_document` is
    what `POST /_sandbox/seed` would take, loaded again by every reset.
    """

    tokens: dict[str, frozenset[str]] = field(default_factory=lambda: {"sandbox-token": EVERYTHING})
    base_path: str = "/api/admin/v1"
    tenant_key: str = "acme"
    control_token: str | None = None
    seed: int = 1
    behaviour: dict[str, Any] = field(default_factory=dict)
    seed_document: dict[str, Any] = field(default_factory=dict)
    outgoing_calls: int = 32
