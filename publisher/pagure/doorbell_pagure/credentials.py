# SPDX-License-Identifier: GPL-2.0-or-later
"""Decides whose credentials a hook may use.

The owner of a repository fills in the hook: its topic and its project. If the plugin used the credentials of Pagure's
workers for every hook, each account of this Pagure could request builds of every registered project. No message names its
sender, so the administrator's list is the control.
"""

import dataclasses

#: Settings in pagure.cfg: the one topic to which the workers' own credentials may publish, and the pairs of a
#: repository (Pagure's full name) and a project (of Doorbell's registry) for which they are used.
TOPIC_SETTING = "DOORBELL_TOPIC_ARN"
PAIRS_SETTING = "DOORBELL_PAIRS"


class RefusedHook(Exception):
    """The hook may not publish. Its text is ours and names no value of the hook."""


@dataclasses.dataclass(frozen=True)
class Credentials:
    """The hook's own key, or those of the worker's process if `key` is None."""

    #: (access key id, secret access key); never shown.
    key: "tuple[str, str] | None" = dataclasses.field(default=None, repr=False)


def choose(key, repository, request, settings):
    """The credentials for a request of this repository, which is the full name that Pagure gives it.

    `key` is the hook's own (id, secret). With a key, this key alone is used, even if SNS denies it. Without one the
    worker's credentials are used, if the administrator lists the pair and the hook names the administrator's topic. Raises
    `RefusedHook` otherwise."""
    if all(key):
        return Credentials(key)
    if any(key):
        raise RefusedHook("the hook's key is incomplete: ci_username and ci_password are set together")
    if (repository, request.project) not in _pairs(settings):
        raise RefusedHook("the hook has no key, and the administrator does not list this repository and project")
    if not settings.get(TOPIC_SETTING) or request.topic != settings[TOPIC_SETTING]:
        raise RefusedHook("the hook has no key, and its topic is not the administrator's")
    return Credentials()


def _pairs(settings):
    """The listed pairs. An entry of any other form lists nothing: "ab" is not the pair ("a", "b")."""
    entries = settings.get(PAIRS_SETTING) or ()
    if not isinstance(entries, (list, tuple, set, frozenset)):
        return set()
    pairs = (tuple(entry) for entry in entries if isinstance(entry, (list, tuple)))
    return {pair for pair in pairs if len(pair) == 2 and all(isinstance(name, str) for name in pair)}
