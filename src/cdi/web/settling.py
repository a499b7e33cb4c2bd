"""What a request to a page opens is settled before its answer is made ready: kept if the page could be made, taken back
if anything was raised, which then becomes a page too.

The framework closes what dependencies opened only after the route has answered, and so would keep what failed and was
answered with a page. So a route of ours has its own stack, and what must be settled is opened on it with `held`.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, AsyncExitStack
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.concurrency import contextmanager_in_threadpool
from fastapi.routing import APIRoute

T = TypeVar("T")


class SettledRoute(APIRoute):
    """A route that answers to its failures itself, once all that it had written is taken back."""

    async def failed(self, request: Request, error: Exception) -> Response:
        """The page for this failure."""
        raise NotImplementedError

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                async with AsyncExitStack() as opened:
                    request.state.opened = opened
                    return await handle(request)
            except Exception as error:
                return await self.failed(request, error)

        return handled


async def held(request: Request, resource: AbstractContextManager[T]) -> T:
    """Open it for this request to a `SettledRoute`: it is closed once the answer is made, and learns of what was raised
    until then."""
    opened: AsyncExitStack = request.state.opened
    return await opened.enter_async_context(contextmanager_in_threadpool(resource))
