"""Names that mean something outside of the file that uses them."""

from __future__ import annotations

import builtins
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTRACT_NAMES: Final = frozenset({"Model", "Mixer", "RECIPE"})
BUILTINS: Final = frozenset(dir(builtins))

# Whoever uses one of these sees names as data, so that no name may change at all.
REFLECTION_NAMES: Final = _words(
    "locals globals vars eval exec compile dir inspect sys importlib pickle operator jit fx"
    " __import__ __class__ __doc__ __annotations__"
)
REFLECTION_ATTRIBUTES: Final = _words(
    "__dict__ __name__ __qualname__ __class__ __doc__ __code__ __annotations__ __module__"
    " __globals__ __closure__ jit fx"
)
# Whoever uses one of these sees attribute names.
ATTRIBUTE_NAMES: Final = _words(
    "named_parameters named_modules named_children named_buffers state_dict load_state_dict"
    " _modules _parameters _buffers __getattr__ __setattr__ __getattribute__ __delattr__"
    " get_submodule get_parameter get_buffer"
)
TAKES_ATTRIBUTE_NAME: Final = {
    **dict.fromkeys(("getattr", "setattr", "hasattr", "delattr"), 1),
    **dict.fromkeys(("add_module", "register_module", "register_buffer", "register_parameter"), 0),
}
# What `torch.nn.Module` itself calls or stores, private names apart; a test asks torch.
MODULE_ATTRIBUTES: Final = _words(
    "T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda"
    " double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter"
    " get_submodule half ipu load_state_dict modules mtia named_buffers named_children"
    " named_modules named_parameters parameters register_backward_hook register_buffer"
    " register_forward_hook register_forward_pre_hook register_full_backward_hook"
    " register_full_backward_pre_hook register_load_state_dict_post_hook"
    " register_load_state_dict_pre_hook register_module register_parameter"
    " register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state"
    " set_submodule share_memory state_dict to to_empty train training type xpu zero_grad"
)
