"""How a page is drawn: one template environment for each language, the words and figures that all pages know, and the
headers of every answer. A page asked for by htmx is answered with the named block of the same template."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from cdi.settings import Deployment
from cdi.web import charts
from cdi.web.assets import address
from cdi.web.error_words import told_error
from cdi.web.languages import LANGUAGES, Language, load_messages
from cdi.web.source_words import told_reason
from cdi.web.values import customer_name, hints_of, marks, told_value
from cdi.web.words import attribute_name, field_name, why_not, word

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "vary": "Cookie, HX-Request, Accept-Language",
}


@dataclass(frozen=True)
class Pages:
    """The templates of one installation, in each language."""

    deployment: Deployment
    environments: Mapping[str, Environment] = field(init=False)
    languages: Mapping[str, Language] = field(init=False)

    def __post_init__(self) -> None:
        zone = ZoneInfo(self.deployment.company.timezone)
        languages = {code: Language(code, load_messages(code), zone) for code in LANGUAGES}
        object.__setattr__(self, "languages", languages)
        object.__setattr__(self, "environments", {code: self._environment(one) for code, one in languages.items()})

    def _environment(self, language: Language) -> Environment:
        environment = Environment(
            loader=PackageLoader("cdi.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_callables(language.gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
        environment.globals.update(
            asset=address,
            attribute_name=lambda path: attribute_name(language, path),
            charts=charts,
            customer_name=lambda document: customer_name(language, document),
            field_name=lambda path: field_name(language, path),
            hints_of=lambda document: hints_of(language, document),
            marks=lambda value: marks(language, value),
            told_why=lambda reason: why_not(language, reason),
            told_error=lambda text: told_error(language, text),
            told_reason=lambda text: told_reason(language, text),
            told_value=lambda attribute, value: told_value(language, attribute, value),
            company=self.deployment.company.name,
            language=language,
            languages=LANGUAGES,
            owner_name=self.owner_name,
            source_name=source_name,
            word=lambda kind, name: word(language, kind, name),
        )
        environment.filters.update(
            number=language.number,
            percent=language.percent,
            day=language.day,
            moment=language.moment,
            ago=language.ago,
            day_label=lambda one: f"{language.day(one['day'])}: {language.number(one['answered'])}",
            agreement_label=lambda one: f"{language.day(one['day'])}: {_share(language, one['agreement'])}",
            event_name=lambda kind: word(language, "event", kind),
            listed=language.listed,
            money=language.money,
            period=language.period,
            record_name=record_name,
            source_of=lambda name: source_name(name.partition(":")[0]),
        )
        return environment

    def owner_name(self, owner_id: str) -> str:
        """What a data owner is called: its department."""
        return next((o.department for o in self.deployment.owners if o.id == owner_id), owner_id)

    def draw(self, language: Language, template: str, values: Mapping[str, Any], block: str | None = None) -> str:
        """The page, or only this block of it."""
        drawn = self.environments[language.code].get_template(template)
        if block is None:
            return drawn.render(values)
        return "".join(drawn.blocks[block](drawn.new_context(dict(values))))


def _share(language: Language, share: float | None) -> str:
    return "–" if share is None else language.percent(share)


def source_name(source: str) -> str:
    """What a source system is called: its name in cdi.yaml, as people write."""
    return source.replace("_", " ").capitalize()


def record_name(name: str) -> str:
    """A record (`SOURCE:KEY`) as people write it."""
    source, _, key = name.partition(":")
    return f"{source_name(source)} {key}"


def wants_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of a page, and not for a whole one."""
    headers = request.headers
    return "hx-request" in headers and "hx-boosted" not in headers and "hx-history-restore-request" not in headers


def answer(html: str, status: int = 200) -> HTMLResponse:
    """A page as it is sent: never kept by browsers, never framed, and nothing in it runs that is not ours."""
    return HTMLResponse(html, status_code=status, headers=dict(HEADERS))
