"""The reproduction of a paper: check its code, train our baseline first, then the method, and rule.

All that costs something goes through the run's journal, so that a reproduction that was killed
goes on where it was. The test split stays sealed: nothing was selected, and what improves on the
paper later is to be judged on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import Any, Final

from archwright.agents.questions import report_to_json
from archwright.core import (
    Candidate,
    CandidateStatus,
    Floor,
    Measurement,
    SourceError,
    TaskSpec,
    Trial,
    TrialSpec,
)
from archwright.core.settings import RunSettings
from archwright.papers.experiment import Arm, ComparedClaim, Experiment
from archwright.papers.rubric import ArmReport, Item, fill_rubric
from archwright.papers.scaling import Scaled, compare_scale
from archwright.papers.verdict import STAGES, ClaimResult, Ruling, rule, rule_all
from archwright.runs.journal import Journal, Phase
from archwright.runs.noise import floor_sd
from archwright.runs.training.trainer import Trainer
from archwright.runs.verification import fresh_seed
from archwright.sandbox import Sandbox
from archwright.source.fingerprint import read_source
from archwright.tasks.loading import Task

PURPOSE: Final = "reproduction"


@dataclass(frozen=True, slots=True)
class Reproduced:
    """The result of a reproduction."""

    verdict: Ruling
    findings: tuple[ClaimResult, ...]
    rubric: Item
    shrunk: tuple[Scaled, ...]
    arms: Mapping[str, ArmReport]
    parameters: Mapping[str, int]


@dataclass(slots=True)
class Reproduction:
    """Carries out one experiment on one task.

    `task.spec.rungs` are the experiment's numbers of steps.
    """

    task: Task
    experiment: Experiment
    settings: RunSettings
    sandbox: Sandbox
    trainer: Trainer
    journal: Journal
    _reports: dict[str, ArmReport] = field(default_factory=dict)
    _candidates: dict[str, Candidate] = field(default_factory=dict)
    _findings: dict[str, ClaimResult] = field(default_factory=dict)

    def carry_out(self) -> Reproduced:
        """Code, runs, result.

        Raises:
            Stopped: the run was asked to stop; the journal holds all that was done.
            ArchwrightError: it cannot go on, for the reason said.
        """
        for number, arm in enumerate(self.experiment.arms):
            self._check(number, arm)
        for stage in range(1, STAGES + 1):
            open_claims = [c for c in self.experiment.claims if self._is_open(c)]
            if not open_claims:
                break
            self._train_arms(open_claims, self.settings.verify_seeds * stage)
            for claim in open_claims:
                self._findings[claim.id] = self._rule(claim)
        return self._conclude()

    @property
    def _spec(self) -> TaskSpec:
        return self.task.spec

    # --- code -----------------------------------------------------------------------------------

    def _check(self, number: int, arm: Arm) -> None:
        """Read an arm's source and execute the checks before training; an unsound one ends here."""
        candidate = Candidate(
            arm.id, arm.title, arm.source, self._spec.recipe, sequence=number, created=time.time()
        )
        try:
            recipe = read_source(arm.source, self._spec.problem, self._spec.recipe).recipe
        except SourceError as error:
            self._candidates[arm.id] = self.journal.propose(candidate)
            self._unsound(arm, (("parses", str(error)),))
            return
        candidate = self.journal.propose(replace(candidate, recipe=recipe))
        done = self.journal.once(
            *("check", arm.id, arm.id, {}),
            lambda: report_to_json(self.sandbox.check(arm.source, self._spec.problem)),
        )
        checks = tuple((c["name"], "" if c["ok"] else c["detail"]) for c in done["checks"])
        faults = [fault for _, fault in checks if fault]
        if not faults and done["status"] != "ok":
            checks = (*checks, ("runs", done["error"] or done["status"]))
        self._candidates[arm.id] = replace(
            candidate, parameters=done["parameters"], flops=done["flops"]
        )
        self.journal.update(self._candidates[arm.id])
        checks = (("parses", ""), *checks)
        if any(fault for _, fault in checks):
            self._unsound(arm, checks)
        else:
            self._reports[arm.id] = ArmReport(checks)

    def _unsound(self, arm: Arm, checks: tuple[tuple[str, str], ...]) -> None:
        self._reports[arm.id] = ArmReport(checks)
        name, fault = next((name, fault) for name, fault in checks if fault)
        self._end(arm.id, CandidateStatus.INVALID, f"{name}: {fault}")

    # --- runs -----------------------------------------------------------------------------------

    def _train_arms(self, claims: Sequence[ComparedClaim], seeds: int) -> None:
        """Train the arms of the claims up to so many seeds, all baselines before any method."""
        wanted = {arm for claim in claims for arm in self._arms_of(claim) if self._testable(claim)}
        baselines = {c.baseline for c in self.experiment.claims}
        self.journal.note(phase=Phase.BASELINE)
        self._train(sorted(wanted & baselines), seeds)
        self.journal.note(phase=Phase.METHOD)
        self._train(sorted(wanted - baselines), seeds)

    def _train(self, arms: Iterable[str], seeds: int) -> None:
        jobs = [(arm, seed) for seed in range(seeds) for arm in arms if seed >= self._count(arm)]
        with ThreadPoolExecutor(self.settings.workers) as pool:
            trials = list(pool.map(lambda job: self._train_one(*job), jobs))
        for (arm, _), trial in zip(jobs, trials, strict=True):
            report = self._reports[arm]
            error = report.error or (_why(trial) if trial.score is None else "")
            self._reports[arm] = replace(report, scores=(*report.scores, trial.score), error=error)
        unmeasured = {arm for (arm, _), t in zip(jobs, trials, strict=True) if t.unmeasured}
        for arm in {arm for arm, _ in jobs}:
            failed = CandidateStatus.UNMEASURED if arm in unmeasured else CandidateStatus.CRASHED
            self._show(arm, failed)

    def _train_one(self, id: str, seed: int) -> Trial:
        arm = self.experiment.arm(id)
        return self.trainer.train(
            TrialSpec(
                self._candidates[id],
                rung=self._spec.rungs.index(arm.steps),
                seed=fresh_seed(0, seed),
                purpose=PURPOSE,
                priority=seed,
                before=arm.before,
            )
        )

    def _count(self, arm: str) -> int:
        return len(self._reports[arm].scores)

    def _show(self, id: str, failed: CandidateStatus) -> None:
        """Let `status` see how an arm stands; the first claim's baseline is the run's. `failed` is
        the status of one without a score."""
        scores = [s for s in self._reports[id].scores if s is not None]
        if not scores:
            self._end(id, failed, self._reports[id].error)
            return
        arm, mean = self.experiment.arm(id), fmean(scores)
        rung = self._spec.rungs.index(arm.steps)
        shown = {rung: Measurement(mean, seeds=len(scores))}
        self._candidates[id] = replace(self._candidates[id], rungs=shown)
        self._end(id, CandidateStatus.TRAINED, "")
        if id == self.experiment.claims[0].baseline and len(scores) > 1:
            parameters = self._candidates[id].parameters
            floor = Floor(arm.steps, mean, floor_sd(scores), tuple(scores), parameters)
            self.journal.note(noise=[floor])

    def _end(self, id: str, status: CandidateStatus, reason: str) -> None:
        self._candidates[id] = self._candidates[id].ended(status, reason)
        self.journal.update(self._candidates[id])

    # --- result ---------------------------------------------------------------------------------

    def _arms_of(self, claim: ComparedClaim) -> tuple[str, str]:
        return claim.baseline, claim.method

    def _is_open(self, claim: ComparedClaim) -> bool:
        found = self._findings.get(claim.id)
        return found is None or (found.ruling == "undecided" and self._testable(claim))

    def _testable(self, claim: ComparedClaim) -> bool:
        """Whether both arms are sound, and none of them failed to train."""
        reports = [self._reports[arm] for arm in self._arms_of(claim)]
        return all(r.sound and None not in r.scores for r in reports)

    def _rule(self, claim: ComparedClaim) -> ClaimResult:
        for arm in self._arms_of(claim):
            report = self._reports[arm]
            if not report.sound:
                return ClaimResult(claim.id, "undecided", f"the code of {arm} fails its checks")
            if None in report.scores:
                failed, count = report.scores.count(None), len(report.scores)
                said = f"{arm} has no score on {failed} of {count} seeds: {report.error}"
                return ClaimResult(claim.id, "undecided", said)
        method, baseline = self._scores(claim.method), self._scores(claim.baseline)
        pairs = min(len(method), len(baseline))
        count = len(self.experiment.claims)
        return rule(self._spec.metric, claim, method[:pairs], baseline[:pairs], count)

    def _scores(self, arm: str) -> list[float]:
        return [s for s in self._reports[arm].scores if s is not None]

    def _conclude(self) -> Reproduced:
        findings = tuple(self._findings[claim.id] for claim in self.experiment.claims)
        seeds = max((len(r.scores) for r in self._reports.values()), default=0)
        samples = len(self.task.load("train", 0)[0])
        parameters = {id: c.parameters for id, c in self._candidates.items() if c.parameters}
        return Reproduced(
            verdict=rule_all(findings),
            findings=findings,
            rubric=fill_rubric(self.experiment, self._reports, findings),
            shrunk=compare_scale(self.experiment, self._spec, parameters, samples, seeds),
            arms=dict(self._reports),
            parameters=parameters,
        )


