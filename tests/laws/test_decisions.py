from pathlib import Path

import pytest

from tests.laws import decisions
from tests.laws.importing import happening
from tests.laws.tree import write


class TestWrongPlaces:
    def test_call_outside_its_place_breaks_the_law(self, tmp_path: Path):
        places = {"guard.allows": ("weft/a.py",)}
        tree = write(
            tmp_path, {"weft/a.py": "", "db/b.py": "limit.allows(1)\nspec.guard.allows(rows)"}
        )
        assert decisions.wrong_places(tree, places) == [
            "db/b.py:2: guard.allows() belongs into weft/a.py",
            "weft/a.py calls no guard.allows()",
        ]


class TestImporting:
    @pytest.mark.parametrize(
        "text",
        [
            "settings = Settings()",
            "class Holder:\n    engine = create_async_engine('x')",
            "def f(client=Redis.from_url('x')): ...",
            "if os.environ.get('X'): ...",
        ],
    )
    def test_work_at_import_is_found_in_the_source(self, tmp_path: Path, text: str):
        assert len(decisions.working_imports(write(tmp_path, {"db/a.py": text}))) == 1

    def test_work_inside_a_function_keeps_the_law(self, tmp_path: Path):
        text = "def f():\n    return Settings(), os.environ['X']"
        assert decisions.working_imports(write(tmp_path, {"db/a.py": text})) == []

    @pytest.mark.parametrize(
        ("text", "violation"),
        [
            ("import os\nHOME = os.environ.get('HOME')", "reads HOME"),
            ("open('/tmp/.env') if False else None\nimport os\nos.getenv('X')", "reads X"),
            ("import socket\nsocket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
            ("import subprocess\nsubprocess.run(['true'])", "subprocess.Popen"),
            ("from redis.asyncio import Redis\nR = Redis.from_url('redis://none')", "a Redis"),
            (
                "from sqlalchemy.ext.asyncio import create_async_engine\n"
                "E = create_async_engine('postgresql+asyncpg://none/none')",
                "a AsyncEngine",
            ),
            ("import threading\nthreading.Timer(1, print).start()", "Thread-1"),
            ("from pathlib import Path\nPath(__file__ + '.x').write_text('')", "opens"),
        ],
    )
    def test_work_at_import_is_found_in_a_process(self, tmp_path: Path, text: str, violation: str):
        seen = happening(write(tmp_path, {"box.py": text}))
        assert any(violation in line for line in seen), seen


class TestWrongSizes:
    def test_long_files_and_meaningless_names_break_the_law(self, tmp_path: Path):
        tree = write(
            tmp_path,
            {
                "weft/a.py": "\n" * 301,
                "db/b.py": "\n" * 80,
                "db/utils.py": "\n" * 80,
                "db/migrations/versions/1.py": "\n" * 400,
            },
        )
        assert decisions.wrong_sizes(tree) == [
            "weft/a.py has 301 lines",
            "the median file has 80 lines",
            "db/utils.py is called 'utils'",
        ]
