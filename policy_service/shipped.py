"""The policies that come with the product: where their files stand.

a checkout or an editable install   policies/ beside this package
an installed wheel                  policy_service/shipped_policies/, the same tree, put there by the build
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def shipped_policies() -> Path:
    """The folder of the shipped policies, laid out `<domain>/<policy>/<version>.yaml`.

    Raises:
        FileNotFoundError: the installation holds no policies, so it is not whole.
    """
    checkout = PACKAGE.parent / "policies"
    packaged = PACKAGE / "shipped_policies"
    for folder, is_here in ((checkout, (PACKAGE.parent / "pyproject.toml").is_file()), (packaged, True)):
        if is_here and folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation holds no policies: neither {checkout} nor {packaged} exists")
