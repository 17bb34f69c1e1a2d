"""What the full models are and cost, said before they are loaded."""

from __future__ import annotations

import os
from dataclasses import replace

from egoclean.config import CPU_FLOP_PER_S, EmbedConfig, ScoreConfig
from egoclean.models.cards import download_notice, full_downloads
from egoclean.verbs.models import device_plan


def full_model_notes(config: ScoreConfig | EmbedConfig, windows: float) -> list[str]:
    """Return what to say before the full model of ``config`` sees ``windows`` windows; nothing for the small one.

    That is its size and licence and, on a CPU, how long it will take and what takes less.
    """
    if config.models != "full":
        return []
    family = "vjepa2" if isinstance(config, EmbedConfig) else "videomae"
    notes = [download_notice(full_downloads([family]))]
    if device_plan(config.device, config.dtype, family).device == "cpu":
        notes.append(_cpu_note(config, windows))
    return notes


def window_flop(config: ScoreConfig | EmbedConfig) -> float:
    """Return the operations of one window in the full model, two a multiply-add.

    Of ViT-L they are linear in the number of tokens, and quadratic in attention: 11.6e12 for 64 frames, 1.66e12 for
    16; surprise is taken as half as much again. VideoMAE-base embeds patches once and the rest for each mask.
    """
    if isinstance(config, EmbedConfig):
        return (0.0781e12 * config.frames + 0.0016e12 * config.frames**2) * (1.5 if config.surprise else 1.0)
    return 3.7e9 + 67.2e9 * config.masks


def _cpu_note(config: ScoreConfig | EmbedConfig, windows: float) -> str:
    cores = os.cpu_count() or 1
    window_s = window_flop(config) / (CPU_FLOP_PER_S * cores)
    verb = "embed" if isinstance(config, EmbedConfig) else "score"
    text = (
        f"{verb}: the full model on a CPU of {cores} cores takes about {_spoken(window_s)} a window, "
        f"{_spoken(window_s * windows)} for {windows:,.0f} windows."
    )
    if isinstance(config, EmbedConfig) and config.frames > 16:
        share = window_flop(replace(config, frames=16)) / window_flop(config)
        text += f" --frames 16 takes {share:.2f} of that."
    return f"{text} --models small comes with egoclean and takes a fraction of a second a window."


def _spoken(seconds: float) -> str:
    for size_s, unit in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * size_s:
            return f"{seconds / size_s:.1f} {unit}"
    return f"{seconds:.1f} seconds"
