"""Tiny random pipelines of the families beyond Stable Diffusion 1.5 and SDXL: `WRITE` writes one, base and ControlNet.

Each writer gets a folder and fills `base` and, where the family has one, `net` in it, as diffusers saves them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import diffusers
import transformers
from _tiny_pipeline import (
    WIDTH,
    _shape,
    scheduler,
    text_encoder,
    tokenizer,
    write_controlnet,
    write_sd,
    write_sdxl,
)
from _tiny_words import LETTERS, byte_tokenizer, moved, t5, t5_tokenizer


def vae(seed: int = 2, channels: int = 4) -> Any:
    """Factor 8, as the true ones."""
    return moved(
        lambda: diffusers.AutoencoderKL(
            block_out_channels=(4, 4, 4, 4), down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=channels, norm_num_groups=2, sample_size=64,
            shift_factor=0.06, scaling_factor=1.5, use_quant_conv=False, use_post_quant_conv=False,
        ),
        seed,
    )  # fmt: skip


def flow() -> Any:
    """The scheduler of flow-matching models."""
    return diffusers.FlowMatchEulerDiscreteScheduler()


def write_pag(folder: Path) -> None:
    """SD 1.5 with perturbed attention."""
    write_sd(folder / "sd", own_controlnet=False)
    parts = diffusers.StableDiffusionPipeline.from_pretrained(folder / "sd", safety_checker=None).components
    diffusers.StableDiffusionPAGPipeline(**parts, requires_safety_checker=False).save_pretrained(folder / "base")
    write_controlnet(folder / "net")


def write_union(folder: Path) -> None:
    """SDXL with a ControlNet that reads six kinds of controls."""
    write_sdxl(folder / "base")
    shape = _shape(xl=True)
    moved(
        lambda: diffusers.ControlNetUnionModel(
            conditioning_embedding_out_channels=(4, 8, 8, 8), num_control_type=6, num_trans_channel=8, num_trans_head=2,
            num_proj_channel=8, **shape,
        ),
        5,
    ).save_pretrained(folder / "net")  # fmt: skip


def write_sd3(folder: Path) -> None:
    """Two CLIPs and a T5, a transformer of two blocks, a ControlNet of one."""
    shape = {
        "sample_size": 8, "patch_size": 2, "in_channels": 4, "attention_head_dim": 8, "num_attention_heads": 2,
        "joint_attention_dim": 2 * WIDTH, "caption_projection_dim": 16, "pooled_projection_dim": 2 * WIDTH,
        "out_channels": 4, "pos_embed_max_size": 16,
    }  # fmt: skip
    diffusers.StableDiffusion3Pipeline(
        transformer=moved(lambda: diffusers.SD3Transformer2DModel(num_layers=2, **shape), 1), scheduler=flow(),
        vae=vae(), text_encoder=text_encoder(3, projection=True), tokenizer=tokenizer(),
        text_encoder_2=text_encoder(4, projection=True), tokenizer_2=tokenizer(), text_encoder_3=t5(),
        tokenizer_3=t5_tokenizer(),
    ).save_pretrained(folder / "base")  # fmt: skip
    for name, seed in (("net", 5), ("net2", 6)):
        net = moved(
            lambda: diffusers.SD3ControlNetModel(num_layers=1, force_zeros_for_pooled_projection=False, **shape), seed
        )
        net.save_pretrained(folder / name)


def _flux_parts(joined: int = 1) -> dict[str, Any]:
    shape = _flux_shape()
    network = moved(
        lambda: diffusers.FluxTransformer2DModel(
            **shape | {"in_channels": 16 * joined}, out_channels=16, num_layers=1, num_single_layers=1
        ),
        1,
    )
    return {
        "scheduler": flow(), "vae": vae(), "text_encoder": text_encoder(3), "tokenizer": tokenizer(),
        "text_encoder_2": t5(), "tokenizer_2": t5_tokenizer(), "transformer": network,
    }  # fmt: skip


def _flux_shape() -> dict[str, Any]:
    return {
        "in_channels": 16, "attention_head_dim": 8, "num_attention_heads": 2, "joint_attention_dim": 2 * WIDTH,
        "pooled_projection_dim": WIDTH, "guidance_embeds": True, "axes_dims_rope": (2, 2, 4),
    }  # fmt: skip


def write_flux(folder: Path) -> None:
    """A double and a single block; `net` and `net2` for one control, `union` for several by mode."""
    diffusers.FluxPipeline(**_flux_parts()).save_pretrained(folder / "base")
    for name, seed, modes in (("net", 5, None), ("net2", 6, None), ("union", 7, 5)):
        shape = _flux_shape() | {"num_layers": 1, "num_single_layers": 1, "num_mode": modes}
        moved(partial(diffusers.FluxControlNetModel, **shape), seed).save_pretrained(folder / name)


def write_flux_control(folder: Path) -> None:
    """The control is joined to the latents: no ControlNet."""
    diffusers.FluxControlPipeline(**_flux_parts(joined=2)).save_pretrained(folder / "base")


def write_qwen(folder: Path) -> None:
    """A language model as text encoder and a film's autoencoder."""
    shape = {
        "in_channels": 16, "out_channels": 4, "attention_head_dim": 8, "num_attention_heads": 2,
        "joint_attention_dim": 16, "axes_dims_rope": (2, 2, 4),
    }  # fmt: skip
    text = {
        "vocab_size": 260, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "num_key_value_heads": 2, "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
    }  # fmt: skip
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision)
    autoencoder = moved(
        lambda: diffusers.AutoencoderKLQwenImage(
            base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True],
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        2,
    )  # fmt: skip
    diffusers.QwenImagePipeline(
        scheduler=flow(), vae=autoencoder, tokenizer=byte_tokenizer(),
        text_encoder=moved(lambda: transformers.Qwen2_5_VLForConditionalGeneration(config), 3),
        transformer=moved(lambda: diffusers.QwenImageTransformer2DModel(num_layers=1, **shape), 1),
    ).save_pretrained(folder / "base")  # fmt: skip
    moved(lambda: diffusers.QwenImageControlNetModel(num_layers=1, **shape), 5).save_pretrained(folder / "net")


