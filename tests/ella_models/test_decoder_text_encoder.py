"""Decoder-only language models as text encoders, at toy size."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, processors
from transformers import BartConfig, BartModel, LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from ella_models import (
    ConnectorConfig,
    DecoderTextEncoder,
    EllaConnector,
    EllaError,
    T5TextEncoder,
    TextOptions,
    load_connector,
    load_text_encoder,
    text_encoder_of,
)
from ella_models.text_encoder import TextInput, check_width

PROMPTS = ["", "a red fox", "a prompt that is rather longer than its neighbours, with a comma."]
SIZES = ConnectorConfig(time_channel=8, time_embed_dim=24, width=32, layers=2, heads=4, num_latents=6, input_dim=16)


@pytest.fixture(scope="module")
def llama() -> DecoderTextEncoder:
    letters = ["<unk>", "<s>", "</s>", *string.ascii_lowercase, " ", ".", ",", ":"]
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, [], unk_token="<unk>"))
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(letters),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=1,
        eos_token_id=2,
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    return DecoderTextEncoder(fast, LlamaModel(config).eval())


def reading(encoder: DecoderTextEncoder, **options: Any) -> DecoderTextEncoder:
    return DecoderTextEncoder(encoder.tokenizer, encoder.model, TextOptions(**options))


def alone(encoder: DecoderTextEncoder, text: str, length: str = "flexible") -> torch.Tensor:
    features = encoder.encode([TextInput(text, length)], device="cpu")
    assert features.visible is None
    return features.states[0]


@torch.no_grad()
def test_features_are_the_models_last_hidden_states(llama: DecoderTextEncoder) -> None:
    ids = torch.tensor([llama.tokenizer("a red fox").input_ids])
    assert llama.width == 16
    torch.testing.assert_close(alone(llama, "a red fox"), llama.model(ids).last_hidden_state[0])
    middle = llama.model(ids, output_hidden_states=True).hidden_states[1][0]
    torch.testing.assert_close(alone(reading(llama, layer=1), "a red fox"), middle)


@pytest.mark.parametrize("padding_side", ["left", "right"])
def test_one_batch_gives_what_each_prompt_gives_alone(llama: DecoderTextEncoder, padding_side: str) -> None:
    encoder = reading(llama, padding_side=padding_side, tokens=24)
    inputs = [TextInput(text, length) for text in PROMPTS for length in ("fixed", "flexible")]
    batch = encoder.encode(inputs, device="cpu")
    assert batch.visible is not None
    for row, text in enumerate(inputs):
        expected = alone(encoder, text.text, text.length)
        torch.testing.assert_close(batch.states[row, batch.visible[row]], expected, atol=1e-6, rtol=0)


def test_the_prompt_stands_at_the_side_that_is_not_padded(llama: DecoderTextEncoder) -> None:
    own = alone(llama, "a fox")
    right = alone(reading(llama, tokens=20), "a fox", "fixed")
    left = alone(reading(llama, tokens=20, padding_side="left"), "a fox", "fixed")
    assert right.shape == left.shape == (20, 16)
    torch.testing.assert_close(right[: len(own)], own, atol=1e-6, rtol=0)
    torch.testing.assert_close(left[-len(own) :], own, atol=1e-6, rtol=0)
    assert alone(reading(llama, tokens=4), "a long fox", "fixed").shape == (4, 16)


def test_begin_token_and_template_change_what_is_read(llama: DecoderTextEncoder) -> None:
    torch.testing.assert_close(alone(reading(llama, begin_token=True), "a fox"), alone(llama, "a fox"))
    assert len(alone(reading(llama, begin_token=False), "a fox")) == len(alone(llama, "a fox")) - 1
    assert alone(reading(llama, begin_token=False), "").shape == (1, 16)
    told = reading(llama, template="image: {prompt}.")
    torch.testing.assert_close(alone(told, "a fox"), alone(llama, "image: a fox."))


def test_encoders_load_by_what_they_are(llama: DecoderTextEncoder, t5: T5TextEncoder, tmp_path: Path) -> None:
    for name, encoder in (("llama", llama), ("t5", t5)):
        encoder.model.save_pretrained(tmp_path / name)
        encoder.tokenizer.save_pretrained(tmp_path / name)
        loaded = load_text_encoder(tmp_path / name)
        assert type(loaded) is type(encoder)
        for length in ("fixed", "flexible"):
            torch.testing.assert_close(alone(loaded, "a fox", length), alone(encoder, "a fox", length))
        assert {p.dtype for p in load_text_encoder(tmp_path / name, dtype=torch.float16).model.parameters()} == {
            torch.float16
        }
    assert isinstance(text_encoder_of(llama.tokenizer, llama.model), DecoderTextEncoder)
    assert text_encoder_of(t5.tokenizer, t5.model, {"tokens": 7}).options.tokens == 7


def test_a_connector_keeps_how_its_text_is_read(tmp_path: Path) -> None:
    options = TextOptions(padding_side="left", begin_token=False, template="image: {prompt}").changed()
    connector = EllaConnector.from_sizes(SIZES, text_options=options)
    connector.save_pretrained(tmp_path)
    assert load_connector(tmp_path).text_options == options
    assert EllaConnector.from_pretrained(tmp_path).text_options == options
    save_file(connector.state_dict(), tmp_path / "ella.safetensors")
    beside = tmp_path / "ella.json"
    beside.write_text('{"text_options": {"padding": "left"}}', encoding="utf-8")
    with pytest.raises(EllaError, match=r"ella.json' gives text_options .* Unknown option of a text encoder: padding"):
        load_connector(tmp_path / "ella.safetensors")


def test_a_width_that_does_not_fit_is_one_clear_error(llama: DecoderTextEncoder) -> None:
    check_width(llama.width, SIZES)
    with pytest.raises(EllaError, match="reads text features of width 16, but the text encoder's are 4096 wide"):
        check_width(4096, SIZES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding_side": "both"}, "padding_side must be one of right, left"),
        ({"tokens": 0}, "at least 1 token and at most 32768, not 0"),
        ({"tokens": 10**12}, "at most 32768, not 1000000000000"),
        ({"tokens": 12.5}, "at least 1 token and at most 32768, not 12.5"),
        ({"layer": "last"}, "layer must be a whole number, not 'last'"),
        ({"begin_token": "<s>"}, "begin_token must be true or false, not '<s>'"),
        ({"template": "no place"}, "must hold {prompt} once"),
        ({"template": 7}, "must hold {prompt} once"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(EllaError, match=message):
        TextOptions(**options)


def test_options_that_a_model_cannot_follow_are_refused(llama: DecoderTextEncoder, t5: T5TextEncoder) -> None:
    with pytest.raises(EllaError, match="hidden states 0 to 2; there is no layer 3"):
        alone(reading(llama, layer=3), "a fox")
    with pytest.raises(EllaError, match="T5 is padded on the right"):
        T5TextEncoder(t5.tokenizer, t5.model, TextOptions(padding_side="left"))
    llama.tokenizer.bos_token, begin = None, llama.tokenizer.bos_token
    try:
        with pytest.raises(EllaError, match="no begin token"):
            reading(llama, begin_token=True)
    finally:
        llama.tokenizer.bos_token = begin


def test_what_is_no_text_encoder_is_one_clear_error(llama: DecoderTextEncoder, tmp_path: Path) -> None:
    with pytest.raises(EllaError, match="There is no folder '/no/such'"):
        load_text_encoder("/no/such")
    with pytest.raises(EllaError, match="could not be loaded from 'nobody/nothing'"):
        load_text_encoder("nobody/nothing")
    small = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 1, "decoder_attention_heads": 1, "vocab_size": 10}
    BartModel(BartConfig(**small, **heads)).save_pretrained(tmp_path)
    with pytest.raises(EllaError, match="is an encoder-decoder model"):
        load_text_encoder(tmp_path)
