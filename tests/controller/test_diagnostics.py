"""Of an evolution and its shuffled control, the rate beyond drift tells which is which; no other.

The logs are simulated: real optimizers, a neuron tuned in twenty dimensions of the code space,
Poisson counts, references whose response drifts along.
"""

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from controller import assembly
from controller.cli import main
from controller.config.optimizers import OptimizerTable
from controller.diagnostics import ThreadDiagnostics, diagnose, sentences
from controller.errors import TwinRefused
from controller.experiments.evolution import EvolutionThread, Placement
from controller.optimizers.base import Codes, Floats
from controller.twin import twin_of
from sessions.analysis.beside_nulls import reliability
from sessions.log import SessionLog
from sessions.reader import LogReader, open_log
from sessions.records import BaselineMode, Control, GenerationRecord, ReferenceScores
from sessions.report import summary, summary_sentences
from sessions.testing.reported import write_reported_log
from sessions.testing.synthetic import (
    ENDED,
    SyntheticSession,
    synthetic_record,
    synthetic_start,
    write_synthetic_log,
)

CODE_DIM, N_TUNED, SEED = 512, 10, 5
WINDOW_S, MISSING = 0.15, 0.05


@dataclass(frozen=True)
class Simulated:
    """What a simulated session is: `dead` answers as to a code of zeros, whatever it is shown."""

    control: Control = "none"
    kind: str = "cholesky_cma"
    dead: bool = False
    last_gain: float = 0.7
    n_generations: int = 16
    n_references: int = 40
    references_hz: tuple[float, float] = (20.0, 60.0)


def simulated(folder: Path, wanted: Simulated) -> LogReader:
    """Write the log of one thread, which a real optimizer made."""
    made = SyntheticSession(
        seed=SEED,
        generations=wanted.n_generations,
        population_size=4,
        n_references=wanted.n_references,
        code_dim=CODE_DIM,
        control=wanted.control,
        keep_pixels=False,
        image_size=4,
        baseline_mode="none",
        fail_rate=0.0,
    )
    start, rng = synthetic_start(made), np.random.default_rng(SEED)
    settings: OptimizerTable = TypeAdapter(OptimizerTable).validate_python({"kind": wanted.kind})
    info = replace(
        start.threads[0],
        optimizer=wanted.kind,
        optimizer_settings_json=settings.model_dump_json(),
    )
    start = replace(start, threads=(info,))
    first = rng.standard_normal((40, CODE_DIM)).astype(np.float32)
    search = EvolutionThread(
        0, "t", assembly.build_optimizer(settings, first, "maximise"), "g", Placement(0, 0, 1), SEED
    )
    axes = np.linalg.qr(rng.standard_normal((CODE_DIM, N_TUNED)))[0]
    gains = np.linspace(1, wanted.last_gain, wanted.n_generations)
    references_hz = rng.uniform(*wanted.references_hz, made.n_references)
    log = SessionLog.create(folder, start)
    for block, gain in enumerate(gains.tolist()):
        record = synthetic_record(made, start, block, rng)
        asked = search.ask(1000 + 100 * block)
        summary = search.optimizer.summary()
        scores = _counted(gain * _rates(asked.codes, axes, dead=wanted.dead), rng)
        order = search.told_order(len(scores), shuffled=wanted.control == "shuffled")
        n_valid = (rng.random(len(scores)) > MISSING).astype(np.int64)
        scores[n_valid == 0] = np.nan
        search.optimizer.tell(asked.ids, asked.codes, scores[order], n_valid[order])
        thread = replace(
            record.threads[0],
            image_ids=asked.ids,
            codes=asked.codes,
            image_sha256s=("0" * 64,) * len(scores),
            scores=scores,
            told_scores=scores[order],
            n_valid=n_valid,
            optimizer_summary=summary,
        )
        ids = start.references.image_ids
        shown = _counted(gain * references_hz, rng)
        references = ReferenceScores(ids, np.zeros_like(ids), shown, np.ones_like(ids))
        # Four of the images are shown; which, no figure here depends on.
        table = record.presentations
        presented = table.image_id + np.where(table.image_id >= 1000, 96 * block, 0)
        record = replace(record, presentations=replace(table, image_id=presented))
        log.commit_generation(replace(record, threads=(thread,), reference_scores=references))
    log.finish(ENDED)
    return open_log(log.path)


