"""Python without some modules, as if their extra of the installation were missing."""

import os
import subprocess
import sys

CODE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
"""


def python(hidden, code, *arguments, cwd=None, **variables):
    """Run code in another process in which no module of the given names can be imported; with environment variables."""
    text = CODE.format(modules={*hidden}) + code
    return subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **variables},
    )


def binland(hidden, *arguments, cwd=None, **variables):
    """Run the command line without modules of the given names; with environment variables."""
    return python(hidden, "from binland.__main__ import main\nmain()", *arguments, cwd=cwd, **variables)
