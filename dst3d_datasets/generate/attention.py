"""Attention of diffusers' blocks as a compiled network wants it: one product for queries, keys and values of a
self-attention, and the keys and values of the words, which are the same at every step, made once a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

KeysAndValues = tuple[tuple[Tensor, Tensor], ...]  # (B, tokens, channels) each, of every cross-attention of a network


class AttentionAhead(nn.Module):
    """A processor for diffusers' `Attention`: the maths of its `AttnProcessor2_0`.

    Args:
        attention: whose weights it joins, if it is a self-attention; they become views of the joint ones.
        number: of a cross-attention among those of its network; None for a self-attention.
    """

    weight: Tensor
    bias: Tensor | None

    def __init__(self, attention: Any, number: int | None) -> None:
        super().__init__()
        self.number = number
        parts = [] if number is not None else [attention.to_q, attention.to_k, attention.to_v]
        self.register_buffer("weight", _joint([part.weight for part in parts]))
        self.register_buffer("bias", _joint([part.bias for part in parts if part.bias is not None]))

    def forward(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: KeysAndValues | None = None,
        attention_mask: None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Attend, from (B, pixels, channels) to the same shape.

        Args:
            attn: the `Attention`.
            hidden_states: what queries are made of.
            encoder_hidden_states: what `keys_and_values` has made of the words, for a cross-attention.
            attention_mask: there is none.
            temb: not read.
        """
        if self.number is None:
            joined = functional.linear(hidden_states, self.weight, self.bias)
            query, key, value = joined.chunk(3, dim=-1)
        else:
            assert encoder_hidden_states is not None
            query, (key, value) = attn.to_q(hidden_states), encoder_hidden_states[self.number]
        q, k, v = (part.view(*part.shape[:2], attn.heads, -1).transpose(1, 2) for part in (query, key, value))
        attended = functional.scaled_dot_product_attention(q, k, v)
        out: Tensor = attended.transpose(1, 2).flatten(2).to(query.dtype)
        for layer in attn.to_out:
            out = layer(out)
        return out


def _joint(parts: list[Tensor]) -> Tensor | None:
    if not parts:
        return None
    joint = torch.cat([part.detach() for part in parts])
    for part, rows in zip(parts, torch.split(joint, [len(part) for part in parts]), strict=True):
        part.data = rows
    return joint


def look_ahead(networks: Sequence[nn.Module]) -> bool:
    """Give the attentions of some networks that processor; False, and nothing has changed, if one is unusual."""
    if not all(_is_plain(attention) for network in networks for attention in _attentions(network)):
        return False
    for network in networks:
        crossing = 0
        for attention in _attentions(network):
            attention.processor = AttentionAhead(attention, crossing if attention.is_cross_attention else None)
            crossing += attention.is_cross_attention
    return True


def keys_and_values(network: nn.Module, text: Tensor) -> KeysAndValues:
    """Of encoded words (B, tokens, channels), in the order in which `look_ahead` numbers the cross-attentions."""
    crossing = [attention for attention in _attentions(network) if attention.is_cross_attention]
    return tuple((attention.to_k(text), attention.to_v(text)) for attention in crossing)


def _attentions(network: nn.Module) -> Iterator[Any]:
    for module in network.modules():
        if type(module).__name__ == "Attention":
            yield module


def _is_plain(attention: Any) -> bool:
    """Whether `AttentionAhead` computes what its stock processor does."""
    extras = ("group_norm", "spatial_norm", "norm_q", "norm_k", "norm_cross", "add_k_proj")
    return (
        type(attention.processor).__name__ == "AttnProcessor2_0"
        and all(getattr(attention, name, None) is None or getattr(attention, name) is False for name in extras)
        and not attention.residual_connection
        and attention.rescale_output_factor == 1.0
    )