def write_zimage(folder: Path) -> None:
    """One stream for words and picture; the ControlNet borrows layers from the transformer."""
    shape = {"dim": 16, "n_refiner_layers": 1, "n_heads": 2, "n_kv_heads": 2}
    config = transformers.Qwen3Config(
        vocab_size=260, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    diffusers.ZImagePipeline(
        scheduler=flow(), vae=vae(), tokenizer=byte_tokenizer(),
        text_encoder=moved(lambda: transformers.Qwen3Model(config), 3),
        transformer=moved(
            lambda: diffusers.ZImageTransformer2DModel(
                in_channels=4, n_layers=2, cap_feat_dim=16, axes_dims=[2, 2, 4], axes_lens=[256, 16, 16], **shape
            ),
            1,
        ),
    ).save_pretrained(folder / "base")  # fmt: skip
    net = moved(lambda: diffusers.ZImageControlNetModel(control_layers_places=[0], control_in_dim=4, **shape), 5)
    net.save_pretrained(folder / "net")


def _instruction() -> list[str]:
    """What the pipeline puts before every prompt."""
    call = inspect.signature(diffusers.SanaControlNetPipeline.__call__)
    return list(call.parameters["complex_human_instruction"].default)


def write_sana(folder: Path) -> None:
    """An autoencoder of factor 32, linear attention."""
    shape = {
        "in_channels": 4, "out_channels": 4, "num_attention_heads": 2, "attention_head_dim": 8,
        "num_cross_attention_heads": 2, "cross_attention_head_dim": 8, "cross_attention_dim": 16,
        "caption_channels": 16, "sample_size": 32,
    }  # fmt: skip
    config = transformers.Gemma2Config(
        vocab_size=400, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    words = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *LETTERS]
    words = transformers.GemmaTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[])
    words.add_tokens(sorted({word for word in " ".join(_instruction()).split() if len(word) > 1}))  # or it is slow
    levels = (4,) * 6
    autoencoder = moved(
        lambda: diffusers.AutoencoderDC(
            latent_channels=4, attention_head_dim=2, encoder_block_out_channels=levels,
            decoder_block_out_channels=levels, encoder_layers_per_block=(1,) * 6, decoder_layers_per_block=(1,) * 6,
            encoder_qkv_multiscales=((),) * 6, decoder_qkv_multiscales=((),) * 6, scaling_factor=0.4,
        ),
        2,
    )  # fmt: skip
    diffusers.SanaPipeline(
        tokenizer=words,
        text_encoder=moved(lambda: transformers.Gemma2Model(config), 3), vae=autoencoder,
        transformer=moved(lambda: diffusers.SanaTransformer2DModel(num_layers=2, **shape), 1), scheduler=flow(),
    ).save_pretrained(folder / "base")  # fmt: skip
    moved(lambda: diffusers.SanaControlNetModel(num_layers=1, **shape), 5).save_pretrained(folder / "net")