def _rates(codes: Codes, axes: Floats, *, dead: bool) -> Floats:
    """A hill in a subspace, 30 spikes/s at zero and 90 at its top; a dead neuron stays at zero."""
    distance2 = np.square((0 if dead else codes @ axes) - 8.0).sum(axis=-1) * np.ones(len(codes))
    rates: Floats = 90 * np.exp(-distance2 / (N_TUNED * 64 / 1.1))
    return rates


def _counted(rates_hz: Floats, rng: np.random.Generator) -> Floats:
    counted: Floats = rng.poisson(rates_hz * WINDOW_S) / WINDOW_S
    return counted


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> LogReader:
    return simulated(tmp_path_factory.mktemp("evolved"), Simulated())


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> LogReader:
    return simulated(tmp_path_factory.mktemp("control"), Simulated(control="shuffled"))


def _only(reader: LogReader) -> ThreadDiagnostics:
    (found,) = diagnose(reader).threads
    return found


def test_rate_beyond_drift_tells_an_evolution_from_its_control(
    evolved: LogReader, control: LogReader
) -> None:
    there, not_there = _only(evolved), _only(control)
    assert there.rate.verdict == "rises"
    assert there.rate.gain.value > 15
    assert there.rate.drift == pytest.approx(0.72, abs=0.15)
    assert not_there.rate.verdict != "rises"
    assert any("rises, as it was meant to" in line for line in sentences(there))
    assert any("so no success is shown" in line for line in sentences(not_there))


@pytest.mark.parametrize("which", ["evolved", "control"])
def test_norm_components_and_steps_look_the_same_with_and_without_a_signal(
    which: str, request: pytest.FixtureRequest
) -> None:
    reader = request.getfixturevalue(which)
    found = _only(reader)
    assert found.drift is not None
    assert found.path is not None
    # Both have grown far beyond where they began, along one direction above all.
    assert found.drift.norm == pytest.approx(found.drift.expected, abs=4 * found.drift.sd)
    assert found.drift.norm > 5 * reader.generations.mean_norm[1]
    assert found.path.shares[0] > 0.5
    assert found.path.shares == pytest.approx(found.path.walk_shares, abs=0.05)
    assert abs(found.path.step_cosine) < 0.05


def test_a_neuron_whose_responsiveness_grows_has_not_evolved(tmp_path: Path) -> None:
    wanted = Simulated(dead=True, last_gain=1.8, n_generations=10, references_hz=(5.0, 25.0))
    reader = simulated(tmp_path, wanted)
    # Evolved images drive it ever more, and more than the references.
    (found,) = summary(reader).threads
    assert found.evolution.beyond_references
    assert _only(reader).rate.verdict == "no change shown"
    assert not found.succeeded
    told = " ".join(summary_sentences(summary(reader)))
    assert "No success is shown beyond the drift of the references." in told


def test_without_references_nothing_is_decided(tmp_path: Path) -> None:
    reader = simulated(tmp_path, Simulated(n_references=0, n_generations=6))
    found = _only(reader)
    assert found.rate.verdict == "no references"
    assert any("cannot be judged, no references" in line for line in sentences(found))


@pytest.mark.parametrize("kind", ["genetic", "sphere_cma"])
def test_without_sigma_no_norm_is_predicted(tmp_path: Path, kind: str) -> None:
    reader = simulated(tmp_path, Simulated(kind=kind, n_generations=6))
    found = _only(reader)
    assert found.drift is None
    assert found.no_drift.startswith(f"not applicable to {kind}")
    assert any("not applicable" in line for line in sentences(found))
    twin = twin_of(reader, reader.threads[0])
    assert (twin.walk, twin.differs_from) == (None, None)
    assert twin.twin.code_norm == pytest.approx(twin.run.code_norm, rel=0.2)


def test_the_figures_have_one_form_for_people_and_scripts(evolved: LogReader) -> None:
    found = _only(evolved)
    assert set(asdict(diagnose(evolved))) == {"control", "threads"}
    lines = list(sentences(found))
    assert max(map(len, lines)) < 200
    # A figure that does not decide never stands without what nothing would give.
    assert all("a random walk" in line for line in lines if "norm" in line or "cosine" in line)


