# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the texts of strangers fit for a log line: a hook's fields, branch names, titles, the output of programs."""

#: Long enough for an error of trigger_job.
MAX_CHARACTERS = 500


def one_line(text, limit=MAX_CHARACTERS):
    """The text without line breaks and control characters, cut at the limit.

    Python calls control, bidi and zero-width characters unprintable. One line of the log stays one line."""
    words = " ".join(str(text).split())
    return "".join(character for character in words if character.isprintable())[:limit]
