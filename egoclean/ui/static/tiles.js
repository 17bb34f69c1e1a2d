function part(name, text) {
  const item = document.createElement("div");
  item.className = name;
  if (text) item.textContent = text;
  return item;
}

class Tiles {
  constructor(root) {
    this.box = root.querySelector(".tiles");
    this.selected = new Set();
    this.anchor = 0;
    this.box.addEventListener("keydown", (event) => this.key(event));
  }

  update(data, setSelected, open) {
    this.setSelected = setSelected;
    this.open = open;
    const shown = JSON.stringify(data.tiles);
    if (shown !== this.shown) {
      this.shown = shown;
      this.tiles = data.tiles;
      this.anchor = 0;
      // later answers of the server may be older than the last click: what is selected is known here
      this.selected = new Set(data.selected);
      this.box.replaceChildren(...data.tiles.map((about, index) => this.tile(about, index)));
      this.mark();
    }
  }

  tile(about, index) {
    const tile = part("tile");
    tile.setAttribute("role", "option");
    tile.dataset.id = about.id;
    tile.title = about.title;
    tile.tabIndex = index === 0 ? 0 : -1;
    const picture = part("picture", about.poster ? "" : about.missing);
    if (about.poster) {
      const image = document.createElement("img");
      image.src = about.poster;
      image.loading = "lazy";
      image.alt = "";
      picture.append(image);
    }
    if (about.sheet) this.scrub(picture, about);
    tile.append(picture, part("name", about.name), part("facts", about.facts));
    tile.onclick = (event) => this.click(index, event);
    tile.ondblclick = () => this.open(about.id);
    return tile;
  }

  scrub(picture, about) {
    const sheet = part("sheet"), line = part("line"), done = document.createElement("i");
    line.append(done);
    picture.append(sheet, line);
    picture.onpointermove = (event) => {
      // the sheet is fetched when a pointer first asks for it
      if (!sheet.style.backgroundImage) sheet.style.backgroundImage = `url("${about.sheet}")`;
      const bounds = picture.getBoundingClientRect();
      const share = Math.max(0, Math.min(0.999, (event.clientX - bounds.left) / bounds.width));
      const frame = Math.floor(share * about.pictures);
      sheet.style.backgroundSize = `${100 * about.pictures}% 100%`;
      sheet.style.backgroundPosition = `${about.pictures > 1 ? (100 * frame) / (about.pictures - 1) : 0}% 0`;
      done.style.width = `${100 * share}%`;
      picture.dataset.frame = String(frame);
      picture.classList.add("scrubbing");
    };
    picture.onpointerleave = () => picture.classList.remove("scrubbing");
  }

  click(index, event) {
    const id = this.tiles[index].id;
    if (event.shiftKey) this.range(index);
    else if (event.ctrlKey || event.metaKey) this.toggle(id);
    else this.selected = new Set([id]);
    if (!event.shiftKey) this.anchor = index;
    this.focus(index);
    this.report();
  }

  range(index) {
    const [first, last] = [this.anchor, index].sort((a, b) => a - b);
    this.selected = new Set(this.tiles.slice(first, last + 1).map((about) => about.id));
  }

  toggle(id) {
    if (!this.selected.delete(id)) this.selected.add(id);
  }

  key(event) {
    const places = [...this.box.children];
    const index = places.findIndex((place) => place === event.target);
    if (index < 0) return;
    const across = places.filter((place) => place.offsetTop === places[0].offsetTop).length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across, Home: -index, End: places.length - 1 - index };
    if (event.key in steps) {
      const next = Math.max(0, Math.min(places.length - 1, index + steps[event.key]));
      this.focus(next);
      if (event.shiftKey) { this.range(next); this.report(); } else this.anchor = next;
    } else if (event.key === " ") { this.toggle(this.tiles[index].id); this.report(); }
    else if (event.key === "Enter") this.open(this.tiles[index].id);
    else if (event.key === "a" && !event.altKey) { this.selected = new Set(this.tiles.map((about) => about.id)); this.report(); }
    else if (event.key === "Escape") { this.selected = new Set(); this.report(); }
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  focus(index) {
    [...this.box.children].forEach((place, number) => { place.tabIndex = number === index ? 0 : -1; });
    this.box.children[index].focus();
  }

  report() {
    this.mark();
    this.setSelected(this.tiles.map((about) => about.id).filter((id) => this.selected.has(id)));
  }

  mark() {
    for (const tile of this.box.children) tile.setAttribute("aria-selected", String(this.selected.has(tile.dataset.id)));
  }
}

const grids = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  if (!grids.has(parentElement)) grids.set(parentElement, new Tiles(parentElement));
  grids.get(parentElement).update(data, (ids) => setStateValue("selected", ids), (id) => setTriggerValue("opened", id));
  return () => grids.delete(parentElement);
}
