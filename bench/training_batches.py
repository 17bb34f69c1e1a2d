"""Batches for training the small models, made on the device: windows of the footage, cropped, recoloured, crossed by
gliding things, all from one seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate
from training_footage import CLASSES, FRAMES, HANDS, SIDE_PX, SPANS, TRUTH, read_footage
from training_patterns import draw_pattern

from egoclean.models.pixels import IMAGENET_MEAN, IMAGENET_STD

LEAST_SIDE = 0.72
"""Shortest side of a crop, as a share of the picture's."""
FAINT_WORKS, FAINT_TIMES = ("screw", "wipe"), 3.0
"""Works whose hands move little, and how much more often a clip of them is taken when a batch is of one."""
LIGHT_CASTS = ((1.24, 0.98, 0.72), (0.76, 0.97, 1.26))
FLICKER, FLICKER_FRAMES = (0.75, 1.1), 6
"""Least and largest gain of a flickering light, and how many frames it takes from one to the next."""


@dataclass(frozen=True)
class Gliders:
    """``cover`` (B, T, G, H, W), how much of each pixel shows the gliding thing, and ``centre`` (B, T, G, 2), where it
    is, across and down, -1 to 1 from edge to edge of the picture.
    """

    cover: torch.Tensor
    centre: torch.Tensor


@dataclass(frozen=True)
class Windows:
    """A batch: ``pixels`` uint8-valued float (B, T, 3, H, W) in [0, 1], ``truth`` (B, T, columns), ``hands``
    (B, T, 2, columns), the one more to the left of the picture's workplace first, and ``source`` (B,); where things
    were added that glide across, also what is true of them.
    """

    pixels: torch.Tensor
    truth: torch.Tensor
    hands: torch.Tensor
    source: torch.Tensor
    gliders: Gliders | None = None


class Footage:
    """All footage on one device: ``frames`` uint8 (N, FRAMES, 3, SIDE_PX, SIDE_PX), ``truth`` (N, FRAMES, columns),
    ``hands`` (N, FRAMES, 2, columns) and ``source`` (N,), the workplace, drive or pattern a span is of; a pattern's
    class is -2.
    """

    def __init__(
        self, paths: Sequence[Path], patterns: int, first_seed: int, device: torch.device, workers: int
    ) -> None:
        self.files = len(paths)
        spans = self.files * SPANS + patterns
        self.frames = torch.empty((spans, FRAMES, 3, SIDE_PX, SIDE_PX), dtype=torch.uint8, device=device)
        self.truth = torch.zeros((spans, FRAMES, len(TRUTH)), device=device)
        self.hands = torch.zeros((spans, FRAMES, 2, len(HANDS)), device=device)
        self.source = torch.arange(spans, device=device)
        self.source[: len(paths) * SPANS] //= SPANS
        self.source[len(paths) * SPANS :] += len(paths)
        with ProcessPoolExecutor(workers, get_context("spawn")) as processes, ThreadPoolExecutor(workers) as threads:
            drawn = processes.map(draw_pattern, range(first_seed, first_seed + patterns))
            for number, kept in enumerate(threads.map(read_footage, paths)):
                rows = slice(number * SPANS, (number + 1) * SPANS)
                self.frames[rows] = torch.from_numpy(kept.frames).to(device).permute(0, 1, 4, 2, 3)
                self.truth[rows] = torch.from_numpy(kept.truth).to(device)
                self.hands[rows] = torch.from_numpy(kept.hands).to(device)
            for row, frames in enumerate(drawn, len(paths) * SPANS):
                self.frames[row] = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2)
                self.truth[row, :, 0] = -2.0
        faint = torch.tensor([CLASSES.index(name) for name in FAINT_WORKS], device=device)
        shows = torch.isin(self.truth[: self.files * SPANS, :, 0], faint.float()).view(self.files, -1)
        self.file_weights = 1.0 + (FAINT_TIMES - 1.0) * shows.any(1).float()

    @property
    def device(self) -> torch.device:
        """Where the footage is."""
        return self.frames.device

    def windows(
        self, draw: torch.Generator, count: int, offsets: torch.Tensor, size_px: int, of_one: bool = False
    ) -> Windows:
        """Return ``count`` windows of random spans, the frames at ``offsets`` after a random start, cropped to
        ``size_px`` pixels; patterns are at times played backwards. ``offsets`` is on the host, so that nothing waits.

        With ``of_one`` all are of one workplace or drive, cropped alike, more often of one with ``FAINT_WORKS``.
        """
        if of_one:
            file = torch.multinomial(self.file_weights, 1, generator=draw)
            row = file * SPANS + torch.randint(SPANS, (count,), generator=draw, device=self.device)
        else:
            row = torch.randint(len(self.frames), (count,), generator=draw, device=self.device)
        room = FRAMES - int(offsets[-1])
        first = torch.randint(room, (count,), generator=draw, device=self.device)
        times = first[:, None] + offsets.to(self.device)
        turned = (self.truth[row, 0, 0] == -2.0) & self._chance(draw, count, 0.4)
        times = torch.where(turned[:, None], times.flip(1), times)
        frames = self.frames.view(-1, 3, SIDE_PX, SIDE_PX)[(row[:, None] * FRAMES + times).flatten()]
        crop = _crops(draw, 1).expand(count, -1, -1) if of_one else _crops(draw, count)
        pixels = _cropped(frames.view(count, len(offsets), 3, SIDE_PX, SIDE_PX), crop, size_px)
        hands = _hands_in(crop, self.hands[row[:, None], times])
        return Windows(pixels, self.truth[row[:, None], times], hands, self.source[row])

    def _chance(self, draw: torch.Generator, count: int, share: float) -> torch.Tensor:
        return torch.rand(count, generator=draw, device=self.device) < share


