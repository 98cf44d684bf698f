/* <pool-playground x="1 2; 3 4" window="2" stride="1 2" padding="0" ceil="ceil"
   mode="max | avg | avg-image" ties="first" open="columns backward">
   Without `open` there are no panels for columns and backward.
   `pool` computes, with the rules and words of the package. */
(() => {
if (customElements.get("pool-playground")) return;

const grid = (rows, columns, make) =>
  Array.from({ length: rows }, (_, i) =>
    Array.from({ length: columns }, (_, j) => make(i, j)));

function whole(v, name, least) {
  const rule = Number.isInteger(v) ? `at least ${least}` : "a whole number";
  if (v >= least && Number.isInteger(v)) return v;
  const got = typeof v === "string" ? `'${v}'` : v;
  throw Error(`${name} must be ${rule}, got ${got}`);
}

function outputSize(axis, size, window, stride, pad, ceil) {
  const sides = `(${pad}, ${pad})`;
  const fail = (why) => { throw Error(`axis ${axis}: ${why}`); };
  if (pad >= window) {
    fail("padding must be smaller than the window on each side, got " +
      `${sides} for a window that spans ${window}`);
  }
  const round = ceil ? Math.ceil : Math.floor;
  let out = round((size + 2 * pad - window) / stride) + 1;
  if (ceil && (out - 1) * stride >= size + pad) out -= 1;
  if (out < 1) {
    fail("window must fit in the padded input, got a window that spans " +
      `${window} for size ${size} with padding ${sides}`);
  }
  return out;
}

// Reads a plane, and the padding around it.
const reader = (plane, fill, edit) => (r, c) => {
  const v = plane[r]?.[c], real = v !== undefined;
  return { r, c, real, v: real ? v : fill, edit: real && edit && [r, c] };
};

// One plane. The cells of a window stand in the order of im2col.
function pool({ x, window, stride, padding, mode, ceil, ties, dout }) {
  const H = x.length, W = x[0].length, max = mode === "max";
  const [PH, PW] = window.map((v) => whole(v, "window", 1));
  const [SH, SW] = stride.map((v) => whole(v, "stride", 1));
  const [top, left] = padding.map((v) => whole(v, "padding", 0));
  const OH = outputSize("H", H, PH, SH, top, ceil);
  const OW = outputSize("W", W, PW, SW, left, ceil);
  const at = reader(x, max ? -Infinity : 0);
  const windows = grid(OH, OW, (i, j) => {
    const cells = grid(PH, PW, (a, b) =>
      at(i * SH + a - top, j * SW + b - left)).flat();
    let takers = cells.filter((cell) => cell.real);
    if (!max) {
      const n = mode === "avg-image" ? takers.length
        : cells.filter(({ r, c }) => r < H + top && c < W + left).length;
      const y = takers.reduce((sum, { v }) => sum + v, 0) / n;
      return { i, j, cells, y, takers, n, share: 1 / n };
    }
    const y = Math.max(...takers.map(({ v }) => v)); // a NaN wins over all
    const tied = takers.filter(({ v }) => v === y || Object.is(v, y));
    takers = { first: [tied[0]], last: tied.slice(-1) }[ties] ?? tied;
    const share = ties === "split" ? 1 / tied.length : 1;
    return { i, j, cells, y, tied, winner: tied[0], takers, share };
  }).flat();

  const up = grid(H, W, () => 0);
  const sent = grid(H, W, () => []); // the parts of each sum in dx
  windows.forEach(({ i, j, y, winner, takers, share }) => {
    if (winner) up[winner.r][winner.c] = y; // the last one stays
    takers.forEach(({ r, c }) => {
      if (!max) up[r][c] += y * share;
      else if (ties === "overwrite") sent[r][c].length = 0;
      sent[r][c].push(dout?.[i][j] * share);
    });
  });
  const dx = grid(H, W, (r, c) => sent[r][c].reduce((a, b) => a + b, 0));
  return { H, W, OH, OW, windows, dx, sent, up };
}

// The colours are those of the book's figures.
const STYLE = `:host { display: block; margin: 1rem 0; padding: .8rem;
  --text: var(--pst-color-text-base, var(--jp-content-font-color1, #000));
  --ground: var(--pst-color-background, var(--jp-layout-color1, #fff));
  border: 1px solid var(--text); color: var(--text);
  background: var(--ground); font-size: .9rem }
* { box-sizing: border-box }
.wrap { display: flex; flex-wrap: wrap; gap: .5rem 1.1rem;
  margin: .5rem 0 }
.wrap > div { max-width: 100% }
fieldset { border: 0; margin: 0; padding: 0 }
label, legend, div > p { padding: 0; margin: 0; font-size: .8rem }
input, select, button { font: inherit; padding: .15rem .3rem;
  color: var(--text); background: var(--ground);
  border: 1px solid var(--text); height: 2rem }
select { display: block; max-width: 100% }
fieldset input { width: 3.2rem }
div > p + div { overflow-x: auto; padding: 4px }
table { border-spacing: 4px }
td { width: 2.6rem; min-width: 2.6rem; height: 2rem; padding: 0;
  text-align: center; color: #16202c; background: #dbe4ee;
  border-radius: 3px }
td input { width: 100%; height: 100%; border: 0; padding: 0; color: inherit;
  background: none; text-align: center }
td.pad { color: var(--text); background: none; border: 1px dashed }
td.tied { background: #8fd0b4 }
td.winner { background: #f6bd4b; font-weight: bold }
td.window { box-shadow: 0 0 0 3px #d1560f }
[role=grid] td { cursor: pointer }
#error:empty { display: none }
#error { color: #16202c; background: #eaa5b8; padding: .5rem }
#status { min-height: 4.2em }
summary { font-weight: 600; padding: .3rem 0 }`;

const PAIRS = ["input", "window", "stride", "padding"];
const CHOICES = ["mode", "ceil", "ties"];
const both = (make) => ["rows", "columns"].map(make);
const pair = (name) => `<fieldset><legend>${name}</legend>` +
  both((way, k) => `<input type="number" id="${name}${k}"
    min="${Number(name !== "padding")}" aria-label="${name}, ${way}">`)
    .join(" × ") + "</fieldset>";
const choice = (id, name, options) => `<label>${name} <select id="${id}">` +
  Object.entries(options).map(([value, text]) =>
    `<option value="${value}">${text}</option>`).join("") +
  "</select></label>";
// Fixed text: nothing that anybody types passes through innerHTML.
const SKELETON = `<div class="wrap" role="group" aria-label="Settings">
  ${choice("mode", "take the", { max: "maximum",
    avg: "average, padding counts", "avg-image": "average of the image" })}
  ${PAIRS.map(pair).join("")}
  ${choice("ceil", "round", { "": "down (floor)", ceil: "up (ceil)" })}</div>
<p id="error" role="alert"></p>
<div class="wrap"><div id="x"></div><div><div id="y"></div>
  <button id="back">Back</button> <button id="next">Next</button></div></div>
<p id="status" role="status"></p>
<details id="columns"><summary>Columns and memory</summary>
  <div id="cols"></div><div id="memory"></div></details>
<details id="backward"><summary>Backward and unpooling</summary>
  ${choice("ties", "a tie goes to", { first: "the first",
    last: "the last", split: "all, in equal shares", all: "all, in full",
    overwrite: "all, = in place of +=" })}
  <div class="wrap"><div id="dout"></div><div id="dx"></div>
    <div id="up"></div></div></details>`;

const show = (v) => String(Number(v.toPrecision(4)))
  .replace("-", "−").replace("Infinity", "∞");

// What was typed, as a number if it is one, else as it is.
function typed(text) {
  const t = text.trim().replace("−", "-").replace("∞", "Infinity");
  if (t === "NaN") return NaN;
  return t === "" || isNaN(t) ? text : Number(t);
}

customElements.define("pool-playground", class extends HTMLElement {
  static pool = pool;

  connectedCallback() {
    if (this.shadowRoot) return;
    // Typing here is no command of JupyterLab.
    this.setAttribute("data-lm-suppress-shortcuts", "true");
    const root = this.attachShadow({ mode: "open" });
    root.innerHTML = `<style>${STYLE}</style>${SKELETON}`;
    this.$ = (id) => root.getElementById(id);
    const given = (name, or) => this.getAttribute(name) ?? or;
    const x = given("x", "2 8 3; 8 1 5; 4 5 5").split(";").map((row) =>
      row.trim().split(/\s+/).map(typed));
    this.s = { x, dout: [] };
    this.k = 0;
    const window = given("window", "2");
    const start = { input: `${x.length} ${x[0].length}`,
      window, stride: window, padding: "0" };
    for (const name of PAIRS) {
      const parts = given(name, start[name]).split(" ");
      both((_, k) => { this.$(name + k).value = parts[k] ?? parts[0]; });
    }
    for (const id of CHOICES) this.$(id).value = given(id, this.$(id).value);
    for (const id of ["columns", "backward"]) {
      this.$(id).hidden = !this.hasAttribute("open");
      this.$(id).open = given("open", "").includes(id);
      this.$(id).ontoggle = () => this.draw();
    }
    root.addEventListener("input", () => this.update());
    for (const kind of ["pointermove", "focusin", "click"]) {
      root.addEventListener(kind, ({ target, movementX, movementY }) => {
        const k = target.closest("td")?.dataset.k;
        // Where the page moves and the pointer rests, nobody has pointed.
        const rests = kind === "pointermove" && !movementX && !movementY;
        if (k && !rests) this.choose(Number(k));
      });
    }
    this.$("y").onkeydown = (event) => this.move(event);
    this.$("next").onclick = () => this.choose(this.k + 1);
    this.$("back").onclick = () => this.choose(this.k - 1);
    this.update();
  }

  // Read, compute and draw, or say why not.
  update() {
    try {
      for (const input of this.shadowRoot.querySelectorAll("td input")) {
        const { name, r, c } = input.dataset, v = typed(input.value);
        if (v === input.value) {
          throw Error(`${name}[${r}, ${c}] must be a number, got '${v}'`);
        }
        const row = this.s[name][r];
        if (input.value !== show(row[c])) row[c] = v;
      }
      const s = Object.fromEntries(PAIRS.map((name) =>
        [name, both((_, k) => typed(this.$(name + k).value))]));
      s.input.forEach((v) => whole(v, "input", 1));
      const sides = s.input.map((side, k) => side + 2 * s.padding[k]);
      if (Math.max(...sides, ...s.window) > 14) {
        throw Error("more than 14 cells in a line are not drawn");
      }
      for (const id of CHOICES) s[id] = this.$(id).value;
      const { x, dout } = this.s;
      s.x = grid(...s.input, (i, j) => x[i]?.[j] ?? (i + 7 * j) % 10);
      const { OH, OW } = pool(s);
      s.dout = grid(OH, OW, (i, j) => dout[i]?.[j] ?? i * OW + j + 1);
      Object.assign(this, { s, result: pool(s) });
      this.k = Math.min(this.k, OH * OW - 1);
      this.draw();
      this.say("error", "");
    } catch ({ message }) {
      this.say("error", message);
    }
  }

  draw() {
    const { x, dout, mode, ties, padding: [top, left] } = this.s;
    const { H, W, OH, OW, windows, dx, up } = this.result;
    const max = mode === "max", last = "the last one stays";
    const n = windows.length, span = windows[0].cells.length;
    const at = reader(x, max ? -Infinity : 0, true);
    const outer = (values, edit) => (i, j) => ({ k: i * OW + j, real: true,
      v: values[i][j], edit: edit && [i, j] });
    this.table("x", `x, ${H} × ${W}`, H + 2 * top, W + 2 * left,
      (i, j) => at(i - top, j - left));
    this.table("y", `y, ${OH} × ${OW}: point, touch or press arrow keys`,
      OH, OW, outer(grid(OH, OW, (i, j) => windows[i * OW + j].y)));
    this.table("cols", `im2col, ${span} × ${n}: a column for each window`,
      span, n, (a, k) => ({ ...windows[k].cells[a], k }));
    this.table("memory", "x in memory, row after row", 1, H * W,
      (_, m) => reader(x)(Math.floor(m / W), m % W));
    this.table("dout", "dout, the gradient of y", OH, OW, outer(dout, true));
    this.table("dx", `dx: ${max && ties === "overwrite" ? last
      : "gradients add"}`, H, W, reader(dx));
    this.table("up", `y unpooled: ${max ? last : "shares add"}`, H, W,
      reader(up));
    this.$("ties").parentNode.hidden = !max;
    this.say("status", this.sentence(windows[this.k]));
  }

  say(id, text) { // what is written again is read out again
    if (this.$(id).textContent !== text) this.$(id).textContent = text;
  }

  // Fill a table; make it anew only if its plan changed: focus stays.
  table(id, title, rows, columns, cellAt) {
    const place = this.$(id), all = grid(rows, columns, cellAt);
    const field = ([r, c]) => `<input aria-label="${id}[${r}, ${c}]"
      data-name="${id}" data-r="${r}" data-c="${c}">`;
    const plan = all.map((row) => "<tr>" + row.map(({ edit }) =>
      `<td>${edit ? field(edit) : ""}</td>`).join("") + "</tr>").join("");
    if (place.plan !== plan) {
      place.plan = plan;
      place.innerHTML = "<p></p>" + (id === "y" ? '<div><table role="grid">'
        : '<div role="group" tabindex="0"><table>') + plan;
    }
    const [head, box] = place.children, flat = all.flat();
    head.textContent = title;
    (id === "y" ? box.firstChild : box).ariaLabel = title;
    const { cells, tied = [], takers } = this.result.windows[this.k];
    const top = id === "dx" ? takers : tied.slice(0, 1);
    const has = (list, { r, c }) => list.some((l) => l.r === r && l.c === c);
    place.querySelectorAll("td").forEach((td, n) => {
      const cell = flat[n], { k, v, real } = cell;
      const on = k === undefined ? has(cells, cell) : k === this.k;
      const best = on && tied.length && has(top, cell);
      td.className = `${real ? "" : "pad"} ${on ? "window" : ""} ` +
        (best ? "winner" : on && has(tied, cell) ? "tied" : "");
      if (k !== undefined) td.dataset.k = k;
      if (on && !box.matches(":hover, :focus-within")) {
        box.scrollLeft = td.offsetLeft - box.clientWidth / 2;
      }
      if (id === "y") {
        td.tabIndex = on ? 0 : -1;
        td.ariaSelected = on;
      }
      const input = td.querySelector("input");
      if (!input) td.textContent = show(v);
      else if (this.shadowRoot.activeElement !== input) input.value = show(v);
    });
  }

  sentence({ i, j, cells, y, tied, winner, takers, n, share }) {
    const { W, sent, dx } = this.result, last = cells[cells.length - 1];
    const name = ({ r, c }) => `x[${r}, ${c}]`;
    let text = `y[${i}, ${j}] = ${show(y)} from rows ${show(cells[0].r)} to ` +
      `${show(last.r)}, columns ${show(cells[0].c)} to ${show(last.c)}`;
    if (winner) {
      const { r, c } = winner;
      text += `. The maximum is ${name(winner)}` + (!this.$("columns").open
        ? "." : `: row ${cells.indexOf(winner)} of column ${this.k} of ` +
        `im2col, offset ${r} · ${W} + ${c} = ${r * W + c} in memory.`);
      if (tied[1]) text += ` It is the first of ${tied.length} equal cells.`;
    } else text += `: their sum divided by ${n}.`;
    if (!this.$("backward").open) return text;
    const { r, c } = takers[0], parts = sent[r][c].map(show);
    const sum = parts[1] ? `${parts.join(" + ")} = ` : "";
    return `${text} Backward, ${show(this.s.dout[i][j] * share)} of ` +
      `dout[${i}, ${j}] goes to ${takers.map(name).join(", ")}; ` +
      `d${name(takers[0])} = ${sum}${show(dx[r][c])}.`;
  }

  choose(k) {
    if (k === this.k || !this.result.windows[k]) return;
    this.k = k;
    this.draw();
  }

  move(event) {
    const { OW } = this.result;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -OW,
      ArrowDown: OW }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation(); // the site's own arrow keys turn pages
    this.choose(this.k + by);
    this.$("y").querySelector('[tabindex="0"]').focus();
  }
});
})();
