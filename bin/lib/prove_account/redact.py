"""Removes from AWS's answers what identifies an account, a person or a credential."""

import re

ACCOUNT = "111122223333"

# What to look for, and what takes its place. The account's own id is replaced first, wherever it stands.
PATTERNS = (
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), "AKIAEXAMPLE"),
    (re.compile(r"\b(?:AROA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}\b"), "AROAEXAMPLE"),
    # A caller's name follows the kind of principal: users are people, and sessions often carry their addresses.
    (re.compile(r"(arn:aws[a-z-]*:iam::\d{12}:user/)[^\s\"',\\]+"), r"\1admin"),
    (re.compile(r"(arn:aws[a-z-]*:sts::\d{12}:(?:assumed-role|federated-user)/)[^\s\"',\\]+"), r"\1admin/session"),
    (re.compile(r"AWSReservedSSO_[A-Za-z0-9_]+(?:/[^\s\"',\\]+)?"), "admin/session"),
    (re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[a-z]{2,}\b"), "admin@example.org"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), "192.0.2.1"),
    (re.compile(r"\b(vpc|subnet|eni|sg)-[0-9a-f]{8,}\b"), r"\g<1>-1"),
    # Pre-signed addresses: the signature is a credential for some minutes.
    (re.compile(r"([?&]X-Amz-[A-Za-z-]+=)[^&\s\"']+"), r"\1removed"),
)

SECRET_FIELDS = re.compile(r"secret|token|password|credential", re.IGNORECASE)
# Tokens that say which call is meant, and are no credential.
PUBLIC_FIELDS = {"idempotencyToken", "nextToken", "nextForwardToken"}


class Redactor:
    """Redacts the answers of one account."""

    def __init__(self, account, secrets=()):
        self.account = account
        # A shorter one could be part of any word.
        self.secrets = [secret for secret in secrets if secret and len(secret) >= 8]

    def text(self, text):
        for secret in self.secrets:
            text = text.replace(secret, "removed")
        if self.account:
            text = text.replace(self.account, ACCOUNT)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def value(self, value, field=""):
        """The same JSON value, redacted; keys are redacted as well."""
        if isinstance(value, dict):
            return {self.text(key): self.value(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, field) for item in value]
        if not isinstance(value, str):
            return value
        if SECRET_FIELDS.search(field) and field not in PUBLIC_FIELDS:
            return "removed"
        return self.text(value)

    def leaks(self, text):
        """What must not be in a file and is."""
        return [secret for secret in [self.account, *self.secrets] if secret and secret != ACCOUNT and secret in text]
