"""The dashboard's parts: guards, cached loaders, widgets, the player. The only place in the package with streamlit."""
