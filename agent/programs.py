"""Finding the programs of drivers, without the modules that only running one takes."""

import os


def find(name: str, *folders: str) -> str:
    """Where a program is: on the PATH, else in one of the folders; empty where it is not."""
    for folder in (*os.environ.get("PATH", os.defpath).split(os.pathsep), *folders):
        path = os.path.join(folder, name)  # noqa: PTH118  asked at each start, of folders that may not be
        if folder and os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113
            return path
    return ""
