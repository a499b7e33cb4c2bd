"""How a delivery by webhook is refused, which the vendor hears."""

from http import HTTPStatus

from cdi.errors import InvalidInputError, UnauthenticatedError


class WebhookRefusedError(UnauthenticatedError):
    """A delivery that is not the vendor's: unsigned, wrongly signed, or too old. The message does not say which value
    was expected."""

    problem = "webhook-refused"
    title = "Webhook refused"


class TooLargeError(InvalidInputError):
    """A delivery of more bytes than any vendor sends."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    problem = "too-large"
    title = "Too large"
