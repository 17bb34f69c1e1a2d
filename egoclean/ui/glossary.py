"""What each word and each number means: one text a term, for the tooltips of the pages and the README's glossary."""

from __future__ import annotations

from typing import Final

TERMS: Final[dict[str, str]] = {
    "clip": "One source video, or one camera of one scene of a frame manifest.",
    "window": "A short stretch of a clip, 64 consecutive frames (about 2 s) by default, starting every second. "
    "Scores, embeddings and choices are made window by window. Neighbouring windows overlap.",
    "footage": "Time on the clock of the recordings: where windows overlap, a second counts once.",
    "fingerprint": "SHA-256 of the clip's bytes: two clips with the same one are the same recording.",
    "status": "done: the result is there. waiting: not its turn yet. rejected: the clip cannot be used, for a reason "
    "that stays. failed: it went wrong this time and can be tried again.",
    "rectified": "The fisheye picture was redrawn as an ordinary camera would see it, so that straight edges are "
    "straight. Needs the camera's calibration (intrinsics).",
    "intrinsics": "The camera's calibration: focal length, centre and lens distortion, in pixels.",
    "view": "What the models see and what plays here: rectified, at most 480 lines, every frame of the source at its "
    "own time.",
    "field of view": "Angle across the picture, degrees. A wider angle keeps more of the scene and stretches the edges "
    "more.",
    "score": "Reconstruction error: the model fills in hidden parts of the window; the mean squared error is in its "
    "normalised pixels. Higher = harder to reconstruct.",
    "standard error": "How much the score would change with other hidden parts; small means the score can be relied "
    "on.",
    "skill": "1 minus the error over that of a flat guess: 1 = perfect, 0 = no better than guessing the mean.",
    "surprise": "How far the moment after the middle of the window is from what the model foresaw from the first half, "
    "in relation to how much changes. Higher = less foreseen.",
    "motion": "Mean change of brightness from frame to frame, from 0 to 1. A plain explanation a score must beat.",
    "blur": "How little fine detail the picture has; higher = blurrier.",
    "turn": "How fast the camera turns: how far the whole picture moves, in widths of the picture a second.",
    "brightness": "Mean brightness of the picture, 0 = black, 1 = white.",
    "texture": "How much fine pattern the picture has; higher = busier.",
    "embedding": "A list of numbers that stands for what happens in a window: alike windows lie close together.",
    "change": "Cosine distance between a window's embedding and the next one's: 0 = the same, higher = more changed.",
    "anomaly": "How untypical the window is of its own clip: higher = rarer here.",
    "rare here": "1 minus the mean likeness with all windows of the clip: higher = rarer in it.",
    "rare everywhere": "1 minus the mean likeness with the windows of the same worker's other clips: what is rare here "
    "but not there is ordinary work that this clip shows once.",
    "similarity": "Cosine similarity of two moments of the clip: bright = alike. Stripes beside the diagonal are "
    "repetition, blocks are steady work.",
    "period": "Time from one repetition of the work cycle to the next, seconds. 'None' means that nothing repeats "
    "regularly, which is an answer too.",
    "cycle": "One repetition of the work: its start and end.",
    "segment": "A stretch in which the same thing goes on.",
    "near-duplicate": "A window almost the same as one already chosen: it would teach a model nothing new.",
    "budget": "How much to choose: a number of windows (100), a share of them (10%) or an amount of footage (30min).",
    "strategy": "How windows are chosen. knn: together they stand for everything, by the neighbours they cover. "
    "kcenter: as far apart as possible. facility: covers all pairs. cluster: a quota a group of look-alikes. score: "
    "highest first. uniform: evenly in time. random: the baseline to beat.",
    "gain": "What choosing this window added to the coverage of all windows when it was chosen; it falls with rank.",
    "rank": "Order of the choice: a smaller budget takes the first ones of the same list.",
    "coverage": "Share of all windows that have a chosen window close to them.",
    "redundancy": "Mean likeness of a chosen window with the chosen one nearest to it: lower = less said twice.",
    "probe": "A small classifier that learns from the windows a person kept and rejected, and says of every other "
    "window how likely it would be kept.",
    "calibrated": "Compared within its own camera, worker or scene, so that a shaky or dark camera does not win by "
    "being shaky or dark.",
    "manifest": "The list of chosen stretches: which file, which seconds, with which scores and why.",
    "pts": "Presentation time: the time stored with a frame. Cuts are written in it, so they are exact to the frame.",
    "run": "One pass of the pipeline over the project. Finished work is kept: an interrupted run goes on where it was.",
    "not needed": "Results in the cache that no project's catalog refers to, mostly of settings that were changed "
    "since; removing them frees room, and going back to those settings makes them again.",
    "decision": "What a person said of a window: keep or reject, with tags and a note. Kept in an append-only file.",
}
"""Term to meaning, in the order a newcomer meets them."""


def meaning(term: str) -> str:
    """Return the meaning of ``term``; raises ``KeyError`` for a word without one, so that no tooltip stays empty."""
    return TERMS[term]
