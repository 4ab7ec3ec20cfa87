"""What of a paper is tried here: arms to train, and claims about how they compare.

A paper says it in a file of its code, `claims.toml`:

    task = "recall"                      # the task it is written for

    [[claim]]
    method = "linear.py"                 # files of the paper's code
    baseline = { file = "softmax.py", steps = 200 }
    direction = "worse"                  # better, worse or equal
    margin = 5.0                         # in the metric's unit: a difference that matters
    quote = "…"                          # words of the paper
    conditions = "…"                     # what the claim rests on

    [scale]                              # the paper's own sizes, for the record of what was shrunk
    steps = "100,000"

An arm takes `steps`, and `after = { file = …, steps = … }`: a network that is trained before, whose
weights it inherits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final, Literal, Self

from archwright.core import InputError, Recipe, SourceError, Stage, TaskSpec
from archwright.core.words import parse_toml
from archwright.knowledge.papers.paper import CodeFile, Paper
from archwright.source.fingerprint import read_source

CLAIMS: Final = "claims.toml"
DIRECTIONS: Final = ("better", "worse", "equal")
ClaimDirection = Literal["better", "worse", "equal"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One thing that is trained. `before` is trained first, and its weights are inherited."""

    id: str
    title: str
    source: str
    steps: int
    before: Stage | None = None

    @property
    def total_steps(self) -> int:
        """Steps in all, those of the network before it too."""
        return self.steps + (self.before.steps if self.before else 0)


@dataclass(frozen=True, slots=True)
class ComparedClaim:
    """`method` is `direction` than `baseline`, by ids of arms.

    `margin` is the smallest difference that matters, in the metric's unit. A scaled experiment
    claims nothing but this comparison.
    """

    id: str
    method: str
    baseline: str
    direction: ClaimDirection
    margin: float
    quote: str
    conditions: str = ""

    @property
    def words(self) -> str:
        """The claim in one line."""
        if self.direction == "equal":
            return f"{self.method} equals {self.baseline} within {self.margin:g}"
        return f"{self.method} is {self.direction} than {self.baseline}"


@dataclass(frozen=True, slots=True)
class Experiment:
    """The arms, the baselines first, and the claims. `scale` is what the paper says of its own
    sizes."""

    arms: tuple[Arm, ...]
    claims: tuple[ComparedClaim, ...]
    scale: Mapping[str, str] = field(default_factory=dict)

    def arm(self, id: str) -> Arm:
        """The arm of that id."""
        return next(arm for arm in self.arms if arm.id == id)

    @property
    def steps(self) -> tuple[int, ...]:
        """The different numbers of steps, rising."""
        return tuple(sorted({arm.steps for arm in self.arms}))

    def to_json(self) -> dict[str, Any]:
        """Plain data, for the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The experiment that `to_json` gave."""

        def arm(said: Mapping[str, Any]) -> Arm:
            before = said["before"]
            stage = before and Stage(**{**before, "recipe": Recipe(**before["recipe"])})
            return Arm(**{**said, "before": stage})

        claims = tuple(ComparedClaim(**claim) for claim in document["claims"])
        return cls(tuple(map(arm, document["arms"])), claims, document["scale"])


def written_for(paper: Paper) -> str | None:
    """The task that a paper's claims name; None where it has no such claims."""
    file = _claims_file(paper)
    task = _parse(file).get("task") if file else None
    return task if isinstance(task, str) else None


def read_experiment(paper: Paper, spec: TaskSpec) -> Experiment | None:
    """The experiment that a paper's own claims and code make up; None where it has no claims.

    Raises:
        InputError: they do not fit together, or a quote is not in the paper.
    """
    file = _claims_file(paper)
    if file is None:
        return None
    document = _parse(file)
    raw = document.get("claim")
    if not isinstance(raw, list) or not raw:
        raise InputError(f"{CLAIMS}: it states no claim: add a table [[claim]]")
    arms: dict[str, Arm] = {}
    claims = [_Reader(paper, spec, f"c{n}", said, arms).claim() for n, said in enumerate(raw, 1)]
    scale = document.get("scale", {})
    if not isinstance(scale, Mapping):
        raise InputError(f"{CLAIMS}: scale must be a table, [scale]")
    baselines = {c.baseline for c in claims}
    ordered = sorted(arms.values(), key=lambda arm: arm.id not in baselines)
    said = {str(key): str(value) for key, value in scale.items()}
    return Experiment(tuple(ordered), tuple(claims), said)


