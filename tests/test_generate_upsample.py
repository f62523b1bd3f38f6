"""Doubling and convolution as one convolution: against diffusers' own, against the formula, and in half precision."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from diffusers.models.upsampling import Upsample2D  # noqa: E402
from torch import nn  # noqa: E402

from dst3d_datasets.generate.upsample import UpsampledConv, convolve_before_doubling, is_plain  # noqa: E402

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def upsample(channels=5, out_channels=7, **options):
    torch.manual_seed(0)
    return Upsample2D(channels, use_conv=True, out_channels=out_channels, **options).eval()


@torch.no_grad()
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(3, 4), (1, 1), (8, 8), (5, 1)])
def test_it_is_doubling_and_then_the_convolution(size, layout, bias):
    layer = upsample(bias=bias).double()
    values = torch.randn(2, 5, *size).double().contiguous(memory_format=layout)
    found = UpsampledConv(layer)(values)
    assert found.shape == (2, 7, 2 * size[0], 2 * size[1])
    torch.testing.assert_close(found, layer(values), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found, by_pixel(layer.conv, values), rtol=1e-12, atol=1e-12)


def by_pixel(conv, values):
    """The formula, pixel by pixel: 3 x 3 neighbours of a picture whose pixels are doubled, zeros around it."""
    rows, _, height, width = values.shape
    out = torch.zeros(rows, conv.out_channels, 2 * height, 2 * width, dtype=values.dtype)
    for y in range(2 * height):
        for x in range(2 * width):
            for line in range(3):
                for column in range(3):
                    v, u = y + line - 1, x + column - 1
                    if 0 <= v < 2 * height and 0 <= u < 2 * width:
                        out[:, :, y, x] += values[:, :, v // 2, u // 2] @ conv.weight[:, :, line, column].T
    return out if conv.bias is None else out + conv.bias[:, None, None]


@torch.no_grad()
def test_a_size_that_is_not_the_double_goes_the_usual_way():
    layer, values = upsample(), torch.randn(1, 5, 4, 6)
    ours = UpsampledConv(layer)
    assert torch.equal(ours(values, (7, 11)), layer(values, (7, 11)))
    torch.testing.assert_close(ours(values, (8, 12)), layer(values), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours(values, torch.Size([8, 12])), ours(values), rtol=0, atol=0)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_loses_hardly_more_than_the_stock_layer(dtype):
    """Against the same halved weights and values in float64: on average, over 4,096 pixels of 64 channels."""
    layer = upsample(64, 64).to(dtype)
    values = torch.randn(1, 64, 32, 32).to(dtype)
    exact = copy.deepcopy(layer).double()(values.double())
    ours = UpsampledConv(layer)(values)
    assert ours.dtype == dtype
    lost, usual = ((each.double() - exact).abs().mean() for each in (ours, layer(values)))
    assert 0 < lost < 2 * usual


def test_only_layers_of_the_usual_build_are_replaced():
    plain, others = upsample(), [
        Upsample2D(5),
        Upsample2D(5, use_conv_transpose=True),
        upsample(kernel_size=1, padding=0),
        upsample(norm_type="rms_norm", eps=1e-6, elementwise_affine=True),
        upsample(interpolate=False),
        nn.Upsample(scale_factor=2),
    ]  # fmt: skip
    assert is_plain(plain)
    assert not any(is_plain(each) for each in others)
    network = nn.Sequential(nn.Sequential(plain), *others)
    convolve_before_doubling(network)
    convolve_before_doubling(network)
    assert type(network[0][0]) is UpsampledConv
    assert network[0][0].plain is plain
    assert [each is other for each, other in zip(list(network)[1:], others, strict=True)] == [True] * len(others)


def test_its_weights_follow_the_networks_and_are_in_no_checkpoint():
    network = nn.Sequential(upsample())
    names = {f"0.plain.{name}" for name in network[0].state_dict()}
    convolve_before_doubling(network)
    assert set(network.state_dict()) == names
    network.to(torch.float64)
    assert network[0].weight.dtype == torch.float64
    assert network[0].weight.shape == (28, 5, 2, 2)


@torch.no_grad()
def test_a_whole_decoder_draws_what_it_did():
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    kinds = {"down_block_types": ("DownEncoderBlock2D",) * 3, "up_block_types": ("UpDecoderBlock2D",) * 3}
    vae = AutoencoderKL(block_out_channels=(8, 16, 16), norm_num_groups=4, **kinds).double().eval()
    latents = torch.randn(2, 4, 6, 5).double()
    wanted = vae.decode(latents).sample
    convolve_before_doubling(vae)
    assert sum(type(each) is UpsampledConv for each in vae.modules()) == 2
    torch.testing.assert_close(vae.decode(latents).sample, wanted, rtol=1e-10, atol=1e-10)
