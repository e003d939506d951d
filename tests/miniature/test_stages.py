"""The stages of the training: each leaves what the next one reads, and models that the product's own code loads."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from torch.nn import functional

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import GeneratorSettings, ImageRequest
from dpg_bench.generate.models.stable_diffusion import SD15, StableDiffusionOptions
from dpg_bench.miniature.__main__ import main
from dpg_bench.miniature.train import reworked
from dpg_bench.miniature.train.corpus import captions
from dpg_bench.miniature.train.denoising import WIDTH
from dpg_bench.miniature.train.latents import read_latents, write_latents
from dpg_bench.miniature.train.loop import drawn, load_average
from dpg_bench.miniature.train.pictures import levels, signed
from dpg_bench.miniature.train.pipeline import TextEncoderTask
from dpg_bench.miniature.train.stages import DONE, STAGES, Effort, Size, make_stages
from dpg_bench.miniature.train.t5 import T5Task
from dpg_bench.miniature.train.text_tokenizers import write_clip_tokenizer, write_t5_tokenizer
from dpg_bench.miniature.train.unet import UNetTask
from dpg_bench.miniature.train.vae import DrawPictures
from ella_models import load_connector, load_text_encoder

Refused = Callable[..., str]
SIZES = {stage.name: Size(steps=2, batch=2) for stage in STAGES}
EFFORT = Effort(sizes=SIZES, captions=200, scenes=12, pairs=4)
MADE = tuple(SIZES)


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stages")
    make_stages(folder, MADE, effort=EFFORT)
    return folder


def test_both_tokenizers_come_out_the_same_every_time(tmp_path: Path) -> None:
    texts = list(captions("test", 100))
    for name, write in (("clip", write_clip_tokenizer), ("t5", write_t5_tokenizer)):
        for number in "12":
            write(texts, tmp_path / f"{name}{number}")
        first = (tmp_path / f"{name}1" / "tokenizer.json").read_bytes()
        assert first == (tmp_path / f"{name}2" / "tokenizer.json").read_bytes()


def test_the_pipeline_is_a_base_of_sd15_like_any_other(stages: Path) -> None:
    settings = GeneratorSettings(
        model="sd15",
        options=StableDiffusionOptions(base=str(stages / "pipeline" / "model")),
        size=64,
        steps=2,
        guidance=3.0,
        dtype="float32",
        device="cpu",
    )
    (image,) = SD15.load(settings).generate([ImageRequest("a red star", 1)])
    assert image.size == (64, 64)


def test_the_pipeline_keeps_nothing_of_how_and_where_it_was_trained(stages: Path) -> None:
    model = stages / "pipeline" / "model"
    for file in model.rglob("*.json"):
        assert str(stages) not in file.read_text(encoding="utf-8"), file
    tokenizer = "tokenizer.json"
    assert (model / "tokenizer" / tokenizer).read_bytes() == (stages / "tokenizers/clip" / tokenizer).read_bytes()


def test_the_unet_is_the_same_in_front_of_which_the_text_encoder_was_trained(stages: Path) -> None:
    told = UNetTask(stages / "latents", scenes=12)
    load_average(told.trained, stages / "unet")
    alone = told.unet.half().state_dict()
    whole = UNet2DConditionModel.from_pretrained(stages / "pipeline" / "model" / "unet").half().state_dict()
    assert alone.keys() == whole.keys()
    assert all(torch.equal(weight, whole[name]) for name, weight in alone.items())


@pytest.mark.parametrize("off", [0.0, 2.0])
def test_the_unet_is_trained_on_the_error_of_the_noise(stages: Path, off: float) -> None:
    task = UNetTask(stages / "latents", images=8, scenes=12)
    shown = task.draw(0)

    def predict(noisy: Tensor, steps: Tensor, told: Tensor) -> SimpleNamespace:
        assert torch.equal(told, task.tokens(shown.facts))
        signal = task.scheduler.alphas_cumprod[steps].view(-1, 1, 1, 1)
        noise = (noisy - signal.sqrt() * task.latents[shown.scenes].float()) / (1 - signal).sqrt()
        return SimpleNamespace(sample=noise + off)

    task.unet = predict
    assert float(task.losses(shown)["error"].detach()) == pytest.approx(off**2, abs=1e-3)


def test_the_last_judge_is_the_first_trained_on(stages: Path) -> None:
    judges = [read_weights(stages / stage / "pytorch_model.bin") for stage in ("judge", "final-judge")]
    changes = [float((after - judges[0][name]).abs().max()) for name, after in judges[1].items()]
    assert 0 < max(changes) < 1e-3  # two steps, of the warm-up


def test_of_what_the_last_judge_is_shown_most_is_as_drawn_and_the_rest_through_the_autoencoder(
    stages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reworked, "spoiled", torch.clone)
    vae = AutoencoderKL.from_pretrained(stages / "vae" / "model").float().eval()
    unet = UNetTask(stages / "latents", scenes=12)
    pixels = DrawPictures("test", 1)(0).repeat(200, 1, 1, 1)
    torch.manual_seed(0)
    shown = reworked.Reworked(vae, unet)(pixels)
    as_drawn = [torch.equal(picture, pixels[0]) for picture in shown]
    decoded = levels(vae.decode(vae.encode(signed(pixels[:1])).latent_dist.mean).sample.detach())[0]
    # A level off: the latents are scaled and scaled back.
    through = [float((picture.float() - decoded.float()).abs().max()) <= 1 for picture in shown]
    assert 100 < sum(as_drawn) < 140
    assert 25 < sum(through) < 55
    assert not any(map(all, zip(as_drawn, through, strict=True)))
    assert sum(as_drawn) + sum(through) < 180  # the others, from noise


def test_captions_are_right_that_make_the_unet_predict_what_the_scene_itself_does(stages: Path) -> None:
    told = UNetTask(stages / "latents", scenes=12)
    task = TextEncoderTask(stages / "tokenizers" / "clip", told, images=8)
    shown = task.draw(0)
    assert task.losses(shown)["loss"] > 1e-6
    task.text_encoder = lambda _: (told.tokens(shown.facts),)
    assert task.losses(shown)["loss"] == 0


def test_the_autoencoder_that_ships_encodes_to_the_mean(stages: Path) -> None:
    vae = AutoencoderKL.from_pretrained(stages / "pipeline" / "model" / "vae")
    pixels = signed(DrawPictures("test", 2)(0))
    assert vae.encode(pixels).latent_dist.std.max() < 1e-6
    own = AutoencoderKL.from_pretrained(stages / "vae" / "model")
    assert torch.equal(own.encode(pixels).latent_dist.mean, vae.encode(pixels).latent_dist.mean)


def test_what_processes_beside_the_training_draw_is_what_it_would_draw_itself() -> None:
    draw = DrawPictures("test", 2)
    alone, beside = (list(drawn(draw, range(3, 6), workers=workers)) for workers in (0, 1))
    assert len(alone) == 3
    assert all(torch.equal(a, b) for a, b in zip(alone, beside, strict=True))
    assert not torch.equal(alone[0], alone[1])


def test_the_t5_encoder_loads_as_ellas_text_encoder(stages: Path) -> None:
    encoder = load_text_encoder(str(stages / "t5" / "model"))
    assert encoder is not None


def test_t5_answers_the_questions_of_a_row_as_if_each_were_asked_alone(stages: Path) -> None:
    task = T5Task(stages / "tokenizers" / "t5", captions=2)
    shown = task.draw(0)
    with torch.no_grad():
        logits = [
            task.model(input_ids=torch.tensor([text]), decoder_input_ids=torch.tensor([question])).logits[0, -1]
            for text, questions in zip(shown.texts, (shown.asked[:8], shown.asked[8:]), strict=True)
            for question in questions
        ]
        alone = functional.cross_entropy(torch.stack(logits), torch.tensor(shown.answers))
        assert task.losses(shown)["answer"] == pytest.approx(float(alone), rel=1e-4)


def test_the_connector_fits_between_t5_and_the_unet(stages: Path) -> None:
    connector = load_connector(stages / "connector" / "run" / "ella.safetensors")
    assert connector.sizes.width == WIDTH
    encoder = load_text_encoder(str(stages / "t5" / "model"))
    assert connector.sizes.input_dim == encoder.model.config.d_model


def test_what_is_done_is_left_as_it_is(stages: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in stages.rglob("*") if path.is_file()}
    make_stages(stages, MADE, effort=EFFORT)
    assert {path: path.stat().st_mtime_ns for path in stages.rglob("*") if path.is_file()} == before


def test_latents_that_are_there_are_not_encoded_again(stages: Path, tmp_path: Path) -> None:
    (tmp_path / "part-000.npy").write_bytes((stages / "latents" / "part-000.npy").read_bytes())
    write_latents(None, tmp_path, scenes=12)
    latents = read_latents(tmp_path, scenes=12)
    assert latents.shape == (12, 4, 16, 16)
    assert latents.dtype == torch.float16


def test_a_stage_whose_predecessor_is_not_done_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="'latents' needs 'vae'"):
        make_stages(tmp_path, ("latents",), effort=EFFORT)
    assert not (tmp_path / "latents" / DONE).exists()


def test_an_unknown_stage_is_named_before_anything_is_made(tmp_path: Path, refused: Refused) -> None:
    assert "Did you mean 'tokenizers'" in refused(2, "--out", str(tmp_path), "--stage", "tokenizer")
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_not_there_is_named_before_anything_is_made(tmp_path: Path, refused: Refused) -> None:
    assert "'cuda:99' was asked for" in refused(2, "--out", str(tmp_path), "--device", "cuda:99")
    assert not list(tmp_path.iterdir())


def test_a_file_where_the_folder_of_all_stages_should_be_is_named(tmp_path: Path, refused: Refused) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    assert str(taken) in refused(1, "--out", str(taken))


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What `train` says with these options, in one line, where it ends with this exit code."""

    def say(exit_code: int, *options: str) -> str:
        monkeypatch.setattr("sys.argv", ["miniature", "train", *options])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == exit_code
        (said,) = capsys.readouterr().err.splitlines()
        return said

    return say


def read_weights(file: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = torch.load(file, weights_only=True)["model"]
    return {name: weight.float() for name, weight in weights.items()}


def test_make_knows_what_each_stage_needs_and_makes_all() -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    rules = dict(re.findall(r"^(miniature|\$\(STAGES\)/[a-z0-9-]+/done\.json): *\|? *(.*)$", makefile, re.MULTILINE))
    needs = {target: set(re.findall(r"/([a-z0-9-]+)/done", found)) for target, found in rules.items()}
    asked = needs.pop("miniature")
    by_name = {target.split("/")[1]: found for target, found in needs.items()}
    del by_name["judge"]  # for the order alone: the test below
    assert by_name == {stage.name: set(stage.needs) for stage in STAGES if stage.needs}
    assert asked | set().union(*by_name.values()) == {stage.name for stage in STAGES}


def test_the_judge_waits_for_what_the_longer_row_of_stages_needs(tmp_path: Path) -> None:
    made = ("make", "-n", f"STAGES={tmp_path}/stages", f"{tmp_path}/stages/judge/done.json")
    planned = subprocess.run(made, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True).stdout
    assert sorted(re.findall(r"--stage ([a-z0-9-]+)", planned)) == ["judge", "latents", "t5", "tokenizers", "vae"]
