from pathlib import Path

from tests.laws import bounds
from tests.laws.tree import write

TABLE = {"weft/bounds.py": "A = Bound('A', '', 1)\nBOUNDS = (A,)\n"}
GOOD = "from weft.bounds import A\nBoundedCache(A)\n"


class TestUnlisted:
    def test_caches_without_a_bound_are_found(self, tmp_path: Path) -> None:
        tree = write(
            tmp_path,
            TABLE
            | {
                "weft/good.py": GOOD,
                "weft/a.py": "BoundedCache(Bound('B', '', 1))\n",
                "weft/b.py": "@lru_cache(100)\ndef f(x): ...\n",
                "weft/c.py": "@lru_cache(A.entries(100))\ndef f(x): ...\n",
            },
        )
        found = [line.partition(":")[0] for line in bounds.unlisted(tree)]
        assert found == ["weft/a.py", "weft/a.py", "weft/b.py"]

    def test_bounds_without_a_cache_are_found(self, tmp_path: Path) -> None:
        assert bounds.unlisted(write(tmp_path, TABLE)) == ["weft/bounds.py: nothing keeps to A"]


class TestByCount:
    def test_caches_bounded_by_count_are_found(self, tmp_path: Path) -> None:
        texts = {
            "a": "from functools import cache\n@cache\ndef f(x): ...\n",
            "b": "from functools import lru_cache\n@lru_cache\ndef f(x): ...\n",
            "c": "from collections import OrderedDict\nx = OrderedDict()\n",
            "good": "from functools import lru_cache\n@lru_cache(A.entries(1))\ndef f(x): ...\n",
            "ours": "def f(context):\n    cache = context.cache\n    return cache\n",
        }
        tree = write(tmp_path, TABLE | {f"weft/{name}.py": text for name, text in texts.items()})
        found = [line.partition(":")[0] for line in bounds.by_count(tree, {})]
        assert found == ["weft/a.py", "weft/b.py", "weft/c.py"]
