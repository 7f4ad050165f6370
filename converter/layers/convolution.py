"""Convolution layers: plain, depthwise and separable, in one to three dimensions."""

from __future__ import annotations

from ..layer_call import LayerCall
from ..ops import Array, Conv, ConvTranspose, LocallyConnected, Op
from ..ops.base import Shape
from ..ops.window import Padding, same_padding
from .activation import activation_ops
from .arguments import (
    DATA_FORMATS,
    axis_sizes,
    channels_last,
    needed_weight,
    optional_weight,
    spatial_rank,
    spatial_shape,
)
from .registry import LayerRegistry, UnsupportedLayerError

__all__ = ["add_to"]


def _padding(call: LayerCall, window: Shape, strides: Shape, dilation: Shape) -> Padding:
    rank = spatial_rank(call)
    kind = call.config.get("padding", "valid")
    if kind == "same":
        return same_padding(spatial_shape(call, rank), window, strides, dilation)
    if kind == "causal":
        return (((window[0] - 1) * dilation[0], 0),)
    return ((0, 0),) * rank


def _conv_op(call: LayerCall, kernel: Array, bias: Array | None, groups: int) -> Conv:
    rank = spatial_rank(call)
    spatial_shape(call, rank)
    strides = axis_sizes(call, "strides", rank)
    dilation = axis_sizes(call, "dilation_rate", rank)
    window = tuple(int(n) for n in kernel.shape[:-2])
    padding = _padding(call, window, strides, dilation)
    return Conv(kernel=kernel, bias=bias, strides=strides, dilation=dilation, padding=padding, groups=groups)


def conv(call: LayerCall) -> tuple[Op, ...]:
    """Become a convolution, with its stride, padding, dilation and groups; its activation as Activation."""
    rank = spatial_rank(call)
    kernel = needed_weight(call, "kernel", rank=rank + 2)
    groups = call.config.get("groups", 1)
    if not isinstance(groups, int) or groups < 1 or kernel.shape[-1] % groups:
        raise UnsupportedLayerError(
            "unsupported-argument", f"groups={groups!r}; takes a divisor of {kernel.shape[-1]} filters"
        )
    bias = optional_weight(call, "bias", "use_bias", kernel.shape[-1])
    return *channels_last(call, rank, _conv_op(call, kernel, bias, groups)), *activation_ops(call)


def _depthwise_kernel(call: LayerCall) -> tuple[Array, int]:
    """Return the kernel as a grouped convolution has it, and the number of groups (the input's channels)."""
    kernel = needed_weight(call, "depthwise_kernel", rank=spatial_rank(call) + 2)
    channels, multiplier = kernel.shape[-2:]
    return kernel.reshape(*kernel.shape[:-2], 1, channels * multiplier), channels


def depthwise_conv(call: LayerCall) -> tuple[Op, ...]:
    """Become a convolution with a group for each channel; its activation as Activation."""
    kernel, channels = _depthwise_kernel(call)
    bias = optional_weight(call, "bias", "use_bias", kernel.shape[-1])
    return *channels_last(call, spatial_rank(call), _conv_op(call, kernel, bias, channels)), *activation_ops(call)


def separable_conv(call: LayerCall) -> tuple[Op, ...]:
    """Become a convolution with a group for each channel and a pointwise one; its activation as Activation."""
    rank = spatial_rank(call)
    kernel, channels = _depthwise_kernel(call)
    pointwise = needed_weight(call, "pointwise_kernel", rank=rank + 2)
    bias = optional_weight(call, "bias", "use_bias", pointwise.shape[-1])
    ones = (1,) * rank
    mix = Conv(kernel=pointwise, bias=bias, strides=ones, dilation=ones, padding=((0, 0),) * rank)
    return *channels_last(call, rank, _conv_op(call, kernel, None, channels), mix), *activation_ops(call)


def transposed_conv(call: LayerCall) -> tuple[Op, ...]:
    """Become a transposed convolution, with its stride, padding, output padding and dilation."""
    rank = spatial_rank(call)
    kernel = needed_weight(call, "kernel", rank=rank + 2)
    bias = optional_weight(call, "bias", "use_bias", kernel.shape[-2])
    strides = axis_sizes(call, "strides", rank)
    dilation = axis_sizes(call, "dilation_rate", rank)
    same = call.config.get("padding", "valid") == "same"
    extra: tuple[int | None, ...] = (None,) * rank
    if call.config.get("output_padding") is not None:
        extra = axis_sizes(call, "output_padding", rank, least=0)
    before, size = [], []
    for n, k, s, d, added in zip(spatial_shape(call, rank), kernel.shape, strides, dilation, extra, strict=False):
        reach = (k - 1) * d + 1
        if added is None:  # Keras's rule for the size, as its docs of Conv2DTranspose give it
            length = n * s if same else n * s + max(reach - s, 0)
        else:
            length = (n - 1) * s + reach - 2 * (reach // 2 if same else 0) + added
        size.append(int(length))
        # the padding of the convolution whose gradient this is
        before.append(max((n - 1) * s + reach - length, 0) // 2 if same else 0)
    op = ConvTranspose(
        kernel=kernel, bias=bias, strides=strides, dilation=dilation, before=tuple(before), size=tuple(size)
    )
    return *channels_last(call, rank, op), *activation_ops(call)


def locally_connected(call: LayerCall) -> tuple[Op, ...]:
    """Become windows with a kernel of their own at each place."""
    rank = spatial_rank(call)
    window = axis_sizes(call, "kernel_size", rank)
    kernel = needed_weight(call, "kernel")
    bias = needed_weight(call, "bias") if call.config.get("use_bias", True) else None
    if rank == 1:
        kernel = kernel.reshape(kernel.shape[0], -1, kernel.shape[-1])
    op = LocallyConnected(kernel=kernel, bias=bias, window=window, strides=axis_sizes(call, "strides", rank))
    return op, *activation_ops(call)


def add_to(layers: LayerRegistry) -> None:
    """Register the convolutions, with the values that they take of each argument that they restrict."""
    paddings = ("valid", "same")
    layers.register("Conv1D", padding=(*paddings, "causal"), data_format=DATA_FORMATS)(conv)
    layers.register("Conv2D", "Conv3D", padding=paddings, data_format=DATA_FORMATS)(conv)
    layers.register("DepthwiseConv1D", padding=(*paddings, "causal"), data_format=DATA_FORMATS)(depthwise_conv)
    layers.register("DepthwiseConv2D", padding=paddings, data_format=DATA_FORMATS)(depthwise_conv)
    layers.register("SeparableConv1D", padding=(*paddings, "causal"), data_format=DATA_FORMATS)(separable_conv)
    layers.register("SeparableConv2D", padding=paddings, data_format=DATA_FORMATS)(separable_conv)
    for rank in (1, 2, 3):
        layers.register(f"Conv{rank}DTranspose", padding=paddings, data_format=DATA_FORMATS)(transposed_conv)
    layers.register(
        "LocallyConnected1D",
        "LocallyConnected2D",
        implementation=(1, None),
        padding=("valid",),
        data_format=("channels_last", None),
    )(locally_connected)
