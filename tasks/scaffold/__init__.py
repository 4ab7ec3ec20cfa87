"""New task folders that run as they are: a generated one, or one made from the user's own data."""

from __future__ import annotations

from archwright.tasks.scaffold.choosing import Sources, new_task_from
from archwright.tasks.scaffold.starter import new_task

__all__ = ["Sources", "new_task", "new_task_from"]
