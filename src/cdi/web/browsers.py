"""What pages know of the browser that asks: what was typed into a form, and what its cookies keep between two requests.
The same for people of the desk and for guests."""

from fastapi import Request, Response
from starlette.datastructures import FormData

from cdi import signing_in
from cdi.pipeline import Installation


def typed(form: FormData, name: str) -> str:
    """A field of a form, without blanks around it; empty if it is not there."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def secret_of(request: Request, cookie: str) -> str:
    """What only this browser, which has not signed in, and we know: its cookie, else one made for this request."""
    kept = request.cookies.get(cookie, "")
    if len(kept) >= 32:
        return kept
    if not hasattr(request.state, "secret"):
        request.state.secret = signing_in.new_secret()
    made: str = request.state.secret
    return made


def set_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    seconds: int | None,
    *,
    path: str = "/",
    strict: bool = False,
) -> None:
    """Keep this for so many seconds (None: until the browser ends), out of reach of scripts and of other sites' forms;
    `strict`: of their links too."""
    installation: Installation = request.app.state.installation
    public = installation.settings.environment.public_url or ""
    secure = request.url.scheme == "https" or public.startswith("https:")
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        httponly=True,
        samesite="strict" if strict else "lax",
        secure=secure,
    )
