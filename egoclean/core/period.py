"""How often a clip repeats itself: lag spectrum, period, confidence, and an honest "no period".

The lag spectrum is the mean of the similarity matrix along its diagonals: how alike two moments are that lie ``lag``
apart. A cycle of ``p`` seconds raises it at ``p, 2 p, 3 p``; the stripes that one sees in a self-similarity matrix
are these peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import find_peaks

from egoclean.core.similarity import Float64, diagonal_sums
from egoclean.core.stream import Stream

LEAST_PERIOD_S = 0.8
"""Shortest period looked for: faster movement is the head's bob, not work."""

LEAST_REPEATS = 3.0
"""Repeats a span must hold before a period is claimed."""

LEAST_REPEATS_OF_A_PART = 1.6
"""Repeats the longest part must hold, so that the spectrum around the period can be seen."""

SHORTEST_SPAN_S, LONGEST_SPAN_S = 20.0, 120.0
"""Shortest and longest span of the sliding lag spectrum."""

DRIFT_S = 4.5
"""What changes more slowly than this, such as where the head looks, is taken off where it hides the work's period."""

_BASE_SHARE = 0.66
_LEAST_CONTRAST = 0.2
_LEAST_SECOND = 0.5
_LEAST_DRIFT_STEPS = 16
_CLEARER = 1.25
_LEAST_STEADY_CONTRAST = 0.32
_LEAST_CONSISTENCY = 3.0
_LEAST_PERIODS_OF_RHYTHM = 1.6
_LEAST_RHYTHM = 0.3


@dataclass(frozen=True, slots=True)
class Period:
    """A period, or the reason why there is none.

    ``contrast`` is how far the lag spectrum at the period stands above its mean over one period around it, as a share
    of what a perfect repeat would give, in [0, 1]; ``consistency`` is the same over its standard error from cycle to
    cycle; ``confidence`` in [0, 1] is both in one number. ``period_s`` is None when there is no period.
    """

    period_s: float | None
    confidence: float
    contrast: float
    consistency: float
    reason: str


def lag_spectrum(stream: Stream, limit: int | None = None) -> Float64:
    """Return ``out[k]``, the mean similarity of points ``k`` steps apart, shape ``(limit,)``; NaN where no pair is.

    ``out[0]`` is 1. Exact: sums along the diagonals come from an FFT, no matrix is made.
    """
    sums = diagonal_sums(stream.values, limit)
    pairs = np.rint(diagonal_sums(stream.present[:, None].astype(np.float64), limit))
    out = np.full(len(sums), np.nan)
    np.divide(sums, pairs, out=out, where=pairs > 0)
    return out


def sliding_lag_spectrum(stream: Stream, span_s: float, hop_s: float, limit: int) -> tuple[Float64, Float64]:
    """Return ``(centres_s, spectra)``: the lag spectrum of each span of ``span_s``, every ``hop_s``.

    ``spectra`` has shape ``(spans, limit)``; a stream shorter than one span gives one spectrum of the whole.
    """
    length, hop = min(stream.steps(span_s), len(stream.values)), stream.steps(hop_s)
    firsts = np.arange(0, len(stream.values) - length + 1, hop)
    spectra = np.full((len(firsts), limit), np.nan)
    for row, first in enumerate(firsts):
        spectrum = lag_spectrum(cut(stream, int(first), int(first) + length), limit)
        spectra[row, : len(spectrum)] = spectrum
    centres_s = stream.start_s + (firsts.astype(np.float64) + (length - 1) / 2) * stream.step_s
    return centres_s, spectra


@dataclass(frozen=True, slots=True, eq=False)
class PeriodOverTime:
    """The lag spectrum and the period of a span that slides over the clip.

    ``centres_s`` are the middles of the spans, each ``span_s`` long, shape ``(k,)``; ``periods_s`` their periods, NaN
    for none, and ``lags_s`` (l,) and ``spectra`` (k, l) their lag spectra, NaN where no pair of moments is.
    """

    span_s: float
    centres_s: Float64
    periods_s: Float64
    lags_s: Float64
    spectra: Float64


