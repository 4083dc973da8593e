"""The vsm command."""

import sys


def main() -> None:
    """Entry point of `vsm`."""
    try:
        from vsm_client.cli.app import run
    except ModuleNotFoundError as error:
        sys.stderr.write(f"vsm: {error.name} is not installed; the command needs: pip install 'vsm-client[cli]'\n")
        sys.exit(1)
    run(sys.argv[1:])
