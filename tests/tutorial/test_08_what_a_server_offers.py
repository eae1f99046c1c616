"""Every server tells who it is and what it offers, in signed answers."""

from tests.tutorial.conftest import Together
from toolwire.services import Service

service = Service("library")


@service.tool(read_only=True, title="Look up a word")
async def look_up(word: str, language: str = "en") -> str:
    """Find the meaning of a word."""
    return f"{word} ({language})"


async def test_a_server_says_who_it_is(together: Together) -> None:
    """The fingerprint is that of the public key: compare it with the one that its operator told you."""
    async with together(service) as client:
        identity = await client.server_identity()
    assert identity.server_id == "library"
    assert identity.fingerprint.startswith("SHA256:")


async def test_a_server_lists_its_tools(together: Together) -> None:
    """Schemas are JSON Schema 2020-12, and `tool_rev` pins a definition."""
    async with together(service) as client:
        (tool,) = (await client.list_tools()).tools
        assert (tool.name, tool.title, tool.annotations.readOnlyHint) == ("look_up", "Look up a word", True)
        assert tool.inputSchema["required"] == ["word"]
        pinned = client.options(tool_rev=tool.tool_rev)
        assert await pinned.call(look_up, word="tree") == "tree (en)"
