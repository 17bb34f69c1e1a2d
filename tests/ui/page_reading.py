"""What a page run without a browser says, and its widgets by label."""


def texts(app):
    """Everything a page says in words."""
    found = [*app.title, *app.subheader, *app.caption, *app.markdown, *app.info, *app.success, *app.warning, *app.error]
    return "\n".join(item.value for item in [*found, *app.text, *app.metric])


def metric(app, label):
    return next(item.value for item in app.metric if item.label == label)


def widget(items, label):
    return next(item for item in items if item.label == label)
