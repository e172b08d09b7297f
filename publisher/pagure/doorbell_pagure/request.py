# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked for, in Doorbell's words."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Request:
    """One request; `trigger_job` checks each value and writes the message."""

    #: The entry of the owner's registry: the hook's ci_job.
    project: str
    #: The ARN of the topic: the hook's ci_url.
    topic: str
    #: Exactly one of these three.
    branch: "str | None" = None
    tag: "str | None" = None
    pull_request: "int | None" = None
    #: The full id of the commit that was pushed, or of the pull request's head.
    commit: "str | None" = None
    #: Two publishes with one id are one job.
    id: str = ""
    #: Why, for people.
    cause: str = ""

    def arguments(self):
        """The arguments of `trigger_job`. Every value stands behind a "=" or a "--": one that begins with "-" is
        refused by its rule, and never read as an option."""
        options = [
            ("topic-arn", self.topic),
            ("tag", self.tag),
            ("pull-request", self.pull_request),
            ("commit", self.commit),
            ("id", self.id),
            ("cause", self.cause),
        ]
        named = [f"--{name}={value}" for name, value in options if value]
        return named + ["--", self.project] + ([self.branch] if self.branch else [])

    def __str__(self):
        """For logs. The owner of a repository chooses these values: `!r` keeps them on one line."""
        if self.pull_request:
            what = f"pull request {self.pull_request}"
        else:
            what = f"branch {self.branch!r}" if self.branch else f"tag {self.tag!r}"
        return f"{self.project!r}, {what} at {self.commit!r}"
