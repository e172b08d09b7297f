# SPDX-License-Identifier: GPL-2.0-or-later
"""One attempt to publish an event's request: whether it may, what came of it, and what happens next."""

import dataclasses
import logging

from doorbell_pagure import credentials, publisher
from doorbell_pagure.publisher import Outcome

_log = logging.getLogger(__name__)

#: Before each further attempt. Pagure drops an exception of a CI type and does not retry.
RETRY_DELAYS_SECONDS = (5, 30, 120, 480)

#: Doorbell takes two requests with one id for one job if they are published within an hour. Beyond this age nothing is
#: published that may have been published before: it would be a second job.
REPEAT_WINDOW_SECONDS = 50 * 60

#: Doorbell rejects older requests itself; here, a queue that no worker has read.
MAX_AGE_SECONDS = 72 * 3600


def retry_delay(number):
    """The delay after failed attempt `number`, or None after the last."""
    return RETRY_DELAYS_SECONDS[number] if number < len(RETRY_DELAYS_SECONDS) else None


@dataclasses.dataclass(frozen=True)
class Result:
    """What happens next. Without a delay and a loss: nothing, the request is published."""

    retry_after: "int | None" = None
    #: Why the request is lost, in our own words.
    loss: "str | None" = None


def attempt(event, settings, number, age_seconds, redelivered, publish=publisher.publish):
    """Makes attempt `number`, from 0. `redelivered`: an earlier delivery of the same message may have published it."""
    if age_seconds > MAX_AGE_SECONDS:
        return Result(loss="it waited for more than 72 hours")
    if age_seconds > REPEAT_WINDOW_SECONDS and (number > 0 or redelivered):
        return Result(loss="publishing was interrupted, and may have succeeded before")
    try:
        allowed = credentials.choose(event.key, event.repository, event.request, settings)
    except credentials.RefusedHook as error:
        return Result(loss=str(error))
    outcome, output = publish(event.request, allowed)
    if outcome is Outcome.PUBLISHED:
        _log.info("doorbell: published %s as %s", event.request, output)
        return Result()
    if outcome is Outcome.FAILED:
        _log.error("doorbell: publishing %s failed, no retry: %s", event.request, output)
        return Result(loss="the hook's settings or the installation are wrong; the worker's log has the error")
    delay = retry_delay(number)
    if delay is None:
        _log.error("doorbell: publishing %s failed after retries: %s", event.request, output)
        return Result(loss="publishing failed after retries; the worker's log has the error")
    _log.warning("doorbell: publishing %s failed, retry in %s s: %s", event.request, delay, output)
    return Result(retry_after=delay)
