const LABEL_PX = 86, LANE_PX = 16, CURVE_PX = 54, GAP_PX = 3, AXIS_PX = 18, TICK_PX = 26;
const SVG = "http://www.w3.org/2000/svg";
const KEYS = [
  ["space", "play or pause"], [", .", "one frame back, on"], ["← →", "one second back, on"],
  ["0 … 9", "to a tenth of the clip"], ["< >", "slower, faster"], ["L", "repeat the marked span"],
  ["[ ]", "mark the span's start, end"], ["M", "keep, reject or review the marked span"], ["?", "these keys"],
];

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function clockText(seconds) {
  const hundredths = Math.max(0, Math.round(seconds * 100));
  return `${Math.floor(hundredths / 6000)}:${((hundredths % 6000) / 100).toFixed(2).padStart(5, "0")}`;
}

class Player {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector(".player");
    this.stage = root.querySelector(".stage");
    this.strip = root.querySelector(".strip");
    this.clock = root.querySelector(".clock");
    this.videos = [];
    this.span = null;
    this.looping = false;
    this.identity = "";
    this.request = -1;
    this.wanted = null;
    this.listen();
  }

  listen() {
    const keys = this.root.querySelector(".keys");
    for (const [key, text] of KEYS) {
      const line = document.createElement("div"), name = document.createElement("b");
      name.textContent = key;
      line.append(name, text);
      keys.append(line);
    }
    const actions = {
      play: () => this.toggle(), back: () => this.step(-1), forward: () => this.step(1),
      loop: () => this.setLooping(!this.looping), mark: () => this.report(), keys: () => { keys.hidden = !keys.hidden; },
    };
    for (const button of this.root.querySelectorAll("button")) button.onclick = () => actions[button.dataset.do]();
    this.root.querySelector("select").onchange = (event) => this.setSpeed(Number(event.target.value));
    this.box.onkeydown = (event) => this.key(event, actions);
    this.strip.onpointerdown = (event) => { this.strip.setPointerCapture(event.pointerId); this.drag(event, true); };
    this.strip.onpointermove = (event) => { if (event.buttons) this.drag(event, false); };
    this.observer = new ResizeObserver(() => this.drawStrip());
    this.observer.observe(this.strip);
    // What nobody sees is neither fetched nor played.
    this.inView = false;
    this.sight = new IntersectionObserver((entries) => this.setInView(entries[entries.length - 1].isIntersecting));
    this.sight.observe(this.box);
  }

  update(data, send) {
    this.data = data;
    this.send = send;
    this.root.querySelector('[data-do="mark"]').hidden = !data.reports;
    const identity = JSON.stringify([data.videos, data.lanes, data.curves]);
    if (identity !== this.identity) {
      const same = JSON.stringify(this.videos.map((video) => video.dataset.source));
      this.identity = identity;
      if (same !== JSON.stringify(data.videos.map((video) => video.source))) this.load();
      this.drawStrip();
    }
    if (data.request !== this.request) {
      this.request = data.request;
      this.span = data.span;
      this.setLooping(Boolean(data.loop && data.span));
      this.seek(data.time_s);
      if (data.loop && data.span) this.playWhenSeen();
    }
  }

  playWhenSeen() {
    this.waiting = !this.inView;
    if (this.inView) this.play();
  }

  setInView(inView) {
    this.inView = inView;
    if (!inView) {
      this.waiting = this.waiting || Boolean(this.main && !this.main.paused);
      this.pause();
      return;
    }
    for (const video of this.videos) if (video.preload !== "auto") video.preload = "auto";
    if (this.waiting) this.play();
    this.waiting = false;
  }

  load() {
    this.stage.replaceChildren();
    this.videos = this.data.videos.map((about) => {
      const figure = document.createElement("figure"), video = document.createElement("video");
      video.src = about.source;
      video.dataset.source = about.source;
      video.muted = true;
      video.playsInline = true;
      video.preload = this.inView ? "auto" : "none";
      if (about.poster) video.poster = about.poster;
      video.onclick = () => this.toggle();
      video.onerror = () => {
        const fault = document.createElement("div");
        fault.className = "fault";
        fault.textContent = "This video cannot be played here. It may have been removed from the cache: run again.";
        video.replaceWith(fault);
      };
      figure.append(video);
      if (about.caption) {
        const caption = document.createElement("figcaption");
        caption.textContent = about.caption;
        figure.append(caption);
      }
      this.stage.append(figure);
      return video;
    });
    const first = this.videos[0];
    if (!first) return;
    first.onplay = first.onpause = () => this.showPlaying();
    first.onseeked = () => this.show();
    first.onloadeddata = () => { if (this.wanted !== null) this.seek(this.wanted); this.show(); };
    const tick = () => {
      if (!this.root.isConnected && !this.box.isConnected) return;
      this.keepInside();
      this.show();
      if (first.requestVideoFrameCallback) first.requestVideoFrameCallback(tick);
      else setTimeout(tick, 40);
    };
    tick();
  }

  offset(index) { return this.data.videos[index].offset_s || 0; }
  get main() { return this.videos[0]; }
  get duration() { return this.data.duration_s || (this.main && this.main.duration) || 1; }
  get rate() { return this.data.frame_rate || this.data.frame_count / this.duration; }
  get time() { return this.main ? this.main.currentTime - this.offset(0) : 0; }

  frameOf(seconds) {
    const times = this.data.frame_times_s;
    if (!times) return Math.max(0, Math.min(this.data.frame_count - 1, Math.floor(seconds * this.rate + 1e-3)));
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= seconds + 1e-4) low = middle; else high = middle - 1;
    }
    return low;
  }

  timeOfFrame(index) {
    const frame = Math.max(0, Math.min(this.data.frame_count - 1, index));
    const times = this.data.frame_times_s;
    if (!times) return (frame + 0.5) / this.rate;
    const next = frame + 1 < times.length ? times[frame + 1] : times[frame] + 0.02;
    return (times[frame] + next) / 2;
  }

  seek(seconds) {
    if (!this.main || seconds === null || seconds === undefined) return;
    this.wanted = this.main.readyState > 0 ? null : seconds;
    this.videos.forEach((video, index) => { video.currentTime = Math.max(0, seconds + this.offset(index)); });
    this.show(seconds);
  }

  step(count) { this.pause(); this.seek(this.timeOfFrame(this.frameOf(this.time) + count)); }
  play() { this.videos.forEach((video) => video.play().catch(() => this.showPlaying())); }
  pause() { this.videos.forEach((video) => video.pause()); }
  toggle() { if (this.main && this.main.paused) this.play(); else this.pause(); }
  setSpeed(rate) {
    this.videos.forEach((video) => { video.playbackRate = rate; });
    this.root.querySelector("select").value = String(rate);
  }

  changeSpeed(direction) {
    const select = this.root.querySelector("select");
    const index = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + direction));
    this.setSpeed(Number(select.options[index].value));
  }

  setLooping(on) {
    this.looping = on;
    this.root.querySelector('[data-do="loop"]').setAttribute("aria-pressed", String(on));
    if (on && !this.span) this.span = [0, this.duration];
    this.drawHead();
  }

  keepInside() {
    if (!this.looping || !this.span || !this.main) return;
    if (this.time >= this.span[1] || this.time < this.span[0] - 0.5) this.seek(this.span[0]);
    this.videos.slice(1).forEach((video, index) => {
      const target = this.time + this.offset(index + 1);
      if (Math.abs(video.currentTime - target) > 0.12) video.currentTime = target;
    });
  }

  key(event, actions) {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const table = {
      " ": actions.play, ",": actions.back, ".": actions.forward, "<": () => this.changeSpeed(-1),
      ">": () => this.changeSpeed(1), ArrowLeft: () => this.seek(Math.max(0, this.time - 1)),
      ArrowRight: () => this.seek(Math.min(this.duration, this.time + 1)), l: actions.loop, m: actions.mark,
      "?": actions.keys,
      "[": () => { this.span = [this.time, Math.max(this.time, (this.span || [0, this.duration])[1])]; this.drawHead(); },
      "]": () => { this.span = [Math.min(this.time, (this.span || [0, 0])[0]), this.time]; this.drawHead(); },
    };
    const digit = /^[0-9]$/.test(event.key);
    const action = digit ? () => this.seek((this.duration * Number(event.key)) / 10) : table[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  report() { if (this.data.reports) this.send("moment", { time_s: this.time, frame: this.frameOf(this.time), span: this.span }); }

  show(seconds) {
    const now = seconds === undefined ? this.time : seconds;
    const frame = this.frameOf(now) + 1;
    this.clock.textContent = `${clockText(now)} of ${clockText(this.duration)} · frame ${frame} of ${this.data.frame_count}`;
    this.box.dataset.frame = String(frame - 1);
    this.box.dataset.time = now.toFixed(3);
    this.drawHead(now);
  }

  showPlaying() { this.root.querySelector('[data-do="play"]').textContent = this.main.paused ? "Play" : "Pause"; }

  drawStrip() {
    const lanes = this.data ? this.data.lanes : [], width = this.strip.clientWidth;
    if (!width) return;
    const curves = this.data ? this.data.curves : [];
    const lanesTop = curves.length * (CURVE_PX + GAP_PX);
    const height = lanesTop + Math.max(curves.length ? 0 : 1, lanes.length) * (LANE_PX + GAP_PX) + AXIS_PX;
    const svg = element("svg", { height, viewBox: `0 0 ${width} ${height}`, role: "img" });
    const scale = (width - LABEL_PX) / this.duration;
    curves.forEach((curve, row) => this.drawCurve(svg, curve, row * (CURVE_PX + GAP_PX), width, scale));
    (lanes.length || curves.length ? lanes : [{ name: "", spans: [] }]).forEach((lane, row) => {
      const y = lanesTop + row * (LANE_PX + GAP_PX);
      svg.append(element("text", { x: 0, y: y + 12 }, lane.name));
      svg.append(element("rect", { class: "lane", x: LABEL_PX, y, width: width - LABEL_PX, height: LANE_PX, rx: 2 }));
      for (const [start, stop, label, colour] of lane.spans) {
        const bar = element("rect", {
          x: LABEL_PX + start * scale, y, width: Math.max(2, (stop - start) * scale - 1), height: LANE_PX, fill: colour, rx: 1.5,
        });
        bar.append(element("title", {}, `${label}: ${clockText(start)} to ${clockText(stop)}`));
        bar.dataset.start = start;
        bar.dataset.stop = stop;
        svg.append(bar);
        if ((stop - start) * scale > 7 * label.length) {
          svg.append(element("text", { class: "label", x: LABEL_PX + start * scale + 4, y: y + 12 }, label));
        }
      }
    });
    const step = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600].find((item) => item * scale > 56) || 7200;
    for (let tick = 0; tick <= this.duration; tick += step) {
      if (LABEL_PX + tick * scale + TICK_PX > width) break;
      svg.append(element("text", { x: LABEL_PX + tick * scale, y: height - 4 }, clockText(tick).replace(/\.00$/, "")));
    }
    this.head = element("line", { class: "head", y1: 0, y2: height - AXIS_PX });
    this.marked = element("rect", { class: "marked", y: 0, height: height - AXIS_PX });
    svg.append(this.marked, this.head);
    this.strip.replaceChildren(svg);
    this.drawHead();
  }

  drawCurve(svg, curve, y, width, scale) {
    svg.append(element("text", { x: 0, y: y + 12 }, curve.name));
    svg.append(element("text", { class: "small", x: 0, y: y + 27 }, `${curve.least} to ${curve.most}`));
    svg.append(element("rect", { class: "lane", x: LABEL_PX, y, width: width - LABEL_PX, height: CURVE_PX, rx: 2 }));
    const points = curve.points.map(([time, level]) => `${LABEL_PX + time * scale},${y + 3 + (1 - level) * (CURVE_PX - 6)}`);
    svg.append(element("polyline", { points: points.join(" "), class: "curve" }));
  }

  drawHead(seconds) {
    if (!this.head) return;
    const scale = (this.strip.clientWidth - LABEL_PX) / this.duration;
    const x = LABEL_PX + (seconds === undefined ? this.time : seconds) * scale;
    this.head.setAttribute("x1", x);
    this.head.setAttribute("x2", x);
    const span = this.span || [0, 0];
    this.marked.setAttribute("x", LABEL_PX + span[0] * scale);
    this.marked.setAttribute("width", Math.max(0, (span[1] - span[0]) * scale));
  }

  drag(event, first) {
    const bounds = this.strip.getBoundingClientRect();
    const share = (event.clientX - bounds.left - LABEL_PX) / (bounds.width - LABEL_PX);
    const seconds = Math.max(0, Math.min(1, share)) * this.duration;
    const start = first ? Number(event.target.dataset.start) : NaN;
    if (first) {
      this.dragged = seconds;
      this.span = Number.isFinite(start) ? [start, Number(event.target.dataset.stop)] : null;
      this.box.focus();
      this.seek(seconds);
    } else if (Math.abs(seconds - this.dragged) > 0.1) {
      this.span = [Math.min(seconds, this.dragged), Math.max(seconds, this.dragged)];
      this.drawHead();
    }
  }

  close() { this.observer.disconnect(); this.sight.disconnect(); this.pause(); }
}

const players = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  let player = players.get(parentElement);
  if (!player) {
    player = new Player(parentElement);
    players.set(parentElement, player);
  }
  player.update(data, setTriggerValue);
  return () => { player.close(); players.delete(parentElement); };
}
