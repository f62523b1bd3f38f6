"""A UNet and its ControlNets as one network, which does once what stock code does many times with the same outcome.

The maths is that of `StableDiffusionControlNetPipeline` and its SDXL sister. What is saved:

* the conditioning embedding of a control runs once a picture, not twice a step;
* both halves of classifier-free guidance see the same latents, so all layers before the first cross-attention (the
  largest self-attention of UNet and ControlNet among them) run for one half and are then doubled. SDXL's halves differ
  from the start (their pooled text goes into the time embedding) and share nothing;
* once `look_ahead` was called, keys and values of the words are made once a batch, not at every step;
* a ControlNet whose scale is 0, or whose range of steps is over, is not run at all;
* outside the guidance interval there is one half only.

Written for `torch.compile`: no branch depends on values, and nothing waits for the GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .attention import KeysAndValues, keys_and_values, look_ahead
from .compiling import written


class Conditions(NamedTuple):
    """What steers the pictures of one batch of B, the same at every step. Rows of two halves: negative, positive."""

    text: Tensor  # (2 B or B, tokens, channels)
    hints: tuple[Tensor, ...]  # of each ControlNet: (B, channels, h, w), its embedded control
    pooled: Tensor | None = None  # (2 B or B, channels), SDXL: pooled text
    sizes: Tensor | None = None  # (2 B or B, 6), SDXL: original size, crop, target size
    strength: Tensor | None = None  # (B, channels), LCM: the guidance scale as the UNet was taught to read it
    words: tuple[KeysAndValues, ...] = ()  # of the UNet and each ControlNet, if they look ahead; rows as of the text

    def positive(self) -> Conditions:
        """The half that is drawn without guidance."""
        half = self.text.shape[0] // 2
        return Conditions(
            self.text[half:],
            self.hints,
            None if self.pooled is None else self.pooled[half:],
            None if self.sizes is None else self.sizes[half:],
            self.strength,
            tuple(tuple((keys[half:], values[half:]) for keys, values in each) for each in self.words),
        )


class Denoiser(nn.Module):
    """Predicts what a step's latents are to be denoised by.

    Args:
        unet: a `UNet2DConditionModel` for which `why_not` is empty.
        nets: its ControlNets (`ControlNetModel`), none or more.
        share: run for one half what both halves of guidance have in common.
    """

    def __init__(self, unet: nn.Module, nets: Sequence[nn.Module], share: bool = True) -> None:
        super().__init__()
        self.unet, self.nets = unet, nn.ModuleList(nets)
        self.share = share
        self.looks_ahead = False

    def look_ahead(self) -> None:
        """From now on `words` must be given, if these networks' attentions are of the usual build."""
        self.looks_ahead = self.looks_ahead or look_ahead([self.unet, *self.nets])

    def words(self, text: Tensor) -> tuple[KeysAndValues, ...]:
        """What the networks read of encoded words (rows, tokens, channels); empty if they read them as they are."""
        return tuple(keys_and_values(net, text) for net in (self.unet, *self.nets)) if self.looks_ahead else ()

    def hints(self, controls: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Embed the controls: (B, 3, H, W) in 0-1 each -> (B, channels, H / 8, W / 8)."""
        found = []
        for net, control in zip(self.nets, controls, strict=True):
            module: Any = net
            backwards = module.config.controlnet_conditioning_channel_order == "bgr"
            found.append(module.controlnet_cond_embedding(control.flip(1) if backwards else control))
        return tuple(found)

    def forward(
        self, latents: Tensor, timestep: Tensor, given: Conditions, scales: tuple[float, ...], guidance: float
    ) -> Tensor:
        """The prediction for one step, guided where `given` has two halves.

        Args:
            latents: (B, channels, h, w), scaled as the scheduler wants them.
            timestep: () on the latents' device.
            given: what steers the pictures.
            scales: conditioning scale of each ControlNet; one of 0 is not run.
            guidance: scale of classifier-free guidance.

        Returns:
            (B, channels, h, w): noise, velocity or sample, as the scheduler's `prediction_type` says.
        """
        halves = given.text.shape[0] // latents.shape[0]
        extra: list[Tensor] = []
        middle: Tensor | None = None
        for number, (net, hint, scale) in enumerate(zip(self.nets, given.hints, scales, strict=True)):
            if scale == 0.0:
                continue
            words = given.words[1 + number] if given.words else given.text
            skips, deep = self._control(net, latents, timestep, given, words, hint, scale)
            extra = [a + b for a, b in zip(extra, skips, strict=True)] if extra else skips
            middle = deep if middle is None else middle + deep
        predicted = self._predict(latents, timestep, given, extra, middle)
        if halves == 1:
            return predicted
        negative, positive = predicted.chunk(2)
        return negative + guidance * (positive - negative)

    def _control(
        self, net: Any, latents: Tensor, timestep: Tensor, given: Conditions, words: Any, hint: Tensor, scale: float
    ) -> tuple[list[Tensor], Tensor]:
        """A ControlNet's residuals: of every skip, and of the middle."""
        states, hidden, time = self._encode(net, latents, timestep, given, words, hint)
        hidden = self._middle(net, hidden, time, words)
        skips = [layer(state) * scale for layer, state in zip(net.controlnet_down_blocks, states, strict=True)]
        return skips, net.controlnet_mid_block(hidden) * scale

    def _predict(
        self, latents: Tensor, timestep: Tensor, given: Conditions, extra: Sequence[Tensor], middle: Tensor | None
    ) -> Tensor:
        unet: Any = self.unet
        words: Any = given.words[0] if given.words else given.text
        states, hidden, time = self._encode(unet, latents, timestep, given, words, None)
        hidden = self._middle(unet, hidden, time, words)
        if extra:
            states = [state + more for state, more in zip(states, extra, strict=True)]
        if middle is not None:
            hidden = hidden + middle
        sized = any(side % 2**unet.num_upsamplers for side in latents.shape[-2:])
        for number, block in enumerate(unet.up_blocks):
            skips, states = states[-len(block.resnets) :], states[: -len(block.resnets)]
            size = states[-1].shape[2:] if sized and number + 1 < len(unet.up_blocks) else None
            read = {"encoder_hidden_states": words} if getattr(block, "has_cross_attention", False) else {}
            rows = hidden.shape[0]
            hidden = block(
                hidden_states=hidden,
                temb=time,
                res_hidden_states_tuple=tuple(_rows(skip, rows) for skip in skips),
                upsample_size=size,
                **read,
            )
        if unet.conv_norm_out is not None:
            hidden = unet.conv_act(unet.conv_norm_out(hidden))
        predicted: Tensor = unet.conv_out(hidden)
        return predicted

    def _encode(
        self, net: Any, latents: Tensor, timestep: Tensor, given: Conditions, words: Any, hint: Tensor | None
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """The way down of a UNet or ControlNet: every skip, the last state, and the time embedding.

        What lies before the first cross-attention has B rows if it is shared, all else as many as the text.
        """
        rows = given.text.shape[0]
        time = _time(net, timestep, given, latents.dtype)
        shared = self.share and time.shape[0] == 1 and rows > latents.shape[0]
        hidden = net.conv_in(latents)
        if hint is not None:
            hidden = hidden + hint
        if not shared:
            hidden = _rows(hidden, rows)
        states = [hidden]
        for block in net.down_blocks:
            if not getattr(block, "has_cross_attention", False):
                hidden, found = block(hidden_states=hidden, temb=time)
            elif hidden.shape[0] < rows:
                hidden, found = _split(block, hidden, time, words, rows)
            else:
                hidden, found = block(hidden_states=hidden, temb=time, encoder_hidden_states=words)
            states += found
        return states, _rows(hidden, rows), time

    @staticmethod
    def _middle(net: Any, hidden: Tensor, time: Tensor, words: Any) -> Tensor:
        read = {"encoder_hidden_states": words} if getattr(net.mid_block, "has_cross_attention", False) else {}
        deep: Tensor = net.mid_block(hidden, time, **read)
        return deep


def _rows(value: Tensor, rows: int) -> Tensor:
    """The same for both halves, where it has been computed for one."""
    halves = [value] * (rows // value.shape[0])
    if len(halves) > 1 and value.ndim == 4 and value.is_contiguous(memory_format=torch.channels_last):
        # A compiler makes one copy of equal halves, and forgets their memory format with it.
        return torch.cat([half.permute(0, 2, 3, 1) for half in halves]).permute(0, 3, 1, 2)
    return value if len(halves) == 1 else torch.cat(halves)


def _time(net: Any, timestep: Tensor, given: Conditions, dtype: torch.dtype) -> Tensor:
    """The time embedding: (1, channels), or (rows, channels) where text and sizes go into it (SDXL)."""
    taught = given.strength is not None and net.config.get("time_cond_proj_dim") is not None
    proj = net.time_proj(timestep[None]).to(dtype)
    embedded = net.time_embedding(proj, given.strength) if taught else net.time_embedding(proj)
    if given.pooled is not None and given.sizes is not None:
        sizes = net.add_time_proj(given.sizes.flatten()).reshape(given.pooled.shape[0], -1)
        embedded = embedded + net.add_embedding(torch.cat([given.pooled, sizes], dim=-1).to(dtype))
    result: Tensor = embedded
    return result


def _split(block: Any, hidden: Tensor, time: Tensor, words: Any, rows: int) -> tuple[Tensor, list[Tensor]]:
    """A `CrossAttnDownBlock2D` whose input is the same for both halves: they part at its first cross-attention."""
    found = []
    for number, (resnet, attention) in enumerate(zip(block.resnets, block.attentions, strict=True)):
        hidden = resnet(hidden, time)
        if number == 0:
            hidden = _part(attention, hidden, words, rows)
        else:
            hidden = attention(hidden, encoder_hidden_states=words, return_dict=False)[0]
        found.append(hidden)
    for downsampler in block.downsamplers or ():
        hidden = downsampler(hidden)
        found.append(hidden)
    return hidden, found


def _part(attention: Any, hidden: Tensor, words: Any, rows: int) -> Tensor:
    """A `Transformer2DModel` with layer norms whose first self-attention is run for one half."""
    batch, _, height, width = hidden.shape
    linear = attention.use_linear_projection
    tokens = attention.norm(hidden)
    tokens = tokens if linear else attention.proj_in(tokens)
    tokens = tokens.permute(0, 2, 3, 1).reshape(batch, height * width, tokens.shape[1])
    tokens = attention.proj_in(tokens) if linear else tokens
    first, *others = attention.transformer_blocks
    tokens = written(_rows(first.attn1(first.norm1(tokens)) + tokens, rows))
    tokens = first.attn2(first.norm2(tokens), encoder_hidden_states=words) + tokens
    tokens = first.ff(first.norm3(tokens)) + tokens
    for block in others:
        tokens = block(tokens, encoder_hidden_states=words)
    tokens = attention.proj_out(tokens) if linear else tokens
    tokens = tokens.reshape(rows, height, width, tokens.shape[-1]).permute(0, 3, 1, 2)
    tokens = tokens if linear else attention.proj_out(tokens)
    parted: Tensor = tokens + _rows(hidden, rows)
    return parted


def why_not(unet: Any, nets: Sequence[Any]) -> str:
    """Empty if a `Denoiser` computes what these networks compute, else what it does not know."""
    for name, net in [("UNet", unet), *(("ControlNet", net) for net in nets)]:
        config = net.config
        if type(net).__name__ not in ("UNet2DConditionModel", "ControlNetModel"):
            return f"{type(net).__name__} is no {name} that it knows"
        if config.get("addition_embed_type") not in (None, "text_time"):
            return f"the {name}'s addition_embed_type is {config.addition_embed_type}"
        for field in ("class_embed_type", "num_class_embeds", "encoder_hid_dim_type"):
            if config.get(field) is not None:
                return f"the {name} has {field}"
        if config.get("global_pool_conditions") or config.get("center_input_sample") or net.mid_block is None:
            return f"the {name} is of an unusual build"
        for block in net.down_blocks:
            for attention in getattr(block, "attentions", ()):
                if not _is_plain(attention):
                    return f"the {name}'s attention is of an unusual build"
    return "" if getattr(unet, "time_embed_act", None) is None else "the UNet has a time_embedding_act_fn"


def _is_plain(attention: Any) -> bool:
    """Whether `_part` computes what this `Transformer2DModel` computes."""
    if type(attention).__name__ != "Transformer2DModel" or not attention.is_input_continuous:
        return False
    return all(
        block.norm_type == "layer_norm"
        and block.attn2 is not None
        and block.pos_embed is None
        and not block.only_cross_attention
        for block in attention.transformer_blocks
    )
