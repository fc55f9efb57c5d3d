"""Bulk requests: a container of ordinary calls, worked off in the background one after the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncbridge.sandbox.scayle.answers import Answer, ApiError, Body, Json, encode, invalid
from syncbridge.sandbox.scayle.scheduler import Outgoing, Scheduler
from syncbridge.sandbox.scayle.settings import Behaviour

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})

RUNNING_LIMIT = 100_000
"""Documented for all running operations together; a limit for stock alone is not known."""

SLICE = 200
"""Operations done in one go where no pause between them is set, so that live requests are not held up."""

Execute = Callable[[str, str, bytes], Answer]


@dataclass(slots=True)
class Operation:
    """One call inside a bulk request."""

    key: str
    method: str
    url: str
    body: bytes
    status: str = "new"
    status_code: int | None = None
    response: Any = None

    def view(self, request: BulkRequest) -> Json:
        """Return BulkOperationStatus."""
        response = None
        if self.status_code is not None:
            response = {"statusCode": self.status_code, "body": self.response}
        return {"key": self.key, "status": self.status, "response": response, "bulkRequest": request.view()}


@dataclass(slots=True)
class BulkRequest:
    """A container; it can grow until it is complete, and works only then."""

    key: int
    operations: dict[str, Operation] = field(default_factory=dict)
    status: str = "new"
    complete: bool = False
    processed: int = 0
    failed: int = 0
    request_url: str | None = None
    operation_url: str | None = None

    def view(self) -> Json:
        """Return BulkRequestStatus."""
        return {
            "key": self.key,
            "status": self.status,
            "progress": {
                "totalOperations": len(self.operations),
                "processedOperations": self.processed,
                "failedOperations": self.failed,
            },
        }


class BulkRequests:
    """Take, work off and report bulk requests; `execute` makes one inner call."""

    def __init__(
        self, behaviour: Behaviour, scheduler: Scheduler, outgoing: Outgoing, execute: Execute
    ) -> None:
        self._behaviour = behaviour
        self._scheduler = scheduler
        self._outgoing = outgoing
        self._execute = execute
        self.requests: dict[int, BulkRequest] = {}
        self._running = 0

    def create(self, body: Body) -> Json:
        """Take a bulk request for stock, or a further chunk of one; return its key."""
        callbacks = Body.of(body.members.get("callbacks") or {}, "callbacks")
        request_status = callbacks.optional_text("requestStatus") or "complete"
        if request_status not in ("complete", "incomplete"):
            raise invalid("callbacks.requestStatus", "requestStatus is complete or incomplete.")
        operations = [self._operation(entry) for entry in body.objects("operations")]
        keys = {operation.key for operation in operations}
        if len(keys) != len(operations):
            raise invalid("operations", "An operation key occurs twice.")
        if self._running + len(operations) > RUNNING_LIMIT:
            raise ApiError(
                400, "BULK_LIMIT_EXCEEDED", "Too many running operations.", {"limit": RUNNING_LIMIT}
            )
        request = self._open_request(callbacks)
        self._running += len(operations)
        request.operations.update({operation.key: operation for operation in operations})
        if request_status == "complete":
            request.complete = True
            request.status = "pending"
            self._tell_request(request)
            self._scheduler.after(0, partial(self._work, request, list(request.operations.values()), 0))
        return {"key": request.key}

    def _open_request(self, callbacks: Body) -> BulkRequest:
        number = callbacks.optional_integer("bulkRequestKey")
        if number is None:
            request = BulkRequest(len(self.requests) + 1)
            self.requests[request.key] = request
        else:
            request = self.get(number)
            if request.complete or request.status == "cancelled":
                raise ApiError(409, "BULK_REQUEST_COMPLETE", "It cannot grow any more.", {"key": number})
        request.request_url = callbacks.optional_text("requestUrl") or request.request_url
        request.operation_url = callbacks.optional_text("operationUrl") or request.operation_url
        return request

    def _operation(self, entry: Body) -> Operation:
        method, url = entry.text("method"), entry.text("url")
        if method not in METHODS:
            raise invalid(f"{entry.where}.method", f"method is one of {', '.join(sorted(METHODS))}.")
        parts = url.split("?")[0].strip("/").split("/")
        allowed = method == "POST" and url.startswith("/") and len(parts) == 3
        if not allowed or parts[0] != "variants" or parts[2] != "stocks":
            raise invalid(
                f"{entry.where}.url", "Only POST /variants/{variantIdentifier}/stocks is allowed here."
            )
        return Operation(entry.text("key"), method, url, encode(entry.members.get("body") or {}))

    def get(self, number: int) -> BulkRequest:
        """Return a bulk request; raises ApiError 404."""
        if number not in self.requests:
            raise ApiError(404, "BULK_REQUEST_NOT_FOUND", "No such bulk request.", {"key": number})
        return self.requests[number]

    def operation(self, number: int, key: str) -> Json:
        """Return one operation's status; raises ApiError 404."""
        request = self.get(number)
        if key not in request.operations:
            raise ApiError(404, "BULK_OPERATION_NOT_FOUND", "No such operation.", {"operationKey": key})
        return request.operations[key].view(request)

    def cancel(self, number: int) -> Json:
        """Stop a bulk request; what is done stays done."""
        request = self.get(number)
        if request.status in ("processed", "failed"):
            raise ApiError(409, "BULK_REQUEST_FINISHED", "It has already ended.", {"key": number})
        if request.status != "cancelled":
            self._running -= len(request.operations) - request.processed - request.failed
            request.status = "cancelled"
            self._tell_request(request)
        return request.view()

    def _work(self, request: BulkRequest, operations: list[Operation], position: int) -> None:
        if request.status == "cancelled":
            return
        if request.status == "pending":
            request.status = "processing"
            self._tell_request(request)
        pause = self._behaviour.seconds("bulkStepSeconds")
        stop = min(len(operations), position + (1 if pause else SLICE))
        for operation in operations[position:stop]:
            self._run(request, operation)
        if stop < len(operations):
            self._scheduler.after(pause, partial(self._work, request, operations, stop))
            return
        request.status = "failed" if request.failed == len(operations) else "processed"
        self._tell_request(request)

    def _run(self, request: BulkRequest, operation: Operation) -> None:
        operation.status = "processing"
        answer = self._execute(operation.method, operation.url, operation.body)
        operation.status_code = answer.status
        text = answer.body()
        operation.response = json.loads(text) if text else None
        good = answer.status < 400
        operation.status = "processed" if good else "failed"
        request.processed += good
        request.failed += not good
        self._running -= 1
        if request.operation_url:
            self._tell(request.operation_url, operation.view(request))

    def _tell_request(self, request: BulkRequest) -> None:
        if request.request_url:
            self._tell(request.request_url, request.view())

    def _tell(self, url: str, document: Json) -> None:
        body = encode(document)

        async def send() -> None:
            await self._outgoing.post(url, body, self._behaviour.seconds("webhookTimeoutSeconds"), "bulk")

        self._scheduler.after(0, send)
