"""Studies of simulated customers: what they find, and what there was to be found."""

import lazy_loader

# What notebooks say of samples. What is computed is public at the package's door.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "diagnosis": ["say_bias"],
        "surveys": [
            "find_gap_part",
            "say_careless",
            "say_effects",
            "say_gaps",
            "say_notes",
            "say_selection",
            "say_survey",
        ],
    },
)