def _crops(draw: torch.Generator, count: int) -> torch.Tensor:
    """Return maps (count, 2, 3) from crop to picture: boxes of 72 to 100 % of each side, half of them mirrored."""
    side = _uniform(draw, (count, 2), LEAST_SIDE, 1.0)
    place = _uniform(draw, (count, 2), -1.0, 1.0) * (1 - side)
    mirrored = torch.where(_uniform(draw, (count,), 0.0, 1.0) < 0.5, -1.0, 1.0)
    crop = torch.zeros(count, 2, 3, device=draw.device)
    crop[:, 0, 0], crop[:, 1, 1] = side[:, 0] * mirrored, side[:, 1]
    crop[:, :, 2] = place
    return crop


def _cropped(frames: torch.Tensor, crop: torch.Tensor, size_px: int) -> torch.Tensor:
    """Return the pictures' crops (B, T, 3, size_px, size_px) in [0, 1].

    On a GPU four pixels are looked up for each and averaged, so that fine pattern does not turn into another one.
    """
    count, times = frames.shape[:2]
    kind, finer = (torch.float16, 2) if frames.is_cuda else (torch.float32, 1)
    grid = affine_grid(crop, [count, 3, finer * size_px, finer * size_px], align_corners=False).to(kind)
    looked = grid_sample(frames.flatten(1, 2).to(kind), grid, padding_mode="reflection", align_corners=False)
    pooled = avg_pool2d(looked, finer) if finer > 1 else looked
    return pooled.div(255).view(count, times, 3, size_px, size_px)


def _hands_in(crop: torch.Tensor, hands: torch.Tensor) -> torch.Tensor:
    """Return the hands (B, T, 2, columns) of the pictures' crops; in a mirror the right hand is the left one."""
    scale = crop[:, [0, 1], [0, 1]][:, None, None]
    mirrored = (scale[..., :1] < 0).expand_as(hands)
    turned = torch.where(mirrored, hands.flip(2), hands)
    places = (turned[..., 3:5] - crop[:, None, None, :, 2]) / scale
    seen = turned[..., 5:] * (places.abs().amax(-1, keepdim=True) < 1)
    across_m = turned[..., :1] * scale[..., :1].sign()
    return torch.cat([across_m, turned[..., 1:3], places, seen], dim=-1)


def add_gliders(
    draw: torch.Generator, pixels: torch.Tensor, offsets: torch.Tensor, share: float, most: int
) -> tuple[torch.Tensor, Gliders]:
    """Return ``pixels`` (B, T, 3, H, W) in which textured discs or boxes cross a ``share`` of the windows, and where.

    One after another is added ``most`` times, over those before. Each moves smoothly, at even or changing speed, along
    a line or a bend: what a model may expect of things.
    """
    covers: list[torch.Tensor] = []
    centres: list[torch.Tensor] = []
    for _ in range(most):
        pixels, cover, centre = _with_glider(draw, pixels, offsets, share)
        covers = [below * (1 - cover) for below in covers]
        covers.append(cover)
        centres.append(centre)
    return pixels, Gliders(torch.stack(covers, dim=2), torch.stack(centres, dim=2))


