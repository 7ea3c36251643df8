from pathlib import Path

from tests.laws import retries
from tests.laws.tree import write

LOOP = "async def f():\n    while True:\n"
BAD = {
    "exception": LOOP + "        try:\n            await g()\n        except Exception:\n"
    "            pass\n",
    "redis": LOOP + "        try:\n            await g()\n        except (KeyError, RedisError):\n"
    "            continue\n",
    "within": LOOP + "        if h:\n            try:\n                async with g() as x:\n"
    "                    x()\n            except OSError:\n                pass\n",
    "suppress": LOOP + "        with suppress(OSError):\n            await g()\n",
    "several": "async def f():\n    for x in y:\n        try:\n            await g(x)\n"
    "        except asyncio.TimeoutError:\n            pass\n",
}
GOOD = {
    "attempt": LOOP + "        async with outage.attempt():\n            await g()\n",
    "cancellable": LOOP + "        try:\n            await cancellable(g())\n"
    "        except Exception:\n            pass\n",
    "raises": LOOP + "        try:\n            await g()\n        except Exception:\n"
    "            raise\n",
    "narrow": LOOP + "        try:\n            await g()\n        except KeyError:\n"
    "            pass\n",
    "timeout": LOOP + "        with suppress(TimeoutError):\n            async with timeout(1):\n"
    "                await g()\n",
}


class TestOwnRetries:
    def test_loops_that_retry_by_themselves_are_found(self, tmp_path: Path) -> None:
        tree = write(tmp_path, {f"weft/{name}.py": text for name, text in (BAD | GOOD).items()})
        found = {line.partition(":")[0] for line in retries.own_retries(tree, {})}
        assert found == {f"weft/{name}.py" for name in BAD}


class TestLostCancellations:
    def test_bare_awaits_of_a_library_that_may_lose_them_are_found(self, tmp_path: Path) -> None:
        body = "async def f(x):\n    await asyncio.sleep(1)\n    await f(x)\n"
        redis = "from redis.asyncio import Redis\n" + body
        tree = write(
            tmp_path,
            {
                "weft/bad.py": redis + "    await x.publish()\n",
                "weft/mail.py": "import aiosmtplib\n" + body + "    await aiosmtplib.send()\n",
                "weft/good.py": redis + "    await cancellable(x.publish())\n",
                "weft/other.py": body + "    await x.publish()\n",
            },
        )
        found = {line.partition(":")[0] for line in retries.lost_cancellations(tree, {})}
        assert found == {"weft/bad.py", "weft/mail.py"}
