"""Score: how hard each window is to reconstruct, where to draw the line, and what the number rests on."""

from egoclean.ui import disagreement_view, frame, guards, score_view

frame.title("Score", "How hard each window is for the model, where to draw the line, and what the number rests on.")
library, windows = guards.require_windows("score")
frame.show_model(library, "score")
signal = score_view.pick_signal(library, windows)
score_view.show_thresholds(library, windows, signal)
score_view.show_explanations(library, windows, signal)
score_view.show_order(library, windows, signal)
disagreement_view.show(library, windows)
