"""Stewards answer what the machine must not guess, and what they say outranks it, for good.

Every act is one transaction under the resolver's lock: the fact is appended, the records that it touches are resolved
by the same pipeline as always, and the answer says what became of them. A preview is the same transaction, rolled
back.
"""

from cdi.stewardship.conflicts import (
    Settlement,
    list_conflicts,
    pin_value,
    say_of_conflict,
    settle_conflict,
    show_conflict,
    unpin_value,
)
from cdi.stewardship.deputies import end_absence, list_absences, mine, name_deputy
from cdi.stewardship.desk import Desk
from cdi.stewardship.involved import look_into
from cdi.stewardship.once import once
from cdi.stewardship.overrides import add_override, list_overrides, revoke_override, show_override
from cdi.stewardship.owners import hand_over
from cdi.stewardship.queue import assign_review, comment_on_review, decide_many, next_review, snooze_review
from cdi.stewardship.reviews import (
    claim_review,
    count_reviews,
    decide_review,
    list_reviews,
    list_to_agree,
    preview_decision,
    release_review,
    show_review,
    to_agree,
    undo_decision,
)
from cdi.stewardship.samples import draw_sample, judge_pair, list_samples, look_at_pair, show_sample
from cdi.stewardship.saved_filters import forget_filter, list_filters, save_filter
from cdi.stewardship.splits import Split, split_profile
from cdi.stewardship.tasks import answer_task, ask_owner, list_tasks, report_wrong_value

__all__ = [
    "Desk",
    "Settlement",
    "Split",
    "add_override",
    "answer_task",
    "ask_owner",
    "assign_review",
    "claim_review",
    "comment_on_review",
    "count_reviews",
    "decide_many",
    "decide_review",
    "draw_sample",
    "end_absence",
    "forget_filter",
    "hand_over",
    "judge_pair",
    "list_absences",
    "list_conflicts",
    "list_filters",
    "list_overrides",
    "list_reviews",
    "list_samples",
    "list_tasks",
    "list_to_agree",
    "look_at_pair",
    "look_into",
    "mine",
    "name_deputy",
    "next_review",
    "once",
    "pin_value",
    "preview_decision",
    "release_review",
    "report_wrong_value",
    "revoke_override",
    "save_filter",
    "say_of_conflict",
    "settle_conflict",
    "show_conflict",
    "show_override",
    "show_review",
    "show_sample",
    "snooze_review",
    "split_profile",
    "to_agree",
    "undo_decision",
    "unpin_value",
]
