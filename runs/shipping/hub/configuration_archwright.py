"""The configuration of a network that Archwright found."""

from transformers import PretrainedConfig


class ArchwrightConfig(PretrainedConfig):
    """Shapes are of one sample; `length_varies` says whether sequences may have another length.

    `input_parts` are the arrays that make up an input, where it is several: (name, shape, kind),
    the kind being float, tokens or mask; `output_parts` (name, shape) those of an output. Parts
    that are called 0, 1, … are those of a tuple.
    """

    model_type = "archwright"

    def __init__(
        self,
        input_shape=(1,),
        output_shape=(1,),
        vocabulary=None,
        causal=False,
        backbone=None,
        input_parts=None,
        output_parts=None,
        training_loss="cross_entropy",
        length_varies=False,
        **kwargs,
    ):
        self.input_shape, self.output_shape = list(input_shape), list(output_shape)
        self.vocabulary, self.causal, self.backbone = vocabulary, causal, backbone
        self.input_parts, self.output_parts = input_parts, output_parts
        self.training_loss, self.length_varies = training_loss, length_varies
        super().__init__(**kwargs)

    @property
    def vocab_size(self):
        """How many different tokens there are."""
        return self.vocabulary