def _why(trial: Trial) -> str:
    """Why it has no score."""
    return f"it {trial.unmeasured}: {trial.error}" if trial.unmeasured else trial.error


def most_trainings(experiment: Experiment, settings: RunSettings) -> int:
    """How many trainings a reproduction takes at most: all stages for every arm."""
    return len(experiment.arms) * settings.verify_seeds * STAGES


def document_of(done: Reproduced, experiment: Experiment, spec: TaskSpec) -> dict[str, Any]:
    """A reproduction as plain data, for the journal and for `--json`."""

    def arm(id: str) -> dict[str, Any]:
        report, about = done.arms[id], experiment.arm(id)
        scores = [s for s in report.scores if s is not None]
        return {
            "arm": id,
            "title": about.title,
            "steps": about.steps,
            "total_steps": about.total_steps,
            "parameters": done.parameters.get(id, 0),
            "mean": fmean(scores) if scores else None,
            "scores": list(report.scores),
            "error": report.error,
        }

    claims = [
        {
            "id": claim.id,
            "words": claim.words,
            "direction": claim.direction,
            "margin": claim.margin,
            "quote": claim.quote,
            "conditions": claim.conditions,
            **{k: v for k, v in asdict(found).items() if k != "claim"},
            "method": arm(claim.method),
            "baseline": arm(claim.baseline),
        }
        for claim, found in zip(experiment.claims, done.findings, strict=True)
    ]
    return {
        "task": spec.name,
        "metric": spec.metric.name,
        "unit": spec.metric.unit,
        "verdict": done.verdict,
        "score": done.rubric.score,
        "claims": claims,
        "rubric": done.rubric.to_json(),
        "shrunk": [asdict(scaled) for scaled in done.shrunk],
    }
