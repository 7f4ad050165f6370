"""Small whole models, one for each way in which Keras puts layers together; written once for Keras 3 and Keras 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Shape = tuple[int, ...]


def sequential(keras: Any) -> Any:
    """A stack with every common layer."""
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer(shape=(9, 7, 2)) if keras.__name__ == "keras" else layers.InputLayer((9, 7, 2)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.DepthwiseConv2D(3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def residual(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5, 7, 3))
    start = layers.Conv2D(3, 3, padding="same", activation="relu")(x)
    inside = layers.BatchNormalization()(layers.Conv2D(3, 3, padding="same")(start))
    end = layers.Activation("relu")(layers.Add()([start, inside]))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(end)))


def branches(keras: Any) -> Any:
    """Branches of several depths, put side by side."""
    layers = keras.layers
    x = keras.Input((7, 5, 2))
    first = layers.Conv2D(3, 1, activation="relu")(x)
    second = layers.Conv2D(2, 3, padding="same", activation="relu")(layers.MaxPooling2D(1)(x))
    third = layers.AveragePooling2D(3, strides=1, padding="same")(first)
    return keras.Model(x, layers.Dense(2)(layers.GlobalMaxPooling2D()(layers.Concatenate()([first, second, third]))))


def nested_twice(keras: Any) -> Any:
    """A Functional model used twice inside another: its layers are shared."""
    layers = keras.layers
    inside = keras.Input((5,))
    block = keras.Model(inside, layers.Dense(5, activation="relu")(inside), name="block")
    x = keras.Input((5,))
    return keras.Model(x, layers.Dense(2, name="end")(block(block(x))))


def nested_at_the_end(keras: Any) -> Any:
    """A nested model whose second use is the output."""
    layers = keras.layers
    inside = keras.Input((5,))
    block = keras.Model(inside, layers.Dense(5, activation="relu")(inside), name="block")
    x = keras.Input((5,))
    return keras.Model(x, block(layers.Dense(5)(block(x))))


def nested_sequential(keras: Any) -> Any:
    """Two blocks with layers of the same names; in an .h5 file, a block's trained weights come before its others."""
    layers = keras.layers

    def block(name: str) -> Any:
        return keras.Sequential(
            [
                keras.Input((6, 5, 3)),
                layers.Conv2D(3, 3, padding="same", name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.ReLU(name="relu"),
                layers.Conv2D(3, 1, use_bias=False, name="mix"),
                layers.BatchNormalization(name="norm2", scale=False),
            ],
            name=name,
        )

    x = keras.Input((6, 5, 3))
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(block("second")(block("first")(x)))))


def nested_partly_frozen(keras: Any) -> Any:
    """A block with a layer that is not trained: in an .h5 file its weights come with the others."""
    layers = keras.layers
    first, second = layers.Dense(4, activation="relu", name="first"), layers.Dense(5, activation="relu", name="second")
    first.trainable = False
    inside = keras.Input((5,))
    block = keras.Model(inside, layers.BatchNormalization(name="norm")(second(first(inside))), name="block")
    x = keras.Input((5,))
    return keras.Model(x, layers.Dense(2)(block(x)))


def nested_three_deep(keras: Any) -> Any:
    layers = keras.layers

    def inner(depth: int) -> Any:
        x = keras.Input((4,))
        y = layers.Dense(4, activation="relu", name=f"dense{depth}")(x)
        y = inner(depth - 1)(y) if depth else layers.BatchNormalization(name="norm")(y)
        return keras.Model(x, layers.Dense(4, name=f"after{depth}")(y), name=f"level{depth}")

    x = keras.Input((4,))
    return keras.Model(x, inner(2)(x))


def nested_in_sequential(keras: Any) -> Any:
    layers = keras.layers
    block = keras.Sequential([keras.Input((5,)), layers.Dense(4, activation="relu"), layers.Dense(3)], name="block")
    return keras.Sequential([keras.Input((5,)), layers.Dense(5, activation="relu"), block, layers.ReLU()])


def nested_with_two_ends(keras: Any) -> Any:
    """A nested model with two inputs and two outputs."""
    layers = keras.layers
    a, b = keras.Input((3,), name="a"), keras.Input((4,), name="b")
    block = keras.Model(
        [a, b],
        [layers.Dense(4, activation="relu", name="of_a")(a), layers.Dense(4, activation="relu", name="of_b")(b)],
        name="block",
    )
    x, y = keras.Input((3,), name="x"), keras.Input((4,), name="y")
    first, second = block([x, y])
    return keras.Model(
        [x, y], [layers.Subtract(name="difference")([first, second]), layers.Dense(2, name="end")(second)]
    )


