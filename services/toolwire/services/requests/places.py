"""The places of one replica: how many calls it runs at the same time, and who waits for one."""

import asyncio
from collections import deque


class Places:
    """So many, given in the order of asking."""

    def __init__(self, count: int) -> None:
        self.taken = 0
        self._count = count
        self._waiting: deque[asyncio.Future[bool]] = deque()

    def take_now(self) -> bool:
        """Take one that is free."""
        if self.taken >= self._count:
            return False
        self.taken += 1
        return True

    async def take(self, seconds: float) -> bool:
        """Take one, and wait for it no longer than that. Whether there is one."""
        if self.take_now():
            return True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(turn)
        patience = loop.call_later(seconds, self._give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                self.give_back()
            raise
        finally:
            patience.cancel()

    def _give_up(self, turn: asyncio.Future[bool]) -> None:
        if _tell(turn, False):
            self._waiting.remove(turn)  # where all tools are slow, it takes long until its turn would come

    def give_back(self) -> None:
        """Leave a place to whoever waits longest."""
        while self._waiting:
            if _tell(self._waiting.popleft(), True):
                return
        self.taken -= 1


def _tell(turn: asyncio.Future[bool], has_place: bool) -> bool:
    """Tell who waits how it ends; False where that is known already."""
    if turn.done():
        return False
    turn.set_result(has_place)
    return True
