"""What `check` asks of an HTTP API beside whether its streams can be read: a request, and what must hold of its answer.
That a vendor has switched a webhook off, say, is seen in no stream."""

from jmespath.exceptions import JMESPathError

from cdi.errors import SourceError
from cdi.ingest.blueprint import Question
from cdi.ingest.contract import CheckResult
from cdi.ingest.expressions import Evaluate, is_false
from cdi.ingest.http_session import Call, HttpSession
from cdi.ingest.templates import Values, fill, fill_path


def ask(question: Question, holds: Evaluate, session: HttpSession, values: Values) -> CheckResult:
    """The answer to one question, with its remedy if it is no."""
    request = question.request
    call = Call(
        request.method,
        session.url(fill_path(request.path, values)),
        request.path,
        fill(request.params, values),
        fill(request.headers, values),
        fill(request.body, values),
    )
    try:
        good = not is_false(holds(session.send(call, None).document))
    except SourceError as error:
        return CheckResult(question.ask, False, str(error))
    except (ValueError, TypeError, JMESPathError):
        good = False
    return CheckResult(question.ask, good, "" if good else question.remedy)


def is_asked(question: Question, values: Values) -> bool:
    """Whether the source uses what the question is about."""
    return question.needs is None or bool(values.get(f"config.{question.needs}"))
