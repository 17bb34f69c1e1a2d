"""What sets one workplace apart from another: colours, materials, light, sizes and habits, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egoclean.demo.world import rng_for

Colour = tuple[int, int, int]

_GLOVES: tuple[Colour, ...] = (
    (62, 108, 178),
    (214, 120, 44),
    (92, 96, 104),
    (196, 178, 60),
    (46, 128, 116),
    (176, 62, 70),
)
_SLEEVES: tuple[Colour, ...] = ((52, 66, 98), (96, 92, 84), (44, 84, 72), (120, 60, 52), (150, 152, 156), (70, 74, 80))
_BENCHES: tuple[Colour, ...] = ((176, 140, 98), (150, 156, 160), (104, 128, 118), (188, 180, 164), (120, 104, 92))
_WALLS: tuple[Colour, ...] = ((190, 192, 186), (156, 172, 182), (204, 190, 164), (146, 160, 144), (176, 160, 158))
_FLOORS: tuple[Colour, ...] = ((118, 118, 114), (96, 108, 104), (128, 112, 100), (104, 104, 116))
_BINS: tuple[Colour, ...] = (
    (188, 44, 40),
    (36, 92, 168),
    (226, 178, 40),
    (50, 134, 78),
    (206, 106, 34),
    (104, 110, 120),
)
_PARTS: tuple[Colour, ...] = (
    (196, 198, 202),
    (206, 158, 74),
    (64, 66, 72),
    (214, 88, 60),
    (90, 160, 200),
    (150, 190, 90),
)
_MACHINES: tuple[Colour, ...] = ((66, 118, 92), (70, 96, 140), (168, 172, 170), (186, 130, 50), (128, 60, 56))


@dataclass(frozen=True, slots=True)
class Style:
    """A workplace and its worker. Colours are RGB; lengths metres; ``mirrored`` swaps left and right in the work."""

    glove: Colour
    sleeve: Colour
    bench: Colour
    wall: Colour
    floor: Colour
    bins: tuple[Colour, Colour, Colour, Colour]
    parts: tuple[Colour, Colour, Colour]
    machine: Colour
    bench_drop_m: float
    bench_far_m: float
    bench_half_width_m: float
    reach: float
    head_bob: float
    pitch_deg: float
    mirrored: bool
    light: tuple[float, float, float]
    light_level: float
    noise_level: float
    wooden: bool
    seed: int


def workplace_style(seed: int) -> Style:
    """Return the style of the workplace with this seed."""
    rng = rng_for(seed, "style")
    bins = [_jitter(rng, _BINS[index]) for index in rng.permutation(len(_BINS))[:4]]
    parts = [_jitter(rng, _PARTS[index]) for index in rng.permutation(len(_PARTS))[:3]]
    warmth = float(rng.uniform(-1.0, 1.0))
    bench_index = int(rng.integers(0, len(_BENCHES)))
    return Style(
        glove=_pick(rng, _GLOVES),
        sleeve=_pick(rng, _SLEEVES),
        bench=_jitter(rng, _BENCHES[bench_index]),
        wall=_pick(rng, _WALLS),
        floor=_pick(rng, _FLOORS),
        bins=(bins[0], bins[1], bins[2], bins[3]),
        parts=(parts[0], parts[1], parts[2]),
        machine=_pick(rng, _MACHINES),
        bench_drop_m=float(rng.uniform(0.44, 0.52)),
        bench_far_m=float(rng.uniform(0.80, 0.94)),
        bench_half_width_m=float(rng.uniform(0.78, 1.05)),
        reach=float(rng.uniform(0.92, 1.08)),
        head_bob=float(rng.uniform(0.8, 1.6)),
        pitch_deg=float(rng.uniform(37.0, 43.0)),
        mirrored=bool(rng.integers(0, 2)),
        light=(1.0 + 0.06 * warmth, 1.0, 1.0 - 0.09 * warmth),
        light_level=float(rng.uniform(0.86, 1.12)),
        noise_level=float(rng.uniform(2.2, 4.2)),
        wooden=bench_index in (0, 4),
        seed=seed,
    )


def shade(colour: Colour, factor: float) -> Colour:
    """Return ``colour`` times ``factor``, clipped to 0..255."""
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in colour)
    return red, green, blue


def _pick(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Colour:
    return _jitter(rng, palette[int(rng.integers(0, len(palette)))])


def _jitter(rng: np.random.Generator, colour: Colour) -> Colour:
    red, green, blue = (
        int(np.clip(channel * rng.uniform(0.88, 1.1) + rng.uniform(-6, 6), 8, 245)) for channel in colour
    )
    return red, green, blue
