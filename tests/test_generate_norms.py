"""Group norm in channels-last order against PyTorch's own, and against the formula in float64."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from dst3d_datasets.generate.compiling import written  # noqa: E402
from dst3d_datasets.generate.norms import ChannelsLastGroupNorm, LongLayerNorm, channels_last  # noqa: E402


def norm_of(groups: int, channels: int) -> nn.GroupNorm:
    torch.manual_seed(0)
    norm = nn.GroupNorm(groups, channels, eps=1e-6)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def exact(norm: nn.GroupNorm, values):
    """The formula, in float64."""
    groups = values.double().reshape(values.shape[0], norm.num_groups, -1)
    mean, var = groups.mean(2, keepdim=True), groups.var(2, correction=0, keepdim=True)
    normal = ((groups - mean) / torch.sqrt(var + norm.eps)).reshape(values.shape)
    weight, bias = (part.double().view(1, -1, 1, 1) for part in (norm.weight, norm.bias))
    return normal * weight + bias


@pytest.mark.parametrize("shape", [(2, 64, 64, 64), (3, 32, 9, 7), (1, 96, 8, 8), (2, 64, 2, 2), (1, 32, 5, 200)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_group_norm(shape, layout):
    norm = norm_of(32, shape[1])
    values = (torch.randn(shape) * 3 + 5).contiguous(memory_format=layout)
    found = ChannelsLastGroupNorm(norm)(values)
    assert found.shape == values.shape
    torch.testing.assert_close(ChannelsLastGroupNorm(norm, in_memory=False)(values), found)
    torch.testing.assert_close(found, norm(values), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.double(), exact(norm, values), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_half_precision_loses_no_more_than_pytorchs_own():
    """Values far from zero, where a variance from sums of squares would suffer first."""
    norm = norm_of(8, 64)
    values = (torch.randn(2, 64, 16, 16) + 100).to(torch.float16)
    wanted = exact(norm, values)
    ours, theirs = (
        (each(values.float()).to(torch.float16).double() - wanted).abs().max()
        for each in (ChannelsLastGroupNorm(norm), norm)
    )
    half = ChannelsLastGroupNorm(norm)(values)
    assert half.dtype == torch.float16
    assert (half.double() - wanted).abs().max() <= 2 * max(float(theirs), 2e-3)
    assert ours <= 2 * max(float(theirs), 2e-3)


def test_what_is_written_is_the_same_tensor():
    values = torch.arange(24.0).view(2, 3, 4)[1].T  # neither at the beginning of its memory nor in its order
    found = written(values)
    assert torch.equal(found, values)
    assert found.stride() == values.stride()
    assert found.data_ptr() == values.data_ptr()


def test_a_constant_picture_stays_finite():
    norm = norm_of(4, 8)
    found = ChannelsLastGroupNorm(norm)(torch.full((1, 8, 4, 4), 7.0))
    torch.testing.assert_close(found, norm.bias.view(1, 8, 1, 1).expand(1, 8, 4, 4), rtol=1e-2, atol=1e-2)


def test_all_norms_of_a_network_are_replaced_and_share_their_parameters():
    plain, own = norm_of(4, 8), norm_of(4, 8)
    bare = nn.GroupNorm(4, 8, affine=False)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), plain, nn.Sequential(nn.SiLU(), own, bare)).eval()
    values = torch.randn(2, 3, 10, 10)
    wanted = network(values)
    names = set(network.state_dict())
    channels_last(network)
    assert set(network.state_dict()) == names
    assert isinstance(network[1], ChannelsLastGroupNorm)
    assert isinstance(network[2][1], ChannelsLastGroupNorm)
    assert network[2][2] is bare
    assert network[1].weight is plain.weight
    assert not network[1].training
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(network(values), wanted, rtol=1e-4, atol=1e-5)
    tokens = torch.randn(2, 8, 5)  # as the attention of an autoencoder calls its norm
    torch.testing.assert_close(network[1](tokens), plain(tokens))


def long_norm() -> nn.LayerNorm:
    torch.manual_seed(0)
    norm = nn.LayerNorm(1280)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    return norm


def test_a_long_layer_norm_is_layer_norm():
    norm = long_norm()
    values = torch.randn(2, 5, 1280) * 3 + 2
    found = LongLayerNorm(norm)(values)
    torch.testing.assert_close(found, norm(values), rtol=1e-4, atol=1e-4)
    exact = (values.double() - values.double().mean(-1, keepdim=True)) / torch.sqrt(
        values.double().var(-1, correction=0, keepdim=True) + norm.eps
    ) * norm.weight.double() + norm.bias.double()
    torch.testing.assert_close(found.double(), exact, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(LongLayerNorm(norm)(torch.full((1, 1280), 7.0))[0], norm.bias, rtol=1e-2, atol=1e-2)


@torch.no_grad()
def test_a_long_layer_norm_of_half_precision_loses_no_more_than_pytorchs_own():
    norm = long_norm()
    values = (torch.randn(50, 1280) + 20).to(torch.float16)
    wanted = norm.double()(values.double())
    theirs = (norm.half()(values).double() - wanted).abs().max()
    found = LongLayerNorm(norm.half())(values)
    assert found.dtype == torch.float16
    assert (found.double() - wanted).abs().max() <= 1.5 * theirs


def test_only_long_layer_norms_with_parameters_are_replaced():
    norms = [nn.LayerNorm(1025), nn.LayerNorm(1024), nn.LayerNorm(1025, bias=False), nn.LayerNorm((1025, 2))]
    network = nn.Sequential(*norms, nn.LayerNorm(1025, elementwise_affine=False))
    channels_last(network)
    assert [type(each) is LongLayerNorm for each in network] == [True, False, False, False, False]
    assert network[0].weight is norms[0].weight


def residual_block():
    resnet = pytest.importorskip("diffusers.models.resnet", reason="needs the extra [controlnet]")
    torch.manual_seed(0)
    return resnet.ResnetBlock2D(in_channels=64, out_channels=32, temb_channels=16).eval()


@torch.no_grad()
def test_a_residual_block_computes_what_it_did():
    block, values, time = residual_block(), torch.randn(2, 64, 8, 8), torch.randn(2, 16)
    wanted = block(values, time)
    channels_last(block)
    for layout in (torch.contiguous_format, torch.channels_last):
        given = values.contiguous(memory_format=layout)
        torch.testing.assert_close(block(given, time), wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(block(input_tensor=given, temb=time), wanted, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_compiler_sees_that_norm_and_shortcut_read_the_same_written_values():
    """Two skips side by side would else be written for each of them: seen in the compiler's code for a GPU."""
    block, time, graphs = residual_block(), torch.randn(2, 16), []
    channels_last(block)

    def keep(graph, _):
        graphs.append(graph)
        return graph.forward

    torch._dynamo.reset()
    skips = [torch.randn(2, 32, 8, 8).contiguous(memory_format=torch.channels_last) for _ in range(2)]
    torch.compile(lambda one, other: block(torch.cat([one, other], 1), time), backend=keep, fullgraph=True)(*skips)
    (graph,) = graphs
    (beside,) = graph.graph.find_nodes(op="call_function", target=torch.cat)
    assert [node.target for node in beside.users] == ["as_strided"]
    (once,) = beside.users
    assert len(once.users) == 2