def test_the_twin_of_an_evolution_differs_in_nothing_that_codes_show(evolved: LogReader) -> None:
    found = twin_of(evolved, evolved.threads[0])
    assert found.differs_from is None
    assert found.walk is not None
    for other in (found.twin, found.walk):
        assert other.mean_norm == pytest.approx(found.run.mean_norm, rel=0.08)
        assert other.step == pytest.approx(found.run.step, rel=0.08)
        assert other.shares == pytest.approx(found.run.shares, abs=0.05)
    assert found.twin.angle_deg == pytest.approx(found.run.angle_deg, abs=2)
    assert found.twin.mean_norm != found.run.mean_norm
    assert twin_of(evolved, evolved.threads[0]) == found


def test_the_commands_show_figures_beside_their_nulls(
    evolved: LogReader, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def printed(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["neuroloop", *arguments])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().out

    log = str(evolved.path)
    told = printed("inspect", log)
    assert all(line in told for line in sentences(_only(evolved)))
    (thread,) = json.loads(printed("inspect", log, "--json"))["diagnostics"]["threads"]
    assert thread["rate"]["verdict"] == "rises"
    table = printed("twin", log)
    assert "shuffled twin  random walk" in table
    assert "Where run and twin agree, the figure says nothing of the neuron." in table
    assert "other codes than the log has" not in table
    (twin,) = json.loads(printed("twin", log, "--json"))
    assert twin["twin"]["shares"] == pytest.approx(twin["run"]["shares"], abs=0.05)


def test_a_control_has_a_twin_too(control: LogReader) -> None:
    assert twin_of(control, control.threads[0]).differs_from is None


def test_a_log_of_another_version_is_told(tmp_path: Path, evolved: LogReader) -> None:
    (thread,) = evolved.threads
    other = thread.optimizer_settings_json.replace('"sigma0":3.0', '"sigma0":2.0')
    assert twin_of(evolved, replace(thread, optimizer_settings_json=other)).differs_from == 1
    with pytest.raises(TwinRefused, match="does not know"):
        twin_of(evolved, replace(thread, optimizer_settings_json='{"kind": "unheard_of"}'))
    short = simulated(tmp_path, Simulated(n_generations=2))
    with pytest.raises(TwinRefused, match="has 2 generations"):
        twin_of(short, short.threads[0])


def test_a_log_without_a_generation_says_that_nothing_can_be_judged(tmp_path: Path) -> None:
    reader = open_log(write_synthetic_log(tmp_path, SyntheticSession(generations=0)))
    for found in diagnose(reader).threads:
        assert found.rate.verdict == "too few scores"
        assert (found.path, found.reliability) == (None, None)
        assert found.no_drift


def _twice(record: GenerationRecord) -> GenerationRecord:
    """Let presentations that failed, and were shown again, have completed."""
    outcome = tuple(o.replace("failed_trial", "completed") for o in record.presentations.outcome)
    return replace(record, presentations=replace(record.presentations, outcome=outcome))


@pytest.mark.parametrize("mode", ["none", "presentation"])
def test_images_that_were_shown_twice_say_how_surely_they_are_told_apart(
    tmp_path: Path, mode: BaselineMode
) -> None:
    made = SyntheticSession(fail_rate=1.0, generations=3, baseline_mode=mode, keep_pixels=False)
    reader = open_log(write_synthetic_log(tmp_path, made, _twice))
    shown, images = reader.presentations, reader.images
    for info, found in zip(reader.threads, diagnose(reader).threads, strict=True):
        assert found.reliability is not None
        columns = [reader.unit_ids.tolist().index(unit) for unit in info.driver_unit_ids]
        scores, ids, generations = [], [], []
        for image_id, generation in zip(images.image_id, images.generation, strict=True):
            of_it = (shown.image_id == image_id) & (shown.outcome == "completed")
            if info.thread_id not in images.thread_id[images.image_id == image_id]:
                continue
            for row in np.flatnonzero(of_it):
                rate = shown.response_counts[row, columns].mean() / 0.15
                base = shown.baseline_counts[row, columns].mean() / 0.04
                scores.append(rate - base * (mode == "presentation"))
                ids.append(image_id)
                generations.append(generation)
        alone = reliability(np.array(scores), np.array(ids), np.array(generations))
        assert alone is not None
        assert found.reliability.rho == pytest.approx(alone.rho)
        assert found.reliability.n_images == alone.n_images > 15


def test_rates_that_a_rig_reported_are_judged_like_counts(tmp_path: Path) -> None:
    made = SyntheticSession(generations=6, keep_pixels=False, baseline_mode="none")
    reader = open_log(write_reported_log(tmp_path, made))
    assert [found.rate.verdict for found in diagnose(reader).threads] == ["rises", "rises"]
