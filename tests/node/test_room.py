"""Room for decoded requests: bounded, in order, and never in the way for ever."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from node.room import Room


@given(sizes=st.lists(st.integers(1, 150), min_size=1, max_size=40), turns=st.lists(st.integers(0, 3), max_size=40))
def test_no_more_is_in_than_the_bound_and_all_get_in(sizes: list[int], turns: list[int]) -> None:
    """Whatever comes and however long it stays: together at most the bound, but for one that is larger and alone;
    everybody gets in, in the order of asking."""
    room = Room(100)
    order: list[int] = []
    inside: list[int] = []

    async def use(at: int, size: int) -> None:
        async with room.hold(size):
            order.append(at)
            inside.append(size)
            assert sum(inside) <= 100 or inside == [size]
            for _ in range(turns[at] if at < len(turns) else 1):
                await asyncio.sleep(0)
            inside.remove(size)

    async def run() -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(*(use(at, size) for at, size in enumerate(sizes)))

    asyncio.run(run())
    assert order == sorted(order)
    assert room.used == 0


def test_who_gives_up_leaves_no_hole() -> None:
    """One that is cancelled while it waits, or fails inside, gives its room and its turn to the next."""

    async def run() -> None:
        room = Room(10)
        async with asyncio.timeout(20):
            async with room.hold(10):
                waiting = [asyncio.create_task(enter(room)) for _ in range(3)]
                await asyncio.sleep(0)
                waiting[0].cancel()
            done = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(result) for result in done] == [asyncio.CancelledError, RuntimeError, RuntimeError]
        assert room.used == 0

    async def enter(room: Room) -> None:
        async with room.hold(6):
            raise RuntimeError

    asyncio.run(run())
