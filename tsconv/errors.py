"""Every deliberate error, so that a caller can catch one kind, or all of them.

TSConvError
├── FormatError (ValueError)       a file is not what its format says: path, line, found, expected
│   └── LabelError                 a table that does not tell which column holds the labels
├── DataError (ValueError)         series or labels that cannot be used as they are
├── ConfigError (ValueError)       a setting, flag or option that does not hold
├── UnknownNameError (LookupError) a name that no registry, archive or file answers to
├── DownloadError (OSError)         an archive set that cannot be fetched, or is not as it should be
│   └── UnreachableError           no server of an archive answers; is there a network?
├── RunError (RuntimeError)        a run directory that is missing, unfinished, finished or too new
│   └── RunHeldError               another process is at work on it
└── TrainingError (RuntimeError)   training that cannot go on, such as a loss that is not finite

:class:`Stopped` is none of them: nothing went wrong, somebody asked the process to end.

Each message says where, what was found, what was expected and what to do.
"""


class TSConvError(Exception):
    """The root of every deliberate error: one line on the command line, and exit code 2."""


class FormatError(TSConvError, ValueError):
    """A file that is not what its format says."""


class LabelError(FormatError):
    """A table that does not tell which column holds the class labels; somebody must."""


class DataError(TSConvError, ValueError):
    """Series or labels that cannot be used as they are."""


class ConfigError(TSConvError, ValueError):
    """A setting, flag or option that does not hold."""


class UnknownNameError(TSConvError, LookupError):
    """A name that no registry, archive or file answers to."""


class DownloadError(TSConvError, OSError):
    """An archive set that cannot be fetched, or that is not as it should be when it is."""


class UnreachableError(DownloadError):
    """Servers of which none can be reached: asking for another set is no use either."""


class RunError(TSConvError, RuntimeError):
    """A run directory that is missing, unfinished, finished already or of a newer version."""


class RunHeldError(RunError):
    """A run, or a member of one, that another process is at work on."""


class TrainingError(TSConvError, RuntimeError):
    """Training that cannot go on."""


class Stopped(KeyboardInterrupt):
    """The process was told to end; what is under way is saved, and the same call goes on with it.

    An interruption like Ctrl-C, and so no ``Exception`` that somebody might take for a failure.
    """
