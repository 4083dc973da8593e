"""Room for connections in the process: the operating system bounds its open files, sockets among them."""

import resource

FILES_MIN = 256  # open files for journal, pages and the library, beside those of connections


def make_room(connections: int) -> int:
    """Raise the soft bound of open files, if need be and the hard one lets it, and return how many of the connections find no room."""
    wanted = connections + FILES_MIN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return 0
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return wanted - allowed
