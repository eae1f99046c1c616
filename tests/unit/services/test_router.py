"""Routers: a module's tools, declared apart from the service that serves them."""

import pytest

from toolwire.contracts.errors import DefinitionError
from toolwire.services import JobContext, Router, Service


def nothing() -> None: ...


def nothing_else() -> None: ...


@pytest.fixture
def router() -> Router[None]:
    router = Router(prefix="billing.")

    @router.tool(read_only=True)
    async def total(invoice: str) -> int:
        return len(invoice)

    @router.job(name="run", max_attempts=2)
    async def run_all(ctx: JobContext[None]) -> None: ...

    assert (total.name, run_all.name) == ("billing.total", "billing.run")
    return router


@pytest.fixture
def service() -> Service[None]:
    return Service("server-1")


def test_a_service_serves_what_it_includes(service: Service[None], router: Router[None]) -> None:
    service.tool()(nothing)
    service.include(router)
    assert set(service.tools) == {"nothing", "billing.total", "billing.run"}
    assert service.tools["billing.total"].descriptor.name == "billing.total"
    assert service.tools["billing.run"].max_attempts == 2


def test_several_services_may_include_one_router(service: Service[None], router: Router[None]) -> None:
    other = Service("server-2")
    service.include(router)
    other.include(router)
    assert service.tools == other.tools


def test_a_router_is_included_once(service: Service[None], router: Router[None]) -> None:
    service.include(router)
    with pytest.raises(DefinitionError, match=r"server-1 includes Router\(prefix='billing.'\) already"):
        service.include(router)


def test_a_name_that_is_taken_names_both_and_includes_nothing(service: Service[None]) -> None:
    router = Router()
    router.tool(name="free")(nothing_else)
    router.tool(name="nothing")(nothing_else)
    service.tool()(nothing)
    with pytest.raises(DefinitionError) as refused:
        service.include(router)
    assert "test_router.nothing is one, and " in str(refused.value)
    assert "test_router.nothing_else would be another" in str(refused.value)
    assert set(service.tools) == {"nothing"}
    router.tool(name="later")(nothing)  # it is not included, and still open


def test_a_router_takes_nothing_more_once_it_is_included(
    service: Service[None], router: Router[None]
) -> None:
    """The service would not serve it, and nobody would know why."""
    service.include(router)
    with pytest.raises(DefinitionError, match=r"is included in server-1 already, .* 'billing.nothing'"):
        router.tool()(nothing)


def test_names_without_a_prefix_are_as_those_of_a_service(service: Service[None]) -> None:
    router = Router()
    with pytest.raises(DefinitionError, match="'poll_job' is built in"):
        router.tool(name="poll_job")(nothing)
    router.tool()(nothing)
    service.include(router)
    assert set(service.tools) == {"nothing"}


@pytest.mark.parametrize("prefix", ["no spaces", "ü", "a/", "a" * 129])
def test_a_prefix_that_cannot_be(prefix: str) -> None:
    with pytest.raises(DefinitionError, match=r"the prefix .* must match"):
        Router(prefix=prefix)


def test_a_prefix_that_makes_the_name_too_long() -> None:
    with pytest.raises(DefinitionError, match=r"must match .* give it a name="):
        Router(prefix="a" * 125).tool()(nothing)


def test_forgotten_parentheses() -> None:
    with pytest.raises(DefinitionError, match=r"write @router.tool\(\)"):
        Router().tool(nothing)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType] - the point of it
