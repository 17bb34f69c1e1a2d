"""Score: how hard each window is to reconstruct, where to draw the line, and what the number rests on."""

from egoclean.ui import frame, guards, score_view

frame.title("Score", "How hard each window is for the model, where to draw the line, and what the number rests on.")
library, windows = guards.require_windows("score")
frame.show_model(library, "score")
score_view.show_signal(library, windows)
