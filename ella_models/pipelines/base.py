"""What all ELLA pipelines share: the text side, and the adapter around diffusers' own denoising loop.

Axes: N images, P prompts, S text positions and C width of the text features.

Source: ELLA, arXiv 2403.05135; behaviour as in its `inference.py` at 3c228f1.
"""

from __future__ import annotations

from typing import Any, ClassVar

from diffusers import AutoencoderKL, SchedulerMixin, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPVisionModelWithProjection, PreTrainedModel, PreTrainedTokenizerBase

from ella_models.adapter import EllaAdapter
from ella_models.clip_text import ClipTokens
from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.pipelines.adapters import EllaAdapters
from ella_models.pipelines.call import TEXT_SETTINGS, check_call, ella_signature, lenient_callback
from ella_models.pipelines.loading import EllaLoading
from ella_models.pipelines.text_side import EllaTexts, evened
from ella_models.pipelines.vae_precision import vae_in_its_own_precision
from ella_models.request import TextSettings, texts_of
from ella_models.text_encoder import check_width, text_encoder_of

READY = ("prompt_embeds", "negative_prompt_embeds")


class EllaPipeline(EllaLoading, EllaTexts, EllaAdapters):
    """The ELLA half of a pipeline; the other is the diffusers pipeline that a class derives from after it.

    `text_encoder` and `tokenizer` are T5's; CLIP's are `clip_text_encoder` and `clip_tokenizer`, which only ELLA + CLIP
    needs.

    Raises EllaError if connector, text encoder and U-Net don't fit together, or the U-Net is for another task.
    """

    model_cpu_offload_seq = "clip_text_encoder->text_encoder->image_encoder->connector->unet->vae"
    _optional_components: ClassVar[list[str]] = [
        "safety_checker",
        "feature_extractor",
        "image_encoder",
        "clip_text_encoder",
        "clip_tokenizer",
    ]
    _input_channels: ClassVar[tuple[int, ...]] = (4,)

    def __init__(  # noqa: PLR0917 - diffusers reads the components off this signature, in this form
        self,
        vae: AutoencoderKL,
        text_encoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        connector: EllaConnector,
        unet: UNet2DConditionModel,
        scheduler: SchedulerMixin,
        safety_checker: Any = None,
        feature_extractor: Any = None,
        image_encoder: CLIPVisionModelWithProjection | None = None,
        clip_text_encoder: CLIPTextModel | None = None,
        clip_tokenizer: PreTrainedTokenizerBase | None = None,
        requires_safety_checker: bool = False,
    ) -> None:
        self._assemble(
            {
                "vae": vae,
                "text_encoder": text_encoder,
                "tokenizer": tokenizer,
                "unet": unet,
                "scheduler": scheduler,
                "safety_checker": safety_checker,
                "feature_extractor": feature_extractor,
                "image_encoder": image_encoder,
                "requires_safety_checker": requires_safety_checker,
            },
            connector=connector,
            clip_text_encoder=clip_text_encoder,
            clip_tokenizer=clip_tokenizer,
        )

    def _assemble(self, plain_parts: dict[str, Any], **own: Any) -> None:
        self._check_fit(plain_parts["text_encoder"], plain_parts["tokenizer"], own["connector"], plain_parts["unet"])
        super().__init__(**plain_parts)
        self.register_modules(**own)
        self._texts = TextSettings()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "plain_class" not in vars(cls):
            return
        signature = ella_signature(cls.plain_class.__call__)

        def call(self: EllaPipeline, *args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            return self._draw({name: value for name, value in bound.arguments.items() if name != "self"})

        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__doc__ = EllaPipeline.__call__.__doc__
        cls.__call__ = call  # type: ignore[method-assign]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make images: for each prompt in order, `num_images_per_prompt` of them.

        Arguments are those of the diffusers pipeline that this one derives from, with guidance 12 by default, as
        ELLA's authors use it, and ready text features (P, S, C) of T5 as `prompt_embeds` and `negative_prompt_embeds`.
        Prompts may be of any length and may repeat: text encoder and connector run once per distinct text. An image
        with its own generator or latents does not depend on what else is in the batch. Besides:

        - `length`: `fixed` pads and cuts every prompt to 128 tokens, as in training; `flexible` takes prompts as they
          are, which suits short ones better. `fixed_negative` pads only the negative prompt.
        - `clip`: the U-Net reads CLIP's tokens after ELLA's, so that trigger words of LoRAs, textual inversion and
          DreamBooth work. CLIP reads the same texts, unless `clip_prompt` or `clip_negative_prompt` give it others;
          `clip_skip` holds for both.
        - `latents`: noise of unit variance for the N images, instead of drawing it.
        - `callback_on_step_end`: may return `None`.

        Returns diffusers' output, or (without `return_dict`) a tuple.

        Raises EllaError for arguments that are out of range or whose numbers don't match.
        """
        raise NotImplementedError(f"{type(self).__name__} is for no task; use one of ELLA's pipelines.")

    def check_inputs(self, *args: Any, **kwargs: Any) -> None:
        """Check as diffusers does; what it finds is an EllaError."""
        try:
            super().check_inputs(*args, **kwargs)
        except EllaError:
            raise
        except (TypeError, ValueError) as error:
            raise EllaError(str(error)) from error

    def _draw(self, asked: dict[str, Any]) -> Any:
        texts = TextSettings(**{name: asked.pop(name) for name in TEXT_SETTINGS})
        prompts = self._count_prompts(asked)
        images = prompts * asked["num_images_per_prompt"]
        check_call(asked, images=images, scale=self.vae_scale_factor)
        lenient_callback(asked, images=images)
        if "image" not in asked:
            self._settle_size(asked, images)
        if asked.get("latents") is not None:
            asked["latents"] = asked["latents"].to(self.unet.dtype)
        if not texts.clip:
            self._warn_of_clip_tokens(asked["prompt"] or ())
        self._guidance_scale = asked["guidance_scale"]
        models = [self.unet, *([self.controlnet] if hasattr(self, "controlnet") else [])]
        self._texts = texts
        try:
            clip = self._clip_part(asked, texts, prompts) if texts.clip else None
            with (
                EllaAdapter(self.connector, *models, scheduler=self.scheduler, clip=clip),
                vae_in_its_own_precision(self.vae, self.unet.dtype),
            ):
                return super().__call__(**asked)
        finally:
            self._texts = TextSettings()

    def _count_prompts(self, asked: dict[str, Any]) -> int:
        """The number of prompts, whose texts are brought into the lists that diffusers takes."""
        ready = asked["prompt_embeds"]
        width = self.connector.sizes.input_dim
        given = {name: asked[name] for name in READY if asked[name] is not None}
        for name, features in given.items():
            if features.ndim != 3 or features.shape[-1] != width:
                raise EllaError(f"{name} is {list(features.shape)}; text features are (prompts, positions, {width}).")
        asked.update(zip(given, evened(list(given.values())), strict=True))
        if ready is None:
            asked["prompt"] = texts_of("prompt", asked["prompt"])
        count = len(asked["prompt"]) if ready is None else len(ready)
        if asked["negative_prompt"] is not None:
            asked["negative_prompt"] = texts_of("negative_prompt", asked["negative_prompt"], count=count)
        return count

    def _settle_size(self, asked: dict[str, Any], images: int) -> None:
        """The U-Net's own size for a side that isn't given; noise that is given must fit."""
        trained = self.unet.config.sample_size
        for name, side in zip(("height", "width"), [trained] * 2 if isinstance(trained, int) else trained, strict=True):
            asked[name] = side * self.vae_scale_factor if asked[name] is None else asked[name]
        if asked["latents"] is None:
            return
        sides = [asked[name] // self.vae_scale_factor for name in ("height", "width")]
        needed = [images, self.unet.config.in_channels, *sides]
        if list(asked["latents"].shape) != needed:
            raise EllaError(f"latents are {list(asked['latents'].shape)}; these images need {needed}.")

    def _clip_part(self, asked: dict[str, Any], texts: TextSettings, prompts: int) -> ClipTokens:
        prompt = asked["prompt"] if texts.clip_prompt is None else texts.clip_prompt
        if prompt is None:
            raise EllaError("With ready text features CLIP has no text to read: give clip_prompt as well.")
        negative = asked["negative_prompt"] if texts.clip_negative_prompt is None else texts.clip_negative_prompt
        tokens = self.encode_clip_prompt(
            texts_of("clip_prompt", prompt, count=prompts),
            num_images_per_prompt=asked["num_images_per_prompt"],
            do_classifier_free_guidance=self.do_classifier_free_guidance,
            negative_prompt=negative,
            lora_scale=(asked["cross_attention_kwargs"] or {}).get("scale"),
            clip_skip=asked["clip_skip"],
        )
        if tokens.visible is not None and hasattr(self, "controlnet"):
            raise EllaError(
                "A ControlNet can't be told where a CLIP text ends, so the texts of a call must all have the same "
                "number of chunks of 75 tokens: draw these prompts one by one, or give a shorter clip_prompt."
            )
        return tokens

    def _check_fit(self, text_encoder: Any, tokenizer: Any, connector: EllaConnector | None, unet: Any) -> None:
        if connector is None or unet is None:
            return
        if text_encoder is not None:
            check_width(text_encoder_of(tokenizer, text_encoder, connector.text_options).width, connector.sizes)
        if connector.sizes.width != unet.config.cross_attention_dim:
            raise EllaError(
                f"The connector writes a condition of width {connector.sizes.width}, but the U-Net reads one of "
                f"{unet.config.cross_attention_dim}: ELLA's released connector is for Stable Diffusion 1.x."
            )
        if unet.config.in_channels not in self._input_channels:
            raise EllaError(
                f"The U-Net takes {unet.config.in_channels} channels, and {type(self).__name__} gives it "
                f"{' or '.join(map(str, self._input_channels))}: a checkpoint for inpainting has 9, and goes with "
                "EllaStableDiffusionInpaintPipeline."
            )
