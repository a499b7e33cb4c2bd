"""What stands against a wish, in the visitor's language. Use cases say it in English; what is not listed here (and only
people who run the installation meet) stays so."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from cdi.web.languages import Language
from cdi.web.words import N_


def patterns_of(*messages: str) -> Mapping[str, re.Pattern[str]]:
    """Sentences with something in them, by the message that is translated."""
    return {
        message: re.compile(re.sub(r"%\\\((\w+)\\\)s|%\((\w+)\)s", r"(?P<\1\2>.+)", re.escape(message)), re.DOTALL)
        for message in messages
    }


SECOND: Final = N_("a second steward")
"""Whom a word may wait for besides owners."""
SENTENCES: Final = frozenset(
    {
        SECOND,
        N_("200 tell a precision within a few per cent"),
        N_("A few words do"),
        N_("A few words suffice: they are kept"),
        N_("A steward of these owners may do it"),
        N_("A steward of this owner answers it"),
        N_("An admin ends others'"),
        N_("An admin names one for others"),
        N_("An administrator can let you in again"),
        N_("Another administrator can, or cdi user"),
        N_("Answer it, or take it back"),
        N_("Any other verdict takes it back"),
        N_("Ask for a new one"),
        N_("Ask for it again"),
        N_("Ask for the profile to see where its records are now"),
        N_("Begin anew"),
        N_("Begin anew, or ask there"),
        N_("Choose one"),
        N_("Choose one of the four"),
        N_("Drop one that you do not need"),
        N_("Give it a short one"),
        N_("Its token is for the API"),
        N_("Leave it out for a pin without an end"),
        N_("Name another record"),
        N_("Name some of its records"),
        N_("Name somebody else"),
        N_("Name those that are another customer"),
        N_("Nothing is left to ask"),
        N_("Nothing is left to do"),
        N_("Open the page again and repeat it"),
        N_("Read it again and decide on what it says now"),
        N_("Repeat later"),
        N_("Get a new one from your identity provider"),
        N_("Say it in a few words"),
        N_("Say it in a few words: they are kept"),
        N_("Say who stands in, and until when"),
        N_("Somebody who acts for all of these owners may do it"),
        N_("The profile shows what is pinned"),
        N_("This profile was erased, and so was its past"),
        N_("Wait, or ask for its release"),
        N_("Write it as 2027-12-31, or leave it out"),
        N_("Write it as the golden record shows values"),
        N_("a comment needs words"),
        N_("a correction says what is right, in at most 1000 characters"),
        N_("a link cannot live so long"),
        N_("as many corrections wait as can"),
        N_("there is no such consent"),
        N_("there is no such purpose, or you have objected to it"),
        N_("this profile may be two persons, and one would see the other's data"),
        N_("a connector does not sit at the desk"),
        N_("a decision needs a reason"),
        N_("a decision needs records on both sides"),
        N_("a deputy and a day are needed"),
        N_("a filter needs a name"),
        N_("a review needs a reason"),
        N_("a sample needs a size"),
        N_("a steward ends their own absence"),
        N_("a steward names their own deputy"),
        N_("another process is applying it"),
        N_("cdi.yaml says under openid.grants to whom"),
        N_("it has changed since you read it"),
        N_("it is closed already"),
        N_("it is paused"),
        N_("name the owner who answers"),
        N_("name the steward"),
        N_("name the value, or the record that says it"),
        N_("nobody stands in for themselves"),
        N_("not all records named are in this profile"),
        N_("no source says anything wrong there"),
        N_("A steward pins what no source says; nothing else is left"),
        N_("Take its pin back first if that one is wrong"),
        N_("nothing has been resolved yet"),
        N_("nothing is pinned there"),
        N_("nothing was decided on this review"),
        N_("openid.name_claim in cdi.yaml can name another claim"),
        N_("say what came of it"),
        N_("say what it is about"),
        N_("the absence ends before it begins"),
        N_("the identity provider did not let you in"),
        N_("the profile has moved meanwhile"),
        N_("the sample has no such pair"),
        N_("there is no conflict with this id"),
        N_("there is no decision with this id"),
        N_("there is no profile with this id"),
        N_("there is no review with this id"),
        N_("there is no run over everything"),
        N_("there is no sample with this id"),
        N_("there is no such absence, or it is over"),
        N_("there is no such choice"),
        N_("there is no such data owner"),
        N_("there is no such study, or it is not worked out yet"),
        N_("there is no such version of a model"),
        N_("there is no task with this id"),
        N_("there is no touchpoint with this id"),
        N_("these are all its records"),
        N_("these records are in no two profiles now"),
        N_("this form is too old or not from this desk"),
        N_("this id is retired"),
        N_("this is being rectified already"),
        N_("this is no day"),
        N_("this is no verdict"),
        N_("this owner has no part in the conflict"),
        N_("this record says nothing of this consent in this profile"),
        N_("this sign-in was not begun in this browser, or too long ago"),
        N_("this token is valid and nothing is granted to it"),
        N_("this was answered before"),
        N_("until lies in the past"),
        N_("until lies after since, and ahead"),
        N_("what a key means now has been settled, and later facts rest on it"),
        N_("what the identity provider says belongs to another sign-in"),
        N_("you are shut out from this desk"),
        N_("you cannot do this to yourself"),
        N_("you keep no filter of this name"),
    }
)
PATTERNS: Final = patterns_of(
    N_("Ask %(who)s"),
    N_("It takes %(role)s"),
    N_("a merge with records of %(owners)s is refused by stewardship.cross_owner"),
    N_("another user is called %(name)s"),
    N_("standing decisions say otherwise: %(decisions)s"),
    N_("the identity provider cannot be asked: %(why)s"),
    N_("the role %(role)s may not do this"),
    N_("review %(review)s waits for an answer to the same"),
    N_("this belongs to %(owners)s"),
    N_("this conflict is closed (%(why)s)"),
    N_("this is no value of %(attribute)s"),
    N_("this review is closed (%(why)s)"),
    N_("this token is not accepted: %(why)s"),
    N_("this token says no %(claim)s"),
    N_("this waits for %(who)s"),
    N_("this was asked of %(owner)s"),
    N_("you keep %(most)s filters already"),
    N_("%(steward)s holds this review until %(time)s"),
)
"""What is in them stands in the translation as it was."""


def _as_it_was(language: Language, _name: str, said: str) -> str:
    return said.replace(SECOND, language.gettext(SECOND))


def told_error(language: Language, text: str) -> str:
    """A message or a remedy of an error, as this visitor reads it."""
    return told(language, text, SENTENCES, PATTERNS) or text


def told(
    language: Language,
    text: str,
    sentences: Collection[str],
    patterns: Mapping[str, re.Pattern[str]],
    say: Callable[[Language, str, str], str] = _as_it_was,
) -> str | None:
    """The translation of a text that is one of these; None if it is none. `say` tells how what is in it (its name, and
    what it is) reads."""
    if text in sentences:
        return language.gettext(text)
    for message, pattern in patterns.items():
        found = pattern.fullmatch(text)
        if found is not None:
            return language.gettext(message) % {n: say(language, n, said) for n, said in found.groupdict().items()}
    return None
