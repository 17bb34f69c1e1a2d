const SVG = "http://www.w3.org/2000/svg";
const ACROSS = 12, DOWN = 8;

function grid(svg) {
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  const add = (ends, name) => {
    const line = document.createElementNS(SVG, "line");
    Object.entries(ends).forEach(([key, value]) => line.setAttribute(key, value));
    if (name) line.setAttribute("class", name);
    svg.append(line);
  };
  for (const name of ["halo", ""]) {
    for (let i = 1; i < ACROSS; i++) add({ x1: (100 * i) / ACROSS, x2: (100 * i) / ACROSS, y1: 0, y2: 100 }, name);
    for (let i = 1; i < DOWN; i++) add({ y1: (100 * i) / DOWN, y2: (100 * i) / DOWN, x1: 0, x2: 100 }, name);
  }
}

class Wipe {
  constructor(root) {
    this.box = root.querySelector(".wipe");
    this.stage = root.querySelector(".stage");
    this.slider = root.querySelector("input");
    this.panes = ["before", "after"].map((name) => root.querySelector(`.pane.${name}`));
    for (const pane of this.panes) grid(pane.querySelector("svg"));
    const press = (button, box, name) => button.setAttribute("aria-pressed", String(box.classList.toggle(name)));
    const [beside, lines] = ["beside", "lines"].map((name) => root.querySelector(`[data-do="${name}"]`));
    const hint = root.querySelector(".hint");
    beside.onclick = () => { press(beside, this.stage, "beside"); hint.hidden = this.stage.classList.contains("beside"); };
    lines.onclick = () => press(lines, this.stage, "lined");
    this.slider.oninput = () => this.move(Number(this.slider.value));
    this.stage.onpointerdown = (event) => {
      if (this.stage.classList.contains("beside")) return;
      this.stage.setPointerCapture(event.pointerId);
      this.drag(event);
      this.slider.focus();
      event.preventDefault();
    };
    this.stage.onpointermove = (event) => { if (this.stage.hasPointerCapture(event.pointerId)) this.drag(event); };
  }

  update(data) {
    this.data = data;
    this.stage.style.setProperty("--ratio", String(data.ratio));
    data.pictures.forEach((about, index) => {
      const picture = this.panes[index].querySelector("img");
      if (picture.getAttribute("src") !== about.source) picture.src = about.source;
      picture.alt = about.label;
      this.panes[index].querySelector(".tag").textContent = about.label;
    });
    this.slider.setAttribute("aria-label", data.label);
    this.move(Number(this.slider.value));
  }

  drag(event) {
    const bounds = this.stage.getBoundingClientRect();
    this.move(Math.round(Math.max(0, Math.min(1, (event.clientX - bounds.left) / bounds.width)) * 100));
  }

  move(share) {
    this.slider.value = share;
    this.slider.setAttribute("aria-valuetext", `left ${share} % as recorded, right ${100 - share} % rectified`);
    this.stage.style.setProperty("--share", `${share}%`);
  }
}

const wipes = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  if (!wipes.has(parentElement)) wipes.set(parentElement, new Wipe(parentElement));
  wipes.get(parentElement).update(data);
  return () => wipes.delete(parentElement);
}