def period_over_time(stream: Stream, period_s: float | None, most_spans: int = 200) -> PeriodOverTime:
    """Return how the period changes over the clip: spans of eight periods, 20 to 120 s, that overlap by three quarters.

    In a clip too long for that at ``most_spans`` they overlap less. A clip shorter than a span is one span.
    """
    span_s = float(np.clip(8.0 * (period_s or 0.0), SHORTEST_SPAN_S, LONGEST_SPAN_S))
    length = min(stream.steps(span_s), len(stream.values))
    hop = max(length // 4, -(-(len(stream.values) - length) // most_spans), 1)
    limit = max(2, length // 2)
    centres_s, spectra = sliding_lag_spectrum(stream, length * stream.step_s, hop * stream.step_s, limit)
    parts = [cut(stream, index * hop, index * hop + length) for index in range(len(centres_s))]
    found = [estimate_period([part]).period_s for part in parts]
    periods_s = np.array([np.nan if value is None else value for value in found], dtype=np.float64)
    lags_s = stream.step_s * np.arange(limit, dtype=np.float64)
    return PeriodOverTime(length * stream.step_s, centres_s, periods_s, lags_s, spectra)


def cut(stream: Stream, first: int, stop: int) -> Stream:
    """Return the points ``first`` to ``stop`` (excluded) of the stream."""
    start_s = stream.start_s + first * stream.step_s
    return Stream(start_s, stream.step_s, stream.values[first:stop], stream.present[first:stop])


def estimate_period(parts: Sequence[Stream], longest_s: float = 60.0) -> Period:
    """Return the period of the same work seen in one or several parts: the shortest lag with a nearly highest peak.

    The spectra of the parts are pooled, pairs of points within a part only. A multiple of the base stands no higher
    than the base and a fraction of it lower, so the shortest peak among the high ones is the base. Claimed only when
    the parts hold :data:`LEAST_REPEATS` of it, the peak stands clear of the spectrum around it, and it does so from
    cycle to cycle. Work of small strokes may be hidden by where the head looks. So what changes more slowly than
    :data:`DRIFT_S` is also taken off; a period that then stands clearer than any before and comes again at its double,
    since noise without its slow part is a wave too, is preferred. All parts have the same step.
    """
    parts = [part for part in parts if len(part.values)]
    if not parts:
        return Period(None, 0.0, 0.0, 0.0, "there is nothing that could repeat")
    found = _shortest_high_peak(parts, longest_s, _LEAST_CONTRAST)
    if parts[0].steps(DRIFT_S) < _LEAST_DRIFT_STEPS:
        return found
    steady = [_without_drift(part) for part in parts]
    clearer = 0.0 if found.period_s is None else _CLEARER * found.contrast
    again = _shortest_high_peak(steady, min(longest_s, DRIFT_S), max(_LEAST_STEADY_CONTRAST, clearer))
    return again if again.period_s is not None and _comes_again(steady, again.period_s) else found


def _shortest_high_peak(parts: Sequence[Stream], longest_s: float, least_contrast: float) -> Period:
    step_s, total, longest_part = parts[0].step_s, sum(len(part.values) for part in parts), max(map(_length, parts))
    shortest = max(3, parts[0].steps(LEAST_PERIOD_S))
    longest = int(min(longest_s / step_s, total / LEAST_REPEATS, longest_part / LEAST_REPEATS_OF_A_PART))
    if longest <= shortest:
        return Period(None, 0.0, 0.0, 0.0, "the span is too short to repeat")
    spectrum = _smooth(pooled_lag_spectrum(parts, int(longest * 1.5) + 2), step_s)
    peaks = find_peaks(spectrum[: longest + 2])[0]
    peaks = peaks[(peaks >= shortest) & (peaks <= longest)]
    contrasts = np.array([_contrast(spectrum, int(peak)) for peak in peaks])
    if len(peaks) == 0 or contrasts.max() <= 0:
        return Period(None, 0.0, 0.0, 0.0, "no lag is more alike than those around it")
    lag = int(peaks[np.flatnonzero(contrasts >= _BASE_SHARE * contrasts.max())[0]])
    return _judge(parts, spectrum, lag, least_contrast)


def _comes_again(parts: Sequence[Stream], period_s: float) -> bool:
    """Return whether the lag spectrum rises again at twice the period: taking drift off noise leaves one wave only."""
    lag = parts[0].steps(period_s)
    spectrum = _smooth(pooled_lag_spectrum(parts, 3 * lag + 3), parts[0].step_s)
    reach = max(1, round(0.1 * lag))
    twice = max(_contrast(spectrum, 2 * lag + offset) for offset in range(-reach, reach + 1))
    return twice >= _LEAST_SECOND * _contrast(spectrum, lag)


def _without_drift(part: Stream) -> Stream:
    """Return the stream less its mean over :data:`DRIFT_S` around each point, rows scaled to unit length again."""
    values = part.values.astype(np.float64)
    values -= uniform_filter1d(values, min(part.steps(DRIFT_S), len(values)), axis=0, mode="reflect")
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    values = np.divide(values, lengths, out=np.zeros_like(values), where=(lengths > 1e-6) & part.present[:, None])
    return Stream(part.start_s, part.step_s, values.astype(np.float32), part.present)


def keeps_rhythm(part: Stream, period_s: float) -> bool:
    """Return whether a stretch too short to have a period of its own repeats at a known one, within a tenth."""
    lag = part.steps(period_s)
    if len(part.values) < _LEAST_PERIODS_OF_RHYTHM * lag:
        return False
    spectrum = _smooth(pooled_lag_spectrum([part], min(len(part.values), int(1.7 * lag) + 2)), part.step_s)
    reach = max(1, round(0.1 * lag))
    peaks = find_peaks(spectrum)[0]
    near = peaks[np.abs(peaks - lag) <= reach]
    if len(near) == 0:
        return False
    top = int(near[np.argmax(spectrum[near])])
    return _share_of_perfect(spectrum, top, part.step_s) >= _LEAST_RHYTHM


def pooled_lag_spectrum(parts: Sequence[Stream], limit: int) -> Float64:
    """Return the lag spectrum over several parts, pairs within a part only, shape ``(limit,)``; NaN for no pair."""
    sums, pairs = np.zeros(limit), np.zeros(limit)
    for part in parts:
        size = min(limit, len(part.values))
        sums[:size] += diagonal_sums(part.values, limit)
        pairs[:size] += np.rint(diagonal_sums(part.present[:, None].astype(np.float64), limit))
    out = np.full(limit, np.nan)
    np.divide(sums, pairs, out=out, where=pairs > 0)
    return out


def _length(part: Stream) -> int:
    return len(part.values)


def _smooth(spectrum: Float64, step_s: float) -> Float64:
    known = np.where(np.isfinite(spectrum), spectrum, 0.0)
    return np.asarray(gaussian_filter1d(known, max(0.5, 0.1 / step_s)), dtype=np.float64)


def _contrast(spectrum: Float64, lag: int) -> float:
    around = spectrum[lag - lag // 2 : lag + lag // 2 + 1]
    return float(spectrum[lag] - around.mean())


def _share_of_perfect(spectrum: Float64, lag: int, step_s: float) -> float:
    """Return the contrast at ``lag`` as a share of what a perfect repeat would give, in [0, 1]."""
    floor = float(spectrum[lag - lag // 2 : lag + lag // 2 + 1].mean())
    ceiling = float(spectrum[max(1, round(0.1 / step_s))]) if lag * step_s > 1.5 else 1.0
    return float(np.clip((spectrum[lag] - floor) / max(ceiling - floor, 1e-6), 0.0, 1.0))


def _judge(parts: Sequence[Stream], spectrum: Float64, lag: int, least_contrast: float) -> Period:
    step_s = parts[0].step_s
    contrast = _share_of_perfect(spectrum, lag, step_s)
    consistency = _consistency(parts, lag)
    confidence = contrast * float(np.clip(consistency / (2 * _LEAST_CONSISTENCY), 0.0, 1.0))
    if contrast < least_contrast:
        return Period(None, confidence, contrast, consistency, "the best lag hardly stands out of the lag spectrum")
    if consistency < _LEAST_CONSISTENCY:
        return Period(None, confidence, contrast, consistency, "the best lag does not hold from cycle to cycle")
    return Period(_refined_lag(spectrum, lag) * step_s, confidence, contrast, consistency, "")


def _consistency(parts: Sequence[Stream], lag: int) -> float:
    blocks = np.array([gain for part in parts for gain in _block_gains(part, lag)])
    if len(blocks) < 3:
        return 0.0
    error = float(np.std(blocks, ddof=1)) / np.sqrt(len(blocks))
    return float(min(blocks.mean() / max(error, 1e-6), 99.0))


def _block_gains(part: Stream, lag: int) -> list[float]:
    half = lag // 2
    anchors = len(part.values) - lag - half
    if anchors < max(2, half):
        return []
    values = part.values.astype(np.float64)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    near = (sums[lag + half : lag + half + anchors] - sums[lag - half : lag - half + anchors]) / (2 * half)
    gain = np.einsum("ij,ij->i", values[:anchors], values[lag : lag + anchors] - near)
    return [float(block.mean()) for block in np.array_split(gain, max(1, round(anchors / max(1, half))))]


def _refined_lag(spectrum: Float64, lag: int) -> float:
    best = _peak_position(spectrum, lag)
    for multiple in range(2, 1 + int((len(spectrum) - 2) / lag)):
        around = round(best * multiple)
        reach = max(1, round(best * 0.15))
        low, high = around - reach, min(around + reach + 1, len(spectrum) - 1)
        if high - low < 3:
            break
        top = low + int(np.argmax(spectrum[low:high]))
        if top in (low, high - 1):
            break
        best = _peak_position(spectrum, top) / multiple
    return best


def _peak_position(spectrum: Float64, lag: int) -> float:
    before, at, after = (float(value) for value in spectrum[lag - 1 : lag + 2])
    bend = before - 2 * at + after
    return lag if bend >= 0 else lag + float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
