"""Tiny pipelines with random weights, written as ordinary diffusers folders: the true code path in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

WIDTH = 16  # of the text encoders


def seeded(build: Any, seed: int) -> Any:
    """Call `build` under a fixed global seed, and leave the global generator as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def shake(network: torch.nn.Module, seed: int, norms: bool = True, outputs: bool = True) -> torch.nn.Module:
    """Give a fresh network what training would: normalisations off their start, output layers that are not zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            zero_layer = "controlnet_" in name and not bool(parameter.any())
            if (zero_layer and outputs) or ("norm" in name and norms):
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
            if ("cond_embedding" in name and outputs) or ("attn2.to_" in name and norms):
                parameter *= 4.0  # or a random network hardly looks at control and prompt
    return network


def tokenizer() -> CLIPTokenizer:
    """A vocabulary of letters: every word falls apart into them."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=77)


def text_encoder(seed: int, projection: bool = False) -> Any:
    """A one-layer CLIP text model."""
    config = CLIPTextConfig(
        vocab_size=190, hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=77, bos_token_id=188, eos_token_id=189, pad_token_id=189, projection_dim=WIDTH,
    )  # fmt: skip
    kind = CLIPTextModelWithProjection if projection else CLIPTextModel
    return shake(seeded(lambda: kind(config), seed).eval(), seed)


def _shape(xl: bool) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "cross_attention_dim": 2 * WIDTH if xl else WIDTH,
        "attention_head_dim": 2,
        "norm_num_groups": 4,
    }
    if xl:
        shape |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 4,
            "projection_class_embeddings_input_dim": 6 * 4 + WIDTH,
            "transformer_layers_per_block": (1, 1),
            "use_linear_projection": True,
        }
    return shape


def unet(seed: int, xl: bool = False) -> UNet2DConditionModel:
    """Two levels, about 20 thousand parameters."""
    return seeded(
        lambda: UNet2DConditionModel(sample_size=16, up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), **_shape(xl)),
        seed,
    ).eval()


def controlnet(seed: int, xl: bool = False) -> ControlNetModel:
    """The UNet's twin; its output layers are zero until `shake`."""
    return seeded(lambda: ControlNetModel(conditioning_embedding_out_channels=(4, 8, 8, 8), **_shape(xl)), seed).eval()


def vae(seed: int) -> AutoencoderKL:
    """Factor 8, as SD 1.5's: control embeddings are made for it."""
    network = seeded(
        lambda: AutoencoderKL(
            block_out_channels=(4, 4, 4, 4), down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=2, sample_size=64,
        ),
        seed,
    )  # fmt: skip
    return shake(network.eval(), seed)


def scheduler() -> DDIMScheduler:
    """SD 1.5's noise schedule."""
    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False,
        steps_offset=1,
    )  # fmt: skip


def write_controlnet(folder: Path, seed: int = 5, xl: bool = False, trained: bool = True) -> Path:
    """A ControlNet folder; `trained` fills its zero layers."""
    network = controlnet(seed, xl)
    (shake(network, seed) if trained else network).save_pretrained(folder)
    return folder


def write_sd(folder: Path, trained: bool = True, own_controlnet: bool = True) -> Path:
    """An SD 1.5-shaped pipeline folder, with its own ControlNet or none."""
    network = unet(1)
    parts: dict[str, Any] = {
        "vae": vae(2),
        "text_encoder": text_encoder(3),
        "tokenizer": tokenizer(),
        "unet": shake(network, 1) if trained else network,
        "scheduler": scheduler(),
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }
    if own_controlnet:
        own = controlnet(5)
        parts["controlnet"] = shake(own, 5) if trained else own
    (StableDiffusionControlNetPipeline if own_controlnet else StableDiffusionPipeline)(**parts).save_pretrained(folder)
    return folder


def write_sdxl(folder: Path) -> Path:
    """An SDXL-shaped base folder, without a ControlNet."""
    StableDiffusionXLPipeline(
        vae=vae(2), text_encoder=text_encoder(3), text_encoder_2=text_encoder(4, projection=True),
        tokenizer=tokenizer(), tokenizer_2=tokenizer(), unet=shake(unet(1, xl=True), 1), scheduler=scheduler(),
        add_watermarker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder
