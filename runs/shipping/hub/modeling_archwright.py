"""A network that Archwright found, as transformers loads it: `net` is the network itself."""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.generation.utils import ALL_CACHE_NAMES
from transformers.modeling_outputs import (
    CausalLMOutput,
    ImageClassifierOutput,
    ModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

from .configuration_archwright import ArchwrightConfig
from .network import make_network

CACHE = "cache" if "cache" in ALL_CACHE_NAMES else "past_key_values"
"""What `generate` calls a cache, by the version of transformers."""


class ArchwrightModel(PreTrainedModel):
    """Any network: `inputs` to `logits`, the raw outputs. Where an input is several arrays, each is
    a keyword; where an output is several, `logits` is a tuple of them."""

    config_class = ArchwrightConfig
    main_input_name = "inputs"
    output_class = ModelOutput

    def __init__(self, config):
        super().__init__(config)
        # Real tensors, where the loader would have made empty ones: what a network keeps beside
        # its weights is computed here.
        with torch.device("cpu"):
            self.net = make_network(config)
            run_once(self.net, config)
        # Every buffer is in the file, those included that the network itself would not save.
        for module in self.net.modules():
            module._non_persistent_buffers_set.clear()
        self.post_init()

    def _init_weights(self, module):
        """The architecture's own initialisation stands."""

    def forward(self, inputs=None, labels=None, **parts):
        """Outputs for a batch, and the mean loss where there are labels."""
        names = [name for name, *_ in self.config.input_parts or ()]
        if names:
            inputs = named([parts[name] for name in names], names)
        out, names = self.net(inputs), [name for name, *_ in self.config.output_parts or ()]
        if names:
            out = tuple(out) if names[0] == "0" else tuple(out[name] for name in names)
        return self.answer(out, labels)

    def answer(self, logits, labels):
        """Outputs with their loss."""
        loss = None if labels is None else loss_of(logits, labels, self.config.training_loss)
        return self.output_class(loss=loss, logits=logits)


class ArchwrightForImageClassification(ArchwrightModel):
    """Images `(batch, channels, height, width)` to a logit for each class."""

    main_input_name = "pixel_values"
    output_class = ImageClassifierOutput

    def forward(self, pixel_values, labels=None, **kwargs):
        return self.answer(self.net(pixel_values), labels)


class ArchwrightForSequenceClassification(ArchwrightModel):
    """Tokens `(batch, length)` to a logit for each class, or to values."""

    main_input_name = "input_ids"
    output_class = SequenceClassifierOutput

    def forward(self, input_ids, labels=None, attention_mask=None, **kwargs):
        refuse_padding(attention_mask)
        return self.answer(self.net(input_ids), labels)


class ArchwrightForTokenClassification(ArchwrightModel):
    """Tokens `(batch, length)` to a logit for each class at each position."""

    main_input_name = "input_ids"
    output_class = TokenClassifierOutput

    def forward(self, input_ids, labels=None, attention_mask=None, **kwargs):
        refuse_padding(attention_mask)
        return self.answer(self.net(input_ids), labels)


class RecurrentCache:
    """What the network keeps of the tokens that it has read, the batch axis first."""

    def __init__(self, state):
        self.state, self.length = state, 0

    def get_seq_length(self, layer_idx=0):
        """How many tokens were read."""
        return self.length

    def reorder_cache(self, beam_idx):
        """Keep these sequences of the batch, in this order."""
        self.state = picked(self.state, beam_idx)

    def numel(self):
        """How many numbers it holds."""
        return numbers(self.state)


@dataclass
class RecurrentOutput(CausalLMOutput):
    """Logits, and what was kept of the tokens."""

    cache: RecurrentCache | None = None


class ArchwrightForCausalLM(ArchwrightModel, GenerationMixin):
    """Tokens to logits of the next one.

    A network whose mixers have `start` and `step` generates from a recurrent cache: each step reads
    one token. Any other keeps no cache, and each step reads the whole prefix, of which it sees as
    many tokens as it was trained on where it has positions."""

    main_input_name = "input_ids"
    _is_stateful = True

    def forward(
        self, input_ids, labels=None, attention_mask=None, use_cache=False, cache=None, **kwargs
    ):
        """As ever, `labels` are the inputs themselves: they are moved by one here. With a cache,
        `input_ids` are the tokens after those that it has read."""
        refuse_left_padding(attention_mask)
        if cache is not None or (use_cache and self.streams):
            logits, cache = self.one_by_one(input_ids, cache)
        else:
            logits = self.at_any_length(input_ids)
        loss = None
        if labels is not None:
            loss = loss_of(logits[:, :-1], labels[:, 1:], "cross_entropy")
        return RecurrentOutput(loss=loss, logits=logits, cache=cache)

    @property
    def streams(self):
        """Whether the network reads one token at a time."""
        return getattr(self.net, "streams", False)

    def one_by_one(self, input_ids, cache):
        """Logits at each position, and what is kept after the last."""
        cache = cache or RecurrentCache(self.net.start(len(input_ids)))
        outs = []
        for tokens in input_ids.unbind(1):
            logits, cache.state = self.net.step(tokens, cache.state)
            cache.length += 1
            outs.append(logits)
        return torch.stack(outs, 1), cache

    @property
    def longest(self):
        """How many tokens it reads at most; None where it has no positions."""
        backbone = self.config.backbone or {}
        return self.config.input_shape[0] if backbone.get("positions", True) else None

    def at_any_length(self, input_ids):
        """Logits at each position. A network of one length reads the prefix and what may come
        after, which cannot move it."""
        length, given = self.longest, input_ids.shape[1]
        if length is None:
            return self.net(input_ids)
        if given > length:
            raise ValueError(f"it reads {length} tokens at most, not {given}")
        if self.config.length_varies or given == length:
            return self.net(input_ids)
        return self.net(nn.functional.pad(input_ids, (0, length - given)))[:, :given]

    def prepare_inputs_for_generation(
        self, input_ids, attention_mask=None, use_cache=False, **kwargs
    ):
        cache = kwargs.get(CACHE)
        if cache is not None:
            return {"input_ids": input_ids[:, cache.length :], "cache": cache}
        length = self.longest or input_ids.shape[1]
        mask = None if attention_mask is None else attention_mask[:, -length:]
        given = {"input_ids": input_ids[:, -length:], "attention_mask": mask}
        return {**given, "use_cache": use_cache}

    def _update_model_kwargs_for_generation(self, outputs, model_kwargs, *args, **kwargs):
        model_kwargs = super()._update_model_kwargs_for_generation(
            outputs, model_kwargs, *args, **kwargs
        )
        return {**model_kwargs, **({CACHE: outputs.cache} if outputs.cache else {})}

    @classmethod
    def _supports_default_dynamic_cache(cls):
        return False


def picked(state, places):
    """A state with these sequences of its batch."""
    if isinstance(state, torch.Tensor):
        return state.index_select(0, places) if state.dim() else state
    if isinstance(state, dict):
        return {name: picked(part, places) for name, part in state.items()}
    if isinstance(state, (tuple, list)):
        return type(state)([picked(part, places) for part in state])
    return state


def numbers(state):
    """How many numbers a state holds."""
    if isinstance(state, torch.Tensor):
        return state.numel()
    parts = state.values() if isinstance(state, dict) else state
    return sum(map(numbers, parts)) if isinstance(state, (dict, tuple, list)) else 0


def named(values, names):
    """Values by name, or as a tuple."""
    return tuple(values) if names[0] == "0" else dict(zip(names, values, strict=True))


def zeros(shape, kind):
    """Two samples of zeros; of a mask, all is there."""
    types = {"tokens": torch.long, "mask": torch.bool, "float": torch.float32}
    made = torch.zeros((2, *shape), dtype=types[kind])
    return ~made if kind == "mask" else made


def run_once(net, config):
    """One forward pass: layers may take their size from their first input."""
    if config.input_parts:
        names = [name for name, *_ in config.input_parts]
        given = named([zeros(shape, kind) for _, shape, kind in config.input_parts], names)
    else:
        given = zeros(config.input_shape, "float" if config.vocabulary is None else "tokens")
    net.eval()
    with torch.no_grad():
        net(given)
    net.train()


def loss_of(logits, labels, loss):
    """The mean loss; classes of -1 and of -100 do not count."""
    if loss == "cross_entropy":
        classes = labels.reshape(-1)
        classes = classes.masked_fill(classes < 0, -100)
        return nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), classes)
    losses = {"mse": nn.functional.mse_loss, "mae": nn.functional.l1_loss}
    if loss not in losses:
        raise ValueError(f"the loss {loss} belongs to the task: compute it from the logits")
    return losses[loss](logits, labels)


def refuse_padding(attention_mask):
    """The network has no mask: a padded sequence would be another one to it."""
    if attention_mask is not None and not bool(attention_mask.all()):
        raise ValueError("it takes no padding: give sequences of one length")


def refuse_left_padding(attention_mask):
    """What comes after a position cannot move it, what comes before would."""
    if attention_mask is not None and not bool(attention_mask[:, 0].all()):
        raise ValueError("it takes no padding on the left: give prompts of one length")