WRITE: dict[str, tuple[str, Callable[[Path], None]]] = {  # family -> (the class it needs, its writer)
    "pag": ("StableDiffusionControlNetPAGPipeline", write_pag),
    "union": ("StableDiffusionXLControlNetUnionPipeline", write_union),
    "sd3": ("StableDiffusion3ControlNetPipeline", write_sd3),
    "flux": ("FluxControlNetPipeline", write_flux),
    "flux_control": ("FluxControlPipeline", write_flux_control),
    "qwen": ("QwenImageControlNetPipeline", write_qwen),
    "zimage": ("ZImageControlNetPipeline", write_zimage),
    "sana": ("SanaControlNetPipeline", write_sana),
}


def write_hunyuan(folder: Path) -> None:
    """BERT and T5, a transformer with long skips."""
    shape = {
        "num_attention_heads": 2, "attention_head_dim": 8, "in_channels": 4, "patch_size": 2, "sample_size": 8,
        "hidden_size": 16, "mlp_ratio": 2.0, "cross_attention_dim": 16, "cross_attention_dim_t5": 2 * WIDTH,
        "pooled_projection_dim": 16, "text_len": 77, "text_len_t5": 256,
    }  # fmt: skip
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    diffusers.HunyuanDiTPipeline(
        vae=vae(), text_encoder=moved(lambda: transformers.BertModel(config), 3),
        tokenizer=transformers.BertTokenizer(vocab={word: index for index, word in enumerate(words)}),
        transformer=moved(lambda: diffusers.HunyuanDiT2DModel(num_layers=4, **shape), 1), scheduler=scheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False, text_encoder_2=t5(),
        tokenizer_2=t5_tokenizer(),
    ).save_pretrained(folder / "base")  # fmt: skip
    net = moved(lambda: diffusers.HunyuanDiT2DControlNetModel(transformer_num_layers=4, **shape), 5)
    net.save_pretrained(folder / "net")


def write_cogview(folder: Path) -> None:
    """The control is joined to the latents; the text is padded to the longest, on the left, and not masked."""
    config = transformers.GlmConfig(
        vocab_size=260, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, pad_token_id=0,
    )  # fmt: skip
    network = moved(
        lambda: diffusers.CogView4Transformer2DModel(
            in_channels=8, out_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=2,
            text_embed_dim=16, time_embed_dim=8, condition_dim=4, pos_embed_max_size=16, sample_size=8,
            rope_axes_dim=(8, 8),
        ),
        1,
    )  # fmt: skip
    diffusers.CogView4ControlPipeline(
        tokenizer=byte_tokenizer(padding_side="left"), text_encoder=moved(lambda: transformers.GlmModel(config), 3),
        vae=vae(), transformer=network, scheduler=flow(),
    ).save_pretrained(folder / "base")  # fmt: skip


WRITE |= {
    "hunyuan": ("HunyuanDiTControlNetPipeline", write_hunyuan),
    "cogview": ("CogView4ControlPipeline", write_cogview),
}
