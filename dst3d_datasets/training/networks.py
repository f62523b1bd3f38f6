"""The tiny generator's networks, their sizes, and writing them as an ordinary diffusers folder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny, ControlNetModel, DDIMScheduler, StableDiffusionControlNetPipeline
from diffusers import UNet2DConditionModel as UNet
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from .views import SIZE
from .words import LENGTH

LATENTS = 8  # channels; side / 4
WIDTH = 96  # of the text encoder
CHANNELS, HEADS = (64, 96, 112), (4, 4, 7)
AUTOENCODER = 48  # channels


def autoencoder(channels: int = AUTOENCODER) -> AutoencoderTiny:
    """Factor 4: three levels."""
    return AutoencoderTiny(
        encoder_block_out_channels=(channels,) * 3,
        decoder_block_out_channels=(channels,) * 3,
        num_encoder_blocks=(1, 1, 2),
        num_decoder_blocks=(2, 1, 1),
        latent_channels=LATENTS,
        scaling_factor=1.0,
    )


def scheduler() -> DDIMScheduler:
    """DDIM on velocities, from all but pure noise, so that four steps start where training did.

    The betas are SD 1.5's, rescaled to end without signal (Lin et al., WACV 2024), and then given 1e-4 of it back:
    at exactly none, diffusers' step with eta 1 takes the root of a rounding error below zero.
    """
    alphas = (1.0 - np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod()
    roots = np.sqrt(alphas)
    alphas = ((roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])) ** 2
    alphas += 1e-4 * (1.0 - alphas)
    betas = 1.0 - alphas / np.concatenate([[1.0], alphas[:-1]])
    return DDIMScheduler(
        trained_betas=[round(beta, 9) for beta in betas.tolist()],
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        set_alpha_to_one=True,
        clip_sample=False,
        steps_offset=0,
    )


class Denoiser(nn.Module):
    """UNet, ControlNet and text encoder as one network, for training."""

    def __init__(self, tokenizer: Any, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        self.text = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=WIDTH,
                intermediate_size=4 * WIDTH,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=LENGTH,
                pad_token_id=tokenizer.pad_token_id,
                **ends,
            )
        )
        shape: dict[str, Any] = {
            "in_channels": LATENTS,
            "block_out_channels": channels,
            "layers_per_block": 1,
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "cross_attention_dim": WIDTH,
            "attention_head_dim": HEADS,
            "norm_num_groups": 16,
        }
        up = ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D")
        self.unet = UNet(sample_size=SIZE // 4, out_channels=LATENTS, up_block_types=up, **shape)
        self.control = ControlNetModel(conditioning_embedding_out_channels=(16, 32, 64), **shape)
        for name, parameter in self.control.named_parameters():
            if not bool(parameter.any()) and parameter.ndim == 4:  # zero layers: nothing here is pretrained
                nn.init.normal_(parameter, std=0.2 / parameter[0].numel() ** 0.5)
            if name == "controlnet_cond_embedding.conv_out.weight":
                nn.init.kaiming_normal_(parameter)

    def forward(self, noisy: Tensor, time: Tensor, tokens: Tensor, edge: Tensor) -> Tensor:
        """The predicted velocity (B, 8, h, w).

        Args:
            noisy: (B, 8, h, w) latents with noise.
            time: (B,) int64, 0 to 999.
            tokens: (B, 77) int64.
            edge: (B, H, W) bool.
        """
        return self.steered(noisy, time, self.text(tokens, return_dict=False)[0], edge)

    def steered(self, noisy: Tensor, time: Tensor, words: Tensor, edge: Tensor) -> Tensor:
        """The same from the text encoder's `words` (B, 77, WIDTH)."""
        picture = edge[:, None].to(noisy.dtype).expand(-1, 3, -1, -1)
        down, middle = self.control(noisy, time, words, picture, return_dict=False)
        guess: Tensor = self.unet(
            noisy,
            time,
            words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            return_dict=False,
        )[0]
        return guess


def pipeline_of(model: Denoiser, vae: AutoencoderTiny, tokenizer: Any) -> StableDiffusionControlNetPipeline:
    """The networks as a pipeline, as they are (not copied)."""
    pipeline = StableDiffusionControlNetPipeline(
        vae=vae,
        text_encoder=model.text,
        tokenizer=tokenizer,
        unet=model.unet,
        controlnet=model.control,
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def write(folder: Path, model: Denoiser, vae: AutoencoderTiny, tokenizer: Any) -> None:
    """Write float16 safetensors and configurations; the tokenizer's older files are kept where they are."""
    halves = [copy.deepcopy(network).cpu().half() for network in (model, vae)]
    pipeline_of(halves[0], halves[1], tokenizer).save_pretrained(folder, safe_serialization=True)


def load(folder: Path, model: Denoiser, vae: AutoencoderTiny) -> None:
    """Take over the weights of a folder that `write` wrote."""
    from safetensors.torch import load_file

    files = {
        "unet/diffusion_pytorch_model": model.unet,
        "controlnet/diffusion_pytorch_model": model.control,
        "text_encoder/model": model.text,
        "vae/diffusion_pytorch_model": vae,
    }
    for name, network in files.items():
        network.load_state_dict({k: v.float() for k, v in load_file(folder / f"{name}.safetensors").items()})


def parameters(*networks: torch.nn.Module) -> int:
    """How many numbers the networks hold."""
    return sum(parameter.numel() for network in networks for parameter in network.parameters())
