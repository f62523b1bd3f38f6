"""A pipeline of Stable Diffusion 1.5's real shapes with random weights: speed does not depend on what weights say."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
)
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

SIDE = 512  # pixels


def write(folder: Path, device: str) -> None:
    """Write the pipeline as a diffusers folder of half precision, 2.9 GB.

    Shapes are those of `stable-diffusion-v1-5` and `control_v11p_sd15_canny`; the tokenizer is the shipped one, padded
    to the same 77 tokens. The ControlNet's output layers, which start at zero, are given small values.
    """
    torch.manual_seed(0)
    with torch.device(device):
        unet = UNet2DConditionModel(cross_attention_dim=768, sample_size=SIDE // 8, norm_num_groups=32)
        net = ControlNetModel(cross_attention_dim=768)
        text = CLIPTextModel(
            CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        )
        autoencoder = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            sample_size=SIDE,
        )
    for layer in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
        nn.init.normal_(layer.weight, std=0.02)
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip
    words = CLIPTokenizer.from_pretrained(str(resources.files("dst3d_datasets.generate") / "tiny" / "tokenizer"))
    StableDiffusionControlNetPipeline(
        vae=autoencoder.half(), text_encoder=text.half(), tokenizer=words, unet=unet.half(), controlnet=net.half(),
        scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