def shared_layer(keras: Any) -> Any:
    layers = keras.layers
    dense, norm = layers.Dense(4, activation="relu"), layers.BatchNormalization()
    x, y = keras.Input((5,)), keras.Input((5,))
    return keras.Model([x, y], layers.Dense(2)(layers.Concatenate()([norm(dense(x)), norm(dense(y)), dense(x)])))


def several_outputs(keras: Any) -> Any:
    """One output in mid-model, which other layers read too; one of an activation that others read; one at the end."""
    layers = keras.layers
    x = keras.Input((5,))
    middle = layers.Dense(4, name="middle")(x)
    active = layers.Activation("relu", name="active")(middle)
    soft = layers.Softmax(name="soft")(active)
    end = layers.Dense(3, name="end")(layers.Add()([soft, active]))
    return keras.Model(x, [end, middle, soft, active])


def same_output_twice(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5,))
    y = layers.Dense(3, activation="relu", name="y")(x)
    return keras.Model(x, [y, y])


def input_as_output(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5,), name="x")
    return keras.Model(x, [layers.Dense(3, activation="relu", name="y")(x), layers.Dropout(0.2, name="same")(x)])


def several_inputs(keras: Any) -> Any:
    """Inputs in an order that is not that of their use."""
    layers = keras.layers
    image, vector, other = (
        keras.Input((5, 4, 2), name="image"),
        keras.Input((3,), name="vector"),
        keras.Input((2,), name="other"),
    )
    seen = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    merged = layers.Concatenate()([layers.Dense(3, activation="relu")(other), vector, seen])
    return keras.Model([vector, image, other], layers.Dense(2)(merged))


def dict_inputs(keras: Any) -> Any:
    layers = keras.layers
    inputs = {"right": keras.Input((3,), name="right"), "left": keras.Input((4,), name="left")}
    merged = layers.Concatenate()(
        [layers.Dense(3, activation="relu")(inputs["left"]), layers.Dense(2, activation="relu")(inputs["right"])]
    )
    return keras.Model(inputs, layers.Dense(2)(merged))


def dict_outputs(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5,))
    hidden = layers.Dense(4, activation="relu")(x)
    return keras.Model(x, {"zeta": layers.Dense(2, name="one")(hidden), "alpha": layers.Dense(3, name="two")(hidden)})


def nested_dicts(keras: Any) -> Any:
    """A nested model with inputs and outputs by name, given in another order than they were written down."""
    layers = keras.layers
    inside = {"zeta": keras.Input((5,), name="zeta"), "alpha": keras.Input((5,), name="alpha")}
    ends = {
        "zeta": layers.Dense(4, activation="relu", name="one")(inside["zeta"]),
        "alpha": layers.Dense(4, activation="relu", name="two")(inside["alpha"]),
    }
    block = keras.Model(inside, ends, name="block")
    x, y = keras.Input((5,), name="x"), keras.Input((5,), name="y")
    made = block({"alpha": x, "zeta": y})
    return keras.Model([x, y], layers.Subtract()([made["zeta"], layers.Dense(4)(made["alpha"])]))


def unused_branch(keras: Any) -> Any:
    """Layers that were built but lead to no output; Keras leaves them out of the model."""
    layers = keras.layers
    x = keras.Input((5,))
    hidden = layers.Dense(4, activation="relu")(x)
    layers.LSTM(3)(layers.Reshape((2, 2))(hidden))
    return keras.Model(x, layers.Dense(2)(hidden))


def unused_input(keras: Any) -> Any:
    layers = keras.layers
    x, y = keras.Input((5,), name="x"), keras.Input((3,), name="y")
    return keras.Model([x, y], layers.Dense(2)(layers.Dense(4, activation="relu")(x)))


def added_to_itself(keras: Any) -> Any:
    layers = keras.layers
    x = keras.Input((5,))
    hidden = layers.Dense(4, activation="relu")(x)
    return keras.Model(x, layers.Dense(2)(layers.Add()([hidden, hidden])))


MODELS: Mapping[str, Callable[[Any], Any]] = {
    build.__name__: build
    for build in (
        sequential,
        residual,
        branches,
        nested_twice,
        nested_at_the_end,
        nested_sequential,
        nested_partly_frozen,
        nested_three_deep,
        nested_in_sequential,
        nested_with_two_ends,
        shared_layer,
        several_outputs,
        same_output_twice,
        input_as_output,
        several_inputs,
        dict_inputs,
        dict_outputs,
        nested_dicts,
        unused_branch,
        unused_input,
        added_to_itself,
    )
}
