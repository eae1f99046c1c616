"""The types of the decorators: what each takes, and what it makes of it. Nothing here exists at run time."""

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from toolwire.services.declaring.tools import ServedJob, ServedTool
from toolwire.services.running.context import JobContext, ToolContext

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")


class ToolDecorator(Protocol):
    """Makes a tool of a function, async or sync."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> ServedTool[P, Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> ServedTool[P, R, P, R]: ...


class ContextToolDecorator(Protocol[A]):
    """Makes a tool of a function that takes its context first."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[A], P], Coroutine[Any, Any, R]], /
    ) -> ServedTool[Concatenate[ToolContext[A], P], Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[A], P], R], /
    ) -> ServedTool[Concatenate[ToolContext[A], P], R, P, R]: ...


class JobDecorator(Protocol[A]):
    """Makes a job of a function that takes its context first."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext[A], P], Coroutine[Any, Any, R]], /
    ) -> ServedJob[Concatenate[JobContext[A], P], Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext[A], P], R], /
    ) -> ServedJob[Concatenate[JobContext[A], P], R, P, R]: ...


class Implementation(Protocol[P, R]):
    """Makes the tool of a contract of a function that takes and gives what the contract declares."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, R]], /
    ) -> ServedTool[P, Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> ServedTool[P, R, P, R]: ...


class ContextImplementation(Protocol[A, P, R]):
    """The same for a function that takes its context first."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[A], P], Coroutine[Any, Any, R]], /
    ) -> ServedTool[Concatenate[ToolContext[A], P], Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[ToolContext[A], P], R], /
    ) -> ServedTool[Concatenate[ToolContext[A], P], R, P, R]: ...


class JobImplementation(Protocol[A, P, R]):
    """Makes the job of a contract of a function that takes its context first."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext[A], P], Coroutine[Any, Any, R]], /
    ) -> ServedJob[Concatenate[JobContext[A], P], Coroutine[Any, Any, R], P, R]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[JobContext[A], P], R], /
    ) -> ServedJob[Concatenate[JobContext[A], P], R, P, R]: ...
