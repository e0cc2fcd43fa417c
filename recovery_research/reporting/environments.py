"""The environment in which a process of ours finds this very package."""

from __future__ import annotations

import os
import site

from recovery_research.places import PACKAGE


def package_environment() -> dict[str, str]:
    """Return environment variables with which Python finds this package.

    Returns
    -------
    dict of str to str
    """
    environment = dict(os.environ)
    paths = [p for p in environment.get("PYTHONPATH", "").split(os.pathsep) if p]
    if str(PACKAGE.parent) not in {*site.getsitepackages(), site.getusersitepackages()}:
        paths.insert(0, str(PACKAGE.parent))
    if paths:
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    return environment