def _claims_file(paper: Paper) -> CodeFile | None:
    return next((f for f in paper.code if PurePosixPath(f.path).name == CLAIMS), None)


def _parse(file: CodeFile) -> dict[str, Any]:
    try:
        return parse_toml(file.text)
    except InputError as error:
        raise InputError(f"{file.path} {error}") from None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one claim; its arms join `arms`."""

    paper: Paper
    spec: TaskSpec
    id: str
    said: Any
    arms: dict[str, Arm]

    def claim(self) -> ComparedClaim:
        if not isinstance(self.said, Mapping):
            raise self._fault("it is not a table")
        known = ("method", "baseline", "direction", "margin", "quote", "conditions", "metric")
        if unknown := sorted(set(self.said) - set(known)):
            raise self._fault(f"it has no key {unknown[0]!r}; it takes {', '.join(known)}")
        direction, margin = self.said.get("direction"), self.said.get("margin", 0.0)
        if direction not in DIRECTIONS:
            raise self._fault(f"direction must be one of {', '.join(DIRECTIONS)}")
        if isinstance(margin, bool) or not isinstance(margin, (int, float)) or margin <= 0:
            raise self._fault("margin must be a number above 0, the difference that matters")
        metric = self.said.get("metric", self.spec.metric.name)
        if metric != self.spec.metric.name:
            raise self._fault(f"it is about {metric}, the task measures {self.spec.metric.name}")
        return ComparedClaim(
            id=self.id,
            method=self._arm("method"),
            baseline=self._arm("baseline"),
            direction=direction,
            margin=float(margin),
            quote=self._quote(),
            conditions=str(self.said.get("conditions", "")),
        )

    def _quote(self) -> str:
        quote = " ".join(str(self.said.get("quote", "")).split())
        said = (" ".join(section.text.split()) for section in self.paper.sections)
        if not quote or not any(quote in text for text in said):
            raise self._fault(f"its quote is not in the paper: {quote[:80]!r}")
        return quote

    def _arm(self, role: str) -> str:
        said = self.said.get(role)
        table = {"file": said} if isinstance(said, str) else said
        if not isinstance(table, Mapping) or set(table) - {"file", "steps", "after"}:
            raise self._fault(f"{role} must be a file, or a table of file, steps and after")
        source = self._file(table.get("file"), role)
        steps = self._steps(table.get("steps", self.spec.rungs[-1]), role)
        stem = PurePosixPath(str(table["file"])).stem
        arm = Arm(stem, stem, source, steps)
        if steps != self.spec.rungs[-1]:
            arm = replace(arm, id=f"{stem}@{steps}", title=f"{stem}, {steps} steps")
        if (after := table.get("after")) is not None:
            arm = self._staged(arm, after, role)
        if self.arms.setdefault(arm.id, arm) != arm:
            raise self._fault(f"{role}: two files are called {stem}.py: rename one")
        return arm.id

    def _staged(self, arm: Arm, after: Any, role: str) -> Arm:
        if not isinstance(after, Mapping) or set(after) != {"file", "steps"}:
            raise self._fault(f"{role}.after must be a table of file and steps")
        source = self._file(after["file"], role)
        steps = self._steps(after["steps"], role)
        stem = PurePosixPath(str(after["file"])).stem
        try:
            recipe = read_source(source, self.spec.problem, self.spec.recipe).recipe
        except SourceError as error:
            raise self._fault(f"{after['file']}: {error}") from None
        return replace(
            arm,
            id=f"{arm.id}-after-{stem}@{steps}",
            title=f"{arm.title}, after {steps} steps of {stem}",
            before=Stage(source, recipe, steps),
        )

    def _file(self, name: Any, role: str) -> str:
        found = [f for f in self.paper.code if f.path == name or f.path.endswith(f"/{name}")]
        if not isinstance(name, str) or not found:
            known = ", ".join(f.path for f in self.paper.code)
            raise self._fault(f"{role}: the paper has no file {name!r}; it has {known}")
        return found[0].text

    def _steps(self, steps: Any, role: str) -> int:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise self._fault(f"{role}: steps must be a whole number above 0, not {steps!r}")
        return steps

    def _fault(self, what: str) -> InputError:
        return InputError(f"{CLAIMS}, claim {self.id[1:]}: {what}")
