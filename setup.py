"""What pyproject.toml has no words for: the shipped results lie in cache/ and are installed as data
of `core.paper`, which reads them; the documents lie in docs/ and are installed as data of `app`."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[
        *find_namespace_packages(include=("core", "core.*", "app", "app.*")),
        "core.paper.reference",
        "app.docs",
    ],
    package_dir={"core.paper.reference": "cache/reference", "app.docs": "docs"},
)
