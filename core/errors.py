"""The errors that are raised on purpose, as one tree.

ArchwrightError
├── InputError            what the user gave is wrong; the message names the fix (exit code 2)
│   ├── TaskError         a task folder that cannot be used
│   ├── WorkspaceError    a workspace that is not a git repository, or cannot be written
│   ├── RunError          a run that does not exist, or cannot go on
│   │   └── JournalError  what was recorded of a run is damaged or gone: it cannot go on at all
│   ├── KnowledgeError    a shared knowledge base that cannot be reached or written
│   └── SourceError       architecture source that breaks the contract
├── SandboxError          the sandbox itself failed (not the candidate in it)
├── BackendError          a backend cannot answer any more; the run stops, resumable
│   └── AnswerError       one question got no usable answer; its candidate ends as a failure
└── Stopped               the run was asked to stop
"""

from __future__ import annotations


class ArchwrightError(Exception):
    """Base of every error that Archwright raises on purpose."""


class InputError(ArchwrightError):
    """What the user gave is wrong. The message is one line and names the fix."""


class TaskError(InputError):
    """A task folder that cannot be used."""


class WorkspaceError(InputError):
    """A workspace that is not a git repository, or cannot be written."""


class RunError(InputError):
    """A run that does not exist, or cannot go on."""


class JournalError(RunError):
    """What was recorded of a run is damaged or gone, so that it cannot go on as it is."""


class KnowledgeError(InputError):
    """A shared knowledge base that cannot be reached or written.

    Args:
        fault: what is wrong, without any password.
        fix: what to do about it.
    """

    def __init__(self, fault: str, fix: str) -> None:
        super().__init__(f"{fault}: {fix}")
        self.fault, self.fix = fault, fix


class SourceError(InputError):
    """Architecture source that breaks the contract before anything is executed."""


class SandboxError(ArchwrightError):
    """The sandbox itself failed, not the candidate in it."""


class BackendError(ArchwrightError):
    """A backend cannot answer any more. The run stops with everything kept."""


class AnswerError(BackendError):
    """One question got no usable answer. What was asked for ends as a failure, the run goes on."""


class Stopped(ArchwrightError):  # noqa: N818 - not a fault
    """The run was asked to stop."""
