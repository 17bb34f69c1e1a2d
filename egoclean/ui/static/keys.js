function part(name, text) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  return made;
}

function isTyping(event) {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

class Keys {
  constructor(root) {
    this.sheet = root.querySelector(".sheet");
    this.parts = root.querySelector(".parts");
    root.querySelector(".open").onclick = () => this.sheet.showModal();
    this.sheet.onclick = (event) => { if (event.target === this.sheet) this.sheet.close(); };
    this.listener = (event) => this.key(event);
    document.addEventListener("keydown", this.listener);
  }

  update(data) {
    this.focus = data.focus;
    const shown = JSON.stringify(data.parts);
    if (shown === this.shown) return;
    this.shown = shown;
    this.parts.replaceChildren(...data.parts.map(({ title, lines }) => {
      const box = part("div");
      box.className = "part";
      box.append(part("h4", title), ...lines.map(([key, text]) => {
        const line = part("div");
        line.className = "line";
        line.append(part("kbd", key), part("span", text));
        return line;
      }));
      return box;
    }));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event)) {
      // A field is left by Enter, so that the next key is one of the page's again.
      if (event.key === "Enter" && event.target.getAttribute("aria-label") in this.labels()) setTimeout(() => event.target.blur(), 0);
      return;
    }
    if (event.key === "?") {
      if (this.sheet.open) this.sheet.close(); else this.sheet.showModal();
    } else if (event.key in this.focus) {
      const field = document.querySelector(`input[aria-label="${CSS.escape(this.focus[event.key])}"]`);
      if (!field) return;
      field.focus();
    } else return;
    event.preventDefault();
  }

  labels() { return Object.fromEntries(Object.entries(this.focus).map(([key, label]) => [label, key])); }
  close() { document.removeEventListener("keydown", this.listener); }
}

const sheets = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  let keys = sheets.get(parentElement);
  if (!keys) {
    keys = new Keys(parentElement);
    sheets.set(parentElement, keys);
  }
  keys.update(data);
  return () => { keys.close(); sheets.delete(parentElement); };
}
