"""Whoever made a subscription: it has their rights, as far as they have them still, and no more."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from cdi.access import Credential, Visibility
from cdi.auth import as_caller, granted_still
from cdi.pipeline import Installation
from cdi.store.accounts import ApiKey
from cdi.store.webhooks import Subscription

TOKEN: Final = f"{Credential.TOKEN}:"


def seen_by(installation: Installation, subscription: Subscription) -> Visibility:
    """What whoever subscribed may see, as cdi.yaml says now; of a token's grants what is left of them."""
    made_by, asked = subscription.made_by, subscription.purposes
    if not made_by.startswith(TOKEN):
        account = ApiKey(made_by, subscription.role, (), None, None, subscription.sensitive, asked)
        return as_caller(account, installation.gates).visibility
    left = granted_still(installation.deployment.openid, made_by, subscription.grants or ())
    if left is None:
        return Visibility(hidden_sources=frozenset(installation.deployment.sources))
    return as_caller(replace(left, purposes=_both(asked, left.purposes)), installation.gates).visibility


def _both(asked: Collection[str] | None, allowed: Collection[str] | None) -> list[str] | None:
    """Purposes that were asked for and are allowed still; None: any."""
    if asked is None or allowed is None:
        both = allowed if asked is None else asked
        return None if both is None else sorted(both)
    return sorted(set(asked) & set(allowed))
