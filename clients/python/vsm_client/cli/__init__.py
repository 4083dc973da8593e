"""The vsm command."""

import os
import sys


def main() -> None:
    """Entry point of `vsm`."""
    # gRPC writes lines of its own about connections that fail, unless it is told before it is loaded; the command says it in a sentence.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        from vsm_client.cli.app import run
    except ModuleNotFoundError as error:
        sys.stderr.write(f"vsm: {error.name} is not installed; the command needs: pip install 'vsm-client[cli]'\n")
        sys.exit(1)
    run(sys.argv[1:])
