"""A stand-in for the Scend WMS: orders, stock, despatches, returns and webhooks, as the contract has them.

Scend publishes no reference, so the contract itself is an assumption; what is guessed beyond it is marked where
it stands. The vendor API is under /v1, with `Authorization: Bearer …` and `X-Scend-Account`.

Control plane (JSON; `X-Sandbox-Token` where one is configured; never rate-limited, never faulty):

  POST /_sandbox/reset                     everything as at the start: state, seed, settings, faults, clock
  POST /_sandbox/seed                      {accounts, tokens, services, products, stock}; adds or changes,
                                           thousands at a time; stock figures are absolute
  GET  /_sandbox/state                     all that is known; ?section=orders,despatches,stock,returns,products,
                                           deliveries,facts,requests,counters,faultsInjected,settings,
                                           subscriptions,accounts  &after=0&limit=1000  &account=CODE
  GET  /_sandbox/summary                   cheap counts by status
  GET, POST /_sandbox/clock                {"now": "2026-03-02T08:00:00.000Z"} or {"advanceSeconds": 3600}; with them or alone
                                           {"stopped": true}: it stands still, and moves only when moved
  GET, PUT  /_sandbox/settings             duplicateMode, asyncValidation, onUnknownSku, onIncompleteAddress,
                                           cutoffStatus, autoProgress (true, false or an object), searchLagSeconds,
                                           stockLagSeconds, strictFields, rateCapacity, ratePerSecond,
                                           webhookTimeScale, processingSeconds, intakeSeconds
  GET, POST, DELETE /_sandbox/faults       one fault or a list: {"match": {"method", "path", "pathRegex", "topic"},
                                           "fault", "times" (default 1, null for ever), "probability", "status",
                                           "body", "milliseconds", "retryAfter", "effect"}
     kinds: http, rate_limit, timeout_before, timeout_after, slow, html_502, truncated_json, token_revoked,
            cursor_expired, in_progress; of webhooks (match by topic): duplicate_webhook, reorder_webhooks,
            drop_webhook, bad_signature
  GET  /_sandbox/journal                   vendor requests, ?after=n&limit=1000

  GET  /_sandbox/orders/{id}               also /_sandbox/orders/by-reference/{clientReference}; so all below
  POST /_sandbox/orders/{id}/advance       {"to": "PICKED"}: walks legal transitions
  POST /_sandbox/orders/{id}/allocate      reserve (more) stock
  POST /_sandbox/orders/{id}/despatch      {"parcels": [{"lines": [{lineNumber or sku, quantity}], "trackingNumber",
                                           "trackingUrl", "weightGrams"}], "carrierCode", "serviceCode",
                                           "despatchedAt", "force"}; without parcels everything reserved in one
  POST /_sandbox/orders/{id}/short-pick    {"lines": [{lineNumber or sku, quantity}]}
  POST /_sandbox/orders/{id}/short-close   give up on missing units
  POST /_sandbox/orders/{id}/hold          {"code", "message"};  …/unhold
  POST /_sandbox/orders/{id}/warehouse-cancel
  POST /_sandbox/orders/{id}/cancellation  {"decision": "ACCEPT" or "DECLINE"} of a pending request
  POST /_sandbox/despatches/{id}/tracking  {"trackingNumber"} or {"parcels": [{parcelId or parcelNumber,
                                           trackingNumber}]}, "carrierCode"
  POST /_sandbox/despatches/{id}/void
  POST /_sandbox/returns/{id}/receive      {"lines": [{sku, quantity, conditionCode, disposition, lineNumber, note}],
                                           "close": true}; also /_sandbox/returns/by-rma/{rmaNumber}/receive
  POST /_sandbox/returns/{id}/advance      {"to": "IN_TRANSIT"}; also by-rma
  POST /_sandbox/returns/unannounced       {clientReference, warehouseCode, returnTracking, lines, close}
                                           a return label's code comes back as returnTracking.trackingNumber or
                                           as a line's "note"
  POST /_sandbox/stock/adjust              {sku, warehouseCode, bucket, delta}
  POST /_sandbox/webhooks/subscriptions    as the API's, with a "secret" of one's choosing
  GET  /_sandbox/webhooks/deliveries       ?topic=…
  POST /_sandbox/webhooks/deliveries/{eventId}/redeliver
  POST /_sandbox/webhooks/flush-stock      send gathered stock changes now
"""

from syncbridge.sandbox.scend.app import Launch, build_app

__all__ = ["Launch", "build_app"]
