"""Attention of compiled networks: the maths of the stock processor, less of it at every step."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _tiny_generators import folders, generator, shots  # noqa: E402, F401
from diffusers.models.attention import BasicTransformerBlock  # noqa: E402

from dst3d_datasets.generate.attention import AttentionAhead, keys_and_values, look_ahead  # noqa: E402

# ruff: noqa: F811


def block(**options):
    torch.manual_seed(0)
    return BasicTransformerBlock(16, 2, 8, cross_attention_dim=12, **options).double().eval()


@pytest.mark.parametrize("bias", [False, True])
def test_it_is_the_stock_processors_maths(bias):
    network, pixels, text = block(attention_bias=bias), torch.randn(3, 20, 16).double(), torch.randn(3, 7, 12).double()
    with torch.inference_mode():
        stock = network(pixels, encoder_hidden_states=text)
        assert look_ahead([network])
        ahead = network(pixels, encoder_hidden_states=keys_and_values(network, text))
        other = network(pixels, encoder_hidden_states=keys_and_values(network, text.flip(1) * 2))
    torch.testing.assert_close(ahead, stock, rtol=1e-12, atol=1e-12)
    assert (other - stock).abs().max() > 0.01


def test_joint_weights_take_no_second_memory():
    network = block()
    before = network.attn1.to_k.weight.clone()
    look_ahead([network])
    joint = network.attn1.processor.weight
    assert joint.shape == (48, 16)
    assert network.attn1.to_k.weight.data_ptr() == joint[16:].data_ptr()
    torch.testing.assert_close(network.attn1.to_k.weight, before, rtol=0, atol=0)


@pytest.mark.parametrize("what", ["processor", "residual_connection", "norm_q"])
def test_networks_with_an_unusual_attention_stay_as_they_are(what):
    usual, unusual = block(), block()
    odd = {"processor": lambda *_, **__: None, "residual_connection": True, "norm_q": torch.nn.LayerNorm(8)}[what]
    setattr(unusual.attn2, what, odd)
    assert not look_ahead([usual, unusual])
    found = [each.processor for network in (usual, unusual) for each in (network.attn1, network.attn2)]
    assert not any(isinstance(processor, AttentionAhead) for processor in found)


@pytest.mark.parametrize("options", [{}, {"mode": "fast", "guidance_interval": (0.0, 0.5)}])
def test_keys_and_values_of_the_words_are_made_once_a_batch(folders, monkeypatch, options):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    drawing, calls = generator(folders, batch_size=2, steps=4, compile="always", **options), []
    drawing.generate(shots(2))
    denoiser = drawing.drawing().sampler.denoiser
    assert denoiser.looks_ahead
    crossing = [m.attn2 for m in denoiser.modules() if isinstance(m, BasicTransformerBlock)]
    for attention in crossing:
        attention.to_k.register_forward_hook(lambda module, inputs, output: calls.append(inputs[0].shape[0]))
    drawing.generate(shots(2))
    assert calls == [4] * len(crossing)


def test_what_is_at_work_is_not_compiled_under_way(folders, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    drawing = generator(folders, batch_size=2, compile="auto")
    stream = drawing.stream([shots(2), shots(2)])
    next(stream)
    drawing.options = drawing.options.model_copy(update={"compile": "always"})
    drawing.drawing()._options = drawing.options
    drawing.drawing()
    assert not drawing.drawing().is_compiled
    list(stream)
    assert drawing.drawing().is_compiled
