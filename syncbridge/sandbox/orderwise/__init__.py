"""A stand-in for OrderWise: the REST API, export definitions, and what is assumed beyond public knowledge.

The vendor publishes no reference. Tokens, customers, variants, stock, export definitions and the order body are as public
clients use them; cancelling, returns, financial batches and the columns of the exports are assumptions of the contract.
The API is below any of its application names in any case: /owapi (data set `live`), /owapitest and /owapisb (`test`).
`GET /owapi/token/gettoken` with Basic (syncbridge, orderwise-sandbox) gives a token in double quotes; Bearer elsewhere.
Exports: 201 order_lookup, 202 despatches, 203 stock_changes, 204 stock_snapshot, 205 item_by_code, 206 returned_goods.

Control plane (JSON; `X-Sandbox-Token` where one is configured; never rate-limited, never faulty). Where it says so, a call
means the data set `live` unless `?account=test` or `"dataSet": "test"` says otherwise:

  POST /_sandbox/reset                     everything as at the start: state, seed, settings, faults, clock
  POST /_sandbox/seed                      {users, sessions, locations, valueLists, couriers, dissurs, nominals,
                                           departments, costCentres, customers, variants, stock, exports}; adds or
                                           changes, thousands at a time; stock figures (variantCode, stockLocationId,
                                           physical, elsewhere: held by other channels) are absolute; exports are
                                           {id, name, rename: {old: new}} or {id, parameters, rows}
  GET  /_sandbox/state                     all that is known; ?section=orders,despatches,stock,returns,products,imports,
                                           batches,customers,purchaseOrders,facts,requests,counters,faultsInjected,
                                           settings,accounts  &after=0&limit=1000  &account=test or *
  GET  /_sandbox/summary                   cheap counts by status, and the local time on the server's wall
  GET, POST /_sandbox/clock                {"now": "2026-03-02T08:00:00.000Z"} or {"advanceSeconds": 3600}; with them or alone
                                           {"stopped": true}: it stands still, and moves only when moved; the repeated
                                           hour of autumn: 2026-10-25T00:30:00Z is 01:30, and so is 01:30:00Z
  GET, PUT  /_sandbox/settings             duplicatePolicy (reject, accept), importMode (immediate, deferred:<seconds>),
                                           deferredStatus (200, 202), deferredChecks (submit, import),
                                           recalculationSeconds (0: at every change), tokenSeconds, lenientAuth,
                                           strictFields, checkTotals, unauthorisedBody ("" or two quotes),
                                           absentEndpoints (cancel, returns, financial: 404, as where
                                           nobody has them), variantAnswer (array, object), rateCapacity, ratePerSecond (null: no limit),
                                           statusTexts ({"1": "Ready"}, null: back), autoProgress (true, false, object)
  GET, POST, DELETE /_sandbox/faults       one fault or a list: {"match": {"method", "path", "pathRegex"}, "fault",
                                           "times" (default 1, null for ever), "probability", "status", "body",
                                           "milliseconds", "retryAfter", "effect"}; paths in small letters, without the
                                           application: /system/export-definition/202; /sales/order begins the
                                           other calls about orders too, "pathRegex": "^/sales/order$" is the create
     kinds: http (401 is empty, 502 to 504 are pages), rate_limit, timeout_before, timeout_after (the write is
            applied), slow, html_502, truncated_json, token_revoked (all tokens), import_refused (of a deferred order)
  GET  /_sandbox/journal                   vendor requests, ?after=n&limit=1000

  GET  /_sandbox/orders/{id}               also /_sandbox/orders/by-reference/{customerOrderRef}; so all below
  POST /_sandbox/orders/{id}/advance       {"to": "ALLOCATED", "PICKING", "DESPATCHED", "INVOICED", "ON_HOLD" or
                                           "CANCELLED"}; PICKED and PACKED are PICKING
  POST /_sandbox/orders/{id}/allocate      sub-status Allocated;  …/pick {"lines"} Picking;  …/unpick
  POST /_sandbox/orders/{id}/despatch      {"lines": [{orderLineId, lineNumber or sku, quantity}], "consignments": [a
                                           number, or {number, lines}], "force", "amendedSecondsAgo"}; without
                                           consignments without tracking, without lines everything; also "parcels" as
                                           the Scend stand-in has them
  POST /_sandbox/orders/{id}/hold          …/unhold;  …/invoice: Completed becomes Invoice Waiting to be Printed
  POST /_sandbox/orders/{id}/warehouse-cancel  {"lines"}: all or some of what has not left
  POST /_sandbox/orders/{id}/duplicate     the same order once more, as OrderWise itself might make it
  POST /_sandbox/orders/{id}/texts         {"orderStatus", "subStatus"}: texts of somebody's own; null: the usual ones
  POST /_sandbox/imports/{number}/import   import now what waits under a web order number;  …/refuse {"reason"}
  POST /_sandbox/despatches/{id}/tracking  {"consignments"} or {"trackingNumber"}, later than the goods
  POST /_sandbox/returns/{id}/receive      {"lines": [{orderLineId, lineNumber or sku, quantity, condition (Resaleable,
                                           Damaged, Scrap), action, stockLocationId, linked}], "close",
                                           "amendedSecondsAgo"}; also /_sandbox/returns/by-rma/{customerReturnRef}/…
  POST /_sandbox/returns/{id}/complete     inspected and done;  …/cancel: withdrawn
  POST /_sandbox/returns/unlinked          {clientReference or orderId (or neither), lines}: nobody announced them;
                                           a line with "linked": false names no order line
  POST /_sandbox/stock/adjust              {variantCode or sku, stockLocationId, delta or physical, elsewhere};
                                           "onlyWhatIsThere": 409 for more than lies there
  POST /_sandbox/stock/recalculate         run the stock job now; {"variantCode"}: for that variant, needed or not
  POST /_sandbox/tokens/expire             every token is worth nothing
  POST /_sandbox/periods/close             {"period": "2026-03"};  …/open
"""

from syncbridge.sandbox.orderwise.app import Launch, build_app

__all__ = ["Launch", "build_app"]
