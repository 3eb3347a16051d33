"""The data shipped beside the code: the policies, and the documents that people read on its pages.

a checkout or an editable install   policies/ and docs/ beside this package
an installed wheel                  policy_service/shipped_policies/ and shipped_docs/, put there by the build
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped_policies() -> Path:
    """Return the folder of the shipped policies, laid out `<domain>/<policy>/<version>.yaml`.

    Raises:
        FileNotFoundError: the installation is incomplete: it has no policies.
    """
    return _folder("policies")


def shipped_documents() -> Path:
    """Return the folder of the documents, laid out `<kind>/<name>.md` and, in Chinese, `<kind>/<name>.zh.md`.

    Raises:
        FileNotFoundError: the installation is incomplete: it has no documents.
    """
    return _folder("docs")


def _folder(name: str) -> Path:
    checkout = PACKAGE.parent / name
    packaged = PACKAGE / f"shipped_{name}"
    for folder, is_here in ((checkout, (PACKAGE.parent / "pyproject.toml").is_file()), (packaged, True)):
        if is_here and folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation holds no {name}: neither {checkout} nor {packaged} exists")