def _with_glider(
    draw: torch.Generator, pixels: torch.Tensor, offsets: torch.Tensor, share: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    count, times, _, side, _ = pixels.shape
    device = pixels.device
    moment = ((offsets - offsets[0]).float() / max(1, int(offsets[-1] - offsets[0])) - 0.5).to(device)
    angle = _uniform(draw, (count,), 0.0, 2 * torch.pi)
    way = torch.stack([angle.cos(), angle.sin()], dim=1) * _uniform(draw, (count, 1), 0.3, 2.0)
    bend = _uniform(draw, (count, 2), -0.8, 0.8) * (_uniform(draw, (count, 1), 0.0, 1.0) < 0.4)
    middle = _uniform(draw, (count, 2), -0.5, 0.5)
    centre = middle[:, None] + way[:, None] * moment[:, None] + bend[:, None] * (moment**2)[:, None]
    radius = _uniform(draw, (count, 1, 1, 1), 0.14, 0.42)
    axis = (torch.arange(side, device=device) + 0.5) / side * 2 - 1
    across = (axis[None, None, None, :] - centre[:, :, 0, None, None]) / radius
    down = (axis[None, None, :, None] - centre[:, :, 1, None, None]) / radius
    box = (_uniform(draw, (count, 1, 1, 1), 0.0, 1.0) < 0.3).expand_as(across + down)
    edge = torch.maximum(across.abs().expand_as(box), down.abs().expand_as(box))
    distance = torch.where(box, edge, (across**2 + down**2).sqrt())
    cover = ((0.95 - distance) * radius * side / 2 + 0.5).clamp(0, 1)
    cover = cover * (_uniform(draw, (count, 1, 1, 1), 0.0, 1.0) < share)
    coarse = torch.rand((count, 3, 5, 5), generator=draw, device=device)
    texture = interpolate(coarse, size=(32, 32), mode="bicubic", align_corners=True).clamp(0, 1)
    grid = torch.stack([across.expand_as(box), down.expand_as(box)], dim=-1).clamp(-1, 1)
    seen = grid_sample(texture.to(pixels.dtype), grid.flatten(1, 2).to(pixels.dtype), align_corners=True)
    seen = seen.view(count, 3, times, side, side).transpose(1, 2)
    over = cover[:, :, None].to(pixels.dtype)
    return pixels * (1 - over) + seen * over, cover, centre


def change_light(
    draw: torch.Generator, pixels: torch.Tensor, offsets: torch.Tensor, changed: torch.Tensor
) -> torch.Tensor:
    """Return ``pixels`` (B, T, 3, H, W) in which the windows ``changed`` (B,) are in a light that has changed.

    It is warm or cold, comes from one side and flickers, as a light change of a demo world does, in other measure.
    """
    count, side = len(pixels), pixels.shape[-1]
    casts = torch.tensor(LIGHT_CASTS, device=pixels.device)
    cast = casts[torch.randint(len(casts), (count,), generator=draw, device=pixels.device)]
    cast = 1 + (cast - 1) * _uniform(draw, (count, 1), 0.7, 1.3)
    tilt = _uniform(draw, (count, 1), 0.2, 0.5) * _uniform(draw, (count, 1), -1.0, 1.0).sign()
    across = (torch.arange(side, device=pixels.device) + 0.5) / side * 2 - 1
    beats = 2 + int(offsets[-1] - offsets[0]) // FLICKER_FRAMES
    flicker = _uniform(draw, (count, 1, beats + 1), *FLICKER)
    moment = ((offsets - offsets[0]).float() / FLICKER_FRAMES).to(pixels.device)
    before, share = moment.long(), moment.frac()
    gain = flicker[:, 0, before] * (1 - share) + flicker[:, 0, before + 1] * share
    light = gain[:, :, None, None, None] * cast[:, None, :, None, None] * (1 + tilt * across)[:, None, None, None, :]
    return torch.where(changed[:, None, None, None, None], (pixels * light).clamp(0, 1), pixels).to(pixels.dtype)


def recolour(draw: torch.Generator, pixels: torch.Tensor, strength: float, shuffle: float) -> torch.Tensor:
    """Return ``pixels`` in [0, 1] under another light, (B, T, 3, H, W), still in [0, 1] but for what is overexposed.

    Gains of ``strength`` over all and half of it a channel; with the chance ``shuffle`` the channels in another order.
    """
    count, device = len(pixels), pixels.device
    order = torch.rand((count, 3), generator=draw, device=device).argsort(1)
    kept = _uniform(draw, (count, 1), 0.0, 1.0) >= shuffle
    order = torch.where(kept, torch.arange(3, device=device), order)
    gain = torch.randn((count, 1), generator=draw, device=device) * strength
    gain = (gain + torch.randn((count, 3), generator=draw, device=device) * strength / 2).exp()
    shift = torch.randn((count, 1), generator=draw, device=device) * strength / 4
    mixed = pixels.gather(2, order[:, None, :, None, None].expand_as(pixels))
    return (mixed * gain[:, None, :, None, None] + shift[:, None, :, None, None]).to(pixels.dtype)


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """Return pixels (B, T, 3, H, W) less ImageNet's mean, over its deviation."""
    mean, std = (
        torch.tensor(values, device=pixels.device, dtype=pixels.dtype).view(3, 1, 1)
        for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return (pixels - mean) / std


def half_precision(device: torch.device) -> torch.autocast:
    """Return the context to compute in: bfloat16 where there are units for it, since without them it is slower."""
    fast = device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def start_evenly(model: torch.nn.Module) -> None:
    """Draw all matrices anew so that signals keep their size: the published 0.02 is made for wider models."""
    for module in model.modules():
        if isinstance(module, (torch.nn.Linear, torch.nn.Conv3d)):
            torch.nn.init.xavier_uniform_(module.weight.view(module.weight.shape[0], -1))


def _uniform(draw: torch.Generator, shape: Sequence[int], low: float, high: float) -> torch.Tensor:
    return torch.rand(tuple(shape), generator=draw, device=draw.device) * (high - low) + low
