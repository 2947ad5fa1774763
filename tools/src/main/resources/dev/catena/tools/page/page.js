"use strict";
// Draws the page from the object beside it. Text from the model is only ever set as text, never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const steps = data.steps;
  const readable = steps.map((s, i) => s.views ? i : -1).filter(i => i >= 0);

  // What the reader has picked; every part of the page follows it.
  const picked = { step: 0, group: 0, tab: "graph", node: null, zoom: 1, wrap: false };

  /* ---- elements ---- */

  function element(name, properties, ...children) {
    const e = document.createElement(name);
    for (const [key, value] of Object.entries(properties || {})) {
      if (key === "class") e.className = value;
      else if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined && value !== false) e.setAttribute(key, value);
    }
    e.append(...children.flat().filter(c => c !== null && c !== undefined));
    return e;
  }

  function drawn(name, attributes, ...children) {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes || {})) e.setAttribute(key, value);
    e.append(...children);
    return e;
  }

  function fill(parent, ...children) {
    parent.replaceChildren(...children.flat().filter(c => c !== null && c !== undefined));
  }

  function bytes(n) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let unit = 0;
    while (n >= 1000 && unit < units.length - 1) { n /= 1024; unit++; }
    return (unit === 0 ? n : n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2)) + " " + units[unit];
  }

  const total = counts => Object.values(counts).reduce((a, b) => a + b, 0);
  const dialect = op => op.slice(0, op.indexOf("."));
  const plural = (n, word) => n + " " + word + (n === 1 ? "" : "s");

  /** Arrow keys move among the buttons of a list; Home and End go to its ends. */
  function movable(list) {
    list.addEventListener("keydown", event => {
      const buttons = [...list.querySelectorAll("button")];
      const at = buttons.indexOf(document.activeElement);
      const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      const wanted = Math.max(0, Math.min(buttons.length - 1, to));
      buttons[wanted].click();
      [...list.querySelectorAll("button")][wanted].focus();
    });
    return list;
  }

  /* ---- highlighting ---- */

  const IR = /("(?:[^"\\]|\\.)*")|(%(?:"(?:[^"\\]|\\.)*"|[A-Za-z0-9_.-]+))|(@(?:"(?:[^"\\]|\\.)*"|[A-Za-z0-9_.-]+))|\b(tensor|quant|kv|dense|seqs)\b(?=[<,)\s]|$)|(\?[A-Za-z_][A-Za-z0-9_]*)|\b((?:onnx|nn|kernel)\.[A-Za-z0-9_]+)|\b(module|weight|stage|return)\b|(-?\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)/g;
  const IR_CLASSES = ["t-string", "t-value", "t-symbol", "t-type", "t-type", "t-op", "t-word", "t-number"];
  const C = /(\/\/.*|\/\*.*?\*\/|\/\*.*$)|("(?:[^"\\]|\\.)*")|(^\s*#\w+)|\b(static|inline|const|void|int|float|double|char|short|long|unsigned|signed|return|if|else|for|while|do|switch|case|break|continue|typedef|struct|sizeof|extern|volatile|restrict|__global__|__device__|__shared__|asm|INLINE|UNROLL|u?int(?:8|16|32|64)_t|_Float16)\b|(\b0[xX][0-9a-fA-F.p+-]+[fFuUlL]*\b|\b\d+(?:\.\d*)?(?:[eE][+-]?\d+)?[fFuUlL]*\b)|([A-Za-z_]\w*)/g;
  const C_CLASSES = ["t-comment", "t-string", "t-type", "t-word", "t-number", ""];

  function highlighted(line, pattern, classes, named) {
    const parts = [];
    let at = 0;
    for (const match of line.matchAll(pattern)) {
      const kind = match.slice(1).findIndex(g => g !== undefined);
      const special = named && named(match[0], kind);
      if (!special && !classes[kind]) continue;
      if (match.index > at) parts.push(line.slice(at, match.index));
      parts.push(special || element("span", { class: classes[kind] }, match[0]));
      at = match.index + match[0].length;
    }
    parts.push(line.slice(at));
    return parts;
  }

  const ir = line => highlighted(line, IR, IR_CLASSES);

  /** Every place of the value under the pointer lights up. */
  function lightValues(text) {
    const light = (name, on) => text.querySelectorAll(".t-value").forEach(v => {
      if (v.textContent === name) v.classList.toggle("same", on);
    });
    text.addEventListener("pointerover", e => e.target.classList.contains("t-value") && light(e.target.textContent, true));
    text.addEventListener("pointerout", e => e.target.classList.contains("t-value") && light(e.target.textContent, false));
    return text;
  }

  /* ---- head ---- */

  const definitions = (list, name) => element("dl", { class: name }, list.map(f => element("div", {}, element("dt", {}, f.name), element("dd", {}, f.value))));

  function head() {
    return element("header", { id: "top" },
      element("p", { class: "kicker" }, "Catena · " + data.kind),
      element("h1", { dir: "auto" }, data.title),
      definitions(data.headline, "headline"),
      data.notes.map(n => element("p", { class: "note" }, n)));
  }

  function factsSection() {
    if (!data.facts.length && !data.settings.length) return null;
    return element("section", { id: "facts" },
      element("h2", {}, "Facts and settings"), definitions(data.facts, "facts"),
      data.settings.length ? [element("h3", {}, "Settings of the compilation"), definitions(data.settings, "facts")] : null);
  }

  /* ---- the chain ---- */

  const runName = run => run.count > 1 ? run.first + " … " + run.last.slice(run.last.lastIndexOf("_") + 1) : run.first;
  const chainOf = step => steps[step].chain || [];
  const groupsOf = step => [...new Map(chainOf(step).map(run => [run.group, run])).values()];

  function groupTitle(step, group) {
    const runs = chainOf(step).filter(r => r.group === group);
    if (!runs.length) return "";
    const count = runs.reduce((n, r) => n + r.count, 0);
    return runName(runs[0]) + (runs.length > 1 ? " and others" : "") + (count > 1 ? " × " + count : "");
  }

  const chainPlace = element("div", {});

  function drawChain() {
    const chain = chainOf(picked.step);
    const cards = [];
    chain.forEach((run, i) => {
      if (i > 0) {
        const carried = chain[i - 1].out[0];
        cards.push(element("div", { class: "link" }, carried ? carried.type || carried.value : ""));
      }
      const state = run.in.filter(a => a.value.startsWith("kv ")).map(a => a.value);
      cards.push(element("button", {
        class: "stage" + (run.count > 1 ? " many" : ""), "aria-pressed": run.group === picked.group, "data-group": run.group,
        onclick: () => pick({ group: run.group }),
      },
        element("b", {}, element("span", {}, runName(run)), run.count > 1 ? element("span", { class: "times" }, "× " + run.count) : null),
        element("small", {}, plural(run.operations, "operation") + (run.count > 1 ? " each" : "")),
        run.bytes > 0 ? element("small", {}, bytes(run.bytes) + " of weights" + (run.count > 1 ? " each" : "")) : null,
        state.map(s => element("small", {}, s)),
        run.source && run.count === 1 ? element("small", {}, run.source) : null));
    });
    fill(chainPlace, element("div", { class: "chain" }, cards.length ? cards : element("p", { class: "empty" }, "This step's module could not be read.")));
  }

  /** The stages as buttons, where the chain may be out of sight. */
  function groupChips(step, only) {
    return movable(element("div", { class: "chips", role: "group", "aria-label": "Stage" },
      groupsOf(step).filter(r => !only || only.has(r.group)).map(run => element("button", {
        "aria-pressed": run.group === picked.group, "data-group": run.group, onclick: () => pick({ group: run.group }),
      }, groupTitle(step, run.group)))));
  }

  /* ---- steps ---- */

  const stepsPlace = movable(element("ol", { class: "steps", "aria-label": "Passes" }));
  const panePlace = element("div", {});

  function bar(counts, most) {
    const byDialect = {};
    for (const [op, n] of Object.entries(counts)) byDialect[dialect(op)] = (byDialect[dialect(op)] || 0) + n;
    const b = element("span", { class: "bar", "aria-hidden": "true" });
    for (const d of ["onnx", "nn", "kernel"]) {
      if (byDialect[d]) {
        const i = element("i", { class: d, title: d + ": " + byDialect[d] });
        i.style.width = 100 * byDialect[d] / most + "%";
        b.append(i);
      }
    }
    return b;
  }

  function drawSteps() {
    const most = Math.max(1, ...readable.map(i => total(steps[i].counts)));
    fill(stepsPlace, steps.map((s, i) => {
      const changed = !s.views || s.views.some(v => v && (!v.diff || v.diff.some((x, k) => k % 2 === 0 && x !== 0)));
      const number = s.label.match(/^\d+(?=-)/);
      return element("li", {}, element("button", {
        class: changed ? "" : "same", "aria-current": i === picked.step ? "step" : null, "data-step": i, title: s.summary,
        tabindex: i === picked.step ? 0 : -1, onclick: () => pick({ step: i }),
      },
        element("span", { class: "number" }, number ? number[0] : ""), element("span", { class: "name" }, s.pass),
        element("span", { class: "total" }, s.counts ? String(total(s.counts)) : "?"),
        s.counts ? bar(s.counts, most) : null));
    }));
    const now = stepsPlace.querySelector("[aria-current=step]");
    if (now) stepsPlace.scrollLeft = now.parentElement.offsetLeft - stepsPlace.offsetLeft - 40;   // where the list lies flat
  }

  const TABS = [["graph", "Graph"], ["diff", "What changed"], ["text", "Text"], ["operations", "Operations"]];

  function drawPane() {
    const s = steps[picked.step];
    const before = picked.step > 0 ? steps[picked.step - 1] : null;
    const tabs = movable(element("div", { class: "tabs", role: "tablist" }, TABS.map(([id, name]) => element("button", {
      role: "tab", id: "tab-" + id, "aria-selected": picked.tab === id, "aria-controls": "pane", tabindex: picked.tab === id ? 0 : -1,
      onclick: () => pick({ tab: id }),
    }, name))));
    const pane = element("div", { id: "pane", role: "tabpanel", "aria-labelledby": "tab-" + picked.tab });
    const counted = s.counts ? plural(total(s.counts), "operation") + (before && before.counts ? ", before it " + total(before.counts) : "") : "";
    fill(panePlace,
      element("div", { class: "pane-head" },
        element("p", { class: "pane-title" }, element("b", {}, s.pass), element("span", {}, (s.summary ? " · " + s.summary : "") + (counted ? " · " + counted : ""))),
        groupChips(picked.step)),
      tabs, pane);
    if (picked.tab === "operations") drawOperations(pane);
    else if (!s.views) fill(pane, element("p", { class: "note" }, s.problem || "There is no module."));
    else if (!s.views[picked.group]) fill(pane, element("p", { class: "empty" }, "The module has no such stage at this step."));
    else if (picked.tab === "graph") drawGraph(pane, s.views[picked.group]);
    else if (picked.tab === "diff") drawDiff(pane, s.views[picked.group]);
    else drawText(pane, s.views[picked.group]);
  }

  /* ---- graph ---- */

  function drawGraph(pane, view) {
    if (view.graph === null) {
      fill(pane, element("p", { class: "empty" }, "This stage has too many operations for a drawing that could be read; its text has them all."));
      return;
    }
    const graph = data.graphs[view.graph];
    const svg = drawn("svg", { viewBox: `0 0 ${graph.width} ${graph.height}`, role: "group", "aria-label": "Graph of " + groupTitle(picked.step, picked.group) });
    const tip = drawn("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, drawn("path", { d: "M0 0.5 L8 4 L0 7.5 z" }));
    svg.append(drawn("defs", {}, tip));
    const lines = graph.edges.map(e => {
      const p = [];
      for (let i = 0; i < e.points.length; i += 2) p.push((i ? "L" : "M") + e.points[i] + " " + e.points[i + 1]);
      return drawn("path", { class: "edge" + (e.state ? " state" : ""), d: p.join(" "), "marker-end": "url(#tip)" });
    });
    const labels = graph.edges.map(e => e.label ? drawn("text", { class: "edge-label", x: e.at[0], y: e.at[1] + 9.5 }, e.label) : null);
    svg.append(...lines, ...labels.filter(l => l));
    const details = element("aside", { class: "node-details", "aria-live": "polite" });
    const nodes = graph.nodes.map((n, i) => {
      const [x, y, w, h] = n.box;
      const g = drawn("g", {
        class: "node " + (n.kind === "operation" ? n.does : n.kind), tabindex: i === 0 ? 0 : -1, role: "button", "data-node": i,
        "aria-label": (n.op || n.kind + " " + n.title) + " " + n.lines.join(" "),
      },
        drawn("rect", { class: "box", x, y, width: w, height: h, rx: n.kind === "operation" ? 5 : 12 }),
        n.kind === "operation" ? drawn("rect", { class: "stripe", x: x + 1, y: y + 4, width: 3.5, height: h - 8, rx: 1.5 }) : "",
        drawn("text", { class: "title", x: x + 10, y: y + 17 }, n.title),
        ...n.lines.map((line, k) => drawn("text", { x: x + 10, y: y + 17 + 15.5 * (k + 1) }, line)));
      g.addEventListener("click", () => pickNode(i));
      g.addEventListener("keydown", event => {
        const to = { ArrowDown: i + 1, ArrowRight: i + 1, ArrowUp: i - 1, ArrowLeft: i - 1, Enter: i, " ": i, Home: 0, End: graph.nodes.length - 1 }[event.key];
        if (to === undefined || !nodes[to]) return;
        event.preventDefault();
        pickNode(to);
        nodes[to].focus();
      });
      return g;
    });
    svg.append(...nodes);

    function pickNode(i) {
      picked.node = i;
      nodes.forEach((n, k) => {
        n.classList.toggle("picked", k === i);
        n.setAttribute("tabindex", k === i ? 0 : -1);
      });
      graph.edges.forEach((e, k) => {
        const near = e.from === i || e.to === i;
        lines[k].classList.toggle("near", near);
        if (near) svg.insertBefore(lines[k], nodes[0]);
        if (labels[k]) labels[k].classList.toggle("near", near);
      });
      fill(details, nodeDetails(graph.nodes[i]));
    }

    const canvas = element("div", { class: "canvas" }, svg);
    function zoom(to) {
      picked.zoom = Math.max(.15, Math.min(3, to));
      svg.setAttribute("width", graph.width * picked.zoom);
      svg.setAttribute("height", graph.height * picked.zoom);
    }
    const fit = () => zoom(Math.min(1, (canvas.clientWidth - 4) / graph.width));
    fill(pane, element("div", { class: "zoom" },
      element("div", { class: "legend" }, [["weights", "reads weights"], ["computes", "computes"], ["elementwise", "element by element"], ["moves", "moves data"], ["argument", "in and out of the stage"]]
        .map(([id, name]) => element("span", {}, element("i", { class: "i-" + id }), name))),
      element("div", {},
        element("button", { onclick: () => zoom(picked.zoom / 1.25), "aria-label": "smaller" }, "−"),
        element("button", { onclick: () => zoom(picked.zoom * 1.25), "aria-label": "larger" }, "+"),
        element("button", { onclick: () => zoom(1) }, "100 %"),
        element("button", { onclick: fit }, "fit width"))),
      element("div", { class: "graph-and-details" }, canvas, details));
    const fitting = (canvas.clientWidth - 4) / graph.width;
    zoom(fitting >= 1 ? 1 : Math.max(.5, fitting));
    // Long lines may lead far from where the stage begins.
    const begin = graph.nodes.find(n => n.kind === "operation") || graph.nodes[0];
    if (begin && fitting < picked.zoom / 1.1) canvas.scrollLeft = (begin.box[0] + begin.box[2] / 2) * picked.zoom - canvas.clientWidth / 2;
    if (picked.node !== null && graph.nodes[picked.node]) pickNode(picked.node);
    else fill(details, element("p", {}, "Pick a box to see what it reads, gives and comes from. Arrow keys go from box to box."),
      element("p", {}, plural(graph.nodes.filter(n => n.kind === "operation").length, "operation") + "; constants are written into the boxes that read them."));
  }

  function nodeDetails(n) {
    const list = (title, items) => items.length ? [element("h4", {}, title), element("ul", {}, items)] : [];
    if (n.kind !== "operation") {
      return [element("h3", {}, n.title), element("p", {}, n.kind === "argument" ? "goes into the stage" : "comes out of the stage"),
        ...list("type", [element("li", {}, element("code", {}, n.type))])];
    }
    const typed = (role, name, type, size) => element("li", {}, role ? element("span", { class: "role" }, role + " ") : null,
      element("code", {}, ir(name)), " ", element("code", {}, ir(type)), size > 0 ? " · " + bytes(size) : null);
    return [
      element("h3", {}, n.op), element("p", {}, n.doc),
      ...list("reads", n.operands.map(([role, name, type, size]) => typed(role, name, type, size))),
      ...list("gives", n.results.map(([name, type]) => typed("", name, type, 0))),
      ...list("attributes", n.attributes.map(([name, value]) => element("li", {}, element("code", {}, name + " = "), element("code", {}, ir(value))))),
      ...list("comes from", n.origin ? [element("li", {}, n.origin)] : []),
    ];
  }

  /* ---- text and diff ---- */

  const textOf = view => view.text && view.text.map(i => data.lines[i]);

  function textRow(number, sign, what, kind, title) {
    return element("div", { class: "line" + (kind ? " " + kind : ""), title: title || null }, element("span", { class: "at" }, number), sign === null ? null : element("span", { class: "sign" }, sign), element("span", { class: "what" }, what));
  }

  function textPane(pane, rows, ...above) {
    const text = lightValues(element("div", { class: "text mono" + (picked.wrap ? " wrap" : ""), tabindex: 0 }, rows));
    fill(pane, element("div", { class: "zoom" }, element("div", {}, above), element("div", {}, element("button", {
      "aria-pressed": picked.wrap, onclick: () => { picked.wrap = !picked.wrap; text.classList.toggle("wrap", picked.wrap); },
    }, "wrap lines"))), text);
  }

  function drawText(pane, view) {
    const lines = textOf(view);
    if (!lines) fill(pane, element("p", { class: "empty" }, "The text is too long for this page; 'catena inspect --ir " + steps[picked.step].label + "' prints it."));
    else textPane(pane, lines.map((line, i) => textRow(i + 1, null, ir(line))), "The stage and the weights it reads. Point at a value to see where it is used.");
  }

  const CONTEXT = 3;

  function drawDiff(pane, view) {
    if (!view.diff) {
      fill(pane, element("p", { class: "empty" }, picked.step === readable[0] ? "This is the first step: there is nothing before it." : "There is nothing to compare it with."));
      return;
    }
    const now = textOf(view);
    let earlier = picked.step - 1;
    while (earlier >= 0 && !steps[earlier].views) earlier--;
    const beforeView = steps[earlier].views[picked.group];
    const before = beforeView ? textOf(beforeView) : [];
    if (!now || !before) {
      fill(pane, element("p", { class: "empty" }, "The text is too long for this page."));
      return;
    }
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < view.diff.length; i += 2) counts[view.diff[i]] += view.diff[i + 1];
    if (counts[1] + counts[2] === 0) {
      fill(pane, element("p", { class: "empty" }, counts[3] ? "Nothing but the numbers in values' names." : "The pass left this stage as it was."));
      return;
    }
    const rows = [];
    let a = 0;
    let b = 0;
    const script = view.diff;
    const isKept = k => script[k] === 0 || script[k] === 3;
    for (let k = 0; k < script.length;) {
      if (isKept(k)) {
        const kept = [];
        for (; k < script.length && isKept(k); k += 2) {
          for (let n = 0; n < script[k + 1]; n++, a++, b++) kept.push([a, b, script[k] === 3]);
        }
        const make = ([x, y, renumbered]) => textRow(y + 1, renumbered ? "~" : " ", ir(now[y]), renumbered ? "renumbered" : "", renumbered ? "was: " + before[x].trim() : "");
        const top = rows.length ? CONTEXT : 0;
        const bottom = k < script.length ? CONTEXT : 0;
        if (kept.length <= top + bottom + 2) rows.push(...kept.map(make));
        else {
          const hidden = kept.slice(top, kept.length - bottom);
          const fold = element("button", { class: "fold", onclick: () => fold.replaceWith(...hidden.map(make)) }, "⋯ " + plural(hidden.length, "line") + " as before");
          rows.push(...kept.slice(0, top).map(make), fold, ...kept.slice(kept.length - bottom).map(make));
        }
        continue;
      }
      let removed = 0;
      let added = 0;
      for (; k < script.length && !isKept(k); k += 2) {
        if (script[k] === 1) removed += script[k + 1]; else added += script[k + 1];
      }
      const pairs = removed === added ? removed : 0;
      for (let n = 0; n < removed; n++) rows.push(textRow("", "−", marked(before[a + n], n < pairs ? now[b + n] : null), "removed"));
      for (let n = 0; n < added; n++) rows.push(textRow(b + n + 1, "+", marked(now[b + n], n < pairs ? before[a + n] : null), "added"));
      a += removed;
      b += added;
    }
    textPane(pane, rows, `${plural(counts[1], "line")} removed, ${counts[2]} added` + (counts[3] ? `; in ${counts[3]} (~) only numbers in names differ` : ""));
  }

  /** A line with the part marked that differs from its counterpart. */
  function marked(line, other) {
    if (other === null) return ir(line);
    let start = 0;
    while (start < line.length && line[start] === other[start]) start++;
    let end = 0;
    while (end < line.length - start && end < other.length - start && line[line.length - 1 - end] === other[other.length - 1 - end]) end++;
    while (start > 0 && /\w/.test(line[start - 1])) start--;
    while (end > 0 && /\w/.test(line[line.length - end])) end--;
    // Where most of a line is new, marking it would say nothing.
    if (start + end >= line.length || line.length - start - end > line.length * .55) return ir(line);
    return [ir(line.slice(0, start)), element("mark", {}, line.slice(start, line.length - end)), ir(line.slice(line.length - end))].flat();
  }

  /* ---- operations by step ---- */

  function drawOperations(pane) {
    const names = [...new Set(readable.flatMap(i => Object.keys(steps[i].counts)))];
    const order = { onnx: 2, nn: 0, kernel: 1 };
    const most = name => Math.max(...readable.map(i => steps[i].counts[name] || 0));
    names.sort((x, y) => (order[dialect(x)] ?? 3) - (order[dialect(y)] ?? 3) || most(y) - most(x) || (x < y ? -1 : 1));
    const cell = (i, n) => element("td", { class: "number" + (n ? "" : " zero") + (i === picked.step ? " now" : "") }, n ? String(n) : "·");
    fill(pane, element("div", { class: "scroll" }, element("table", { class: "matrix" },
      element("thead", {}, element("tr", {}, element("th", {}, "all stages"), readable.map(i => element("th", { class: "number" + (i === picked.step ? " now" : "") }, steps[i].pass)))),
      element("tbody", {},
        names.map(name => element("tr", {}, element("td", { class: "mono" }, name), readable.map(i => cell(i, steps[i].counts[name] || 0)))),
        element("tr", { class: "total" }, element("td", {}, "all"), readable.map(i => cell(i, total(steps[i].counts))))))));
  }

  /* ---- memory ---- */

  const memoryPlace = element("div", {});

  function drawMemory() {
    const planned = data.memory.filter(m => m.launches.length);
    if (!planned.length) {
      fill(memoryPlace, element("p", { class: "empty" }, "Memory is planned by the last pass of a compilation; here it did not run."));
      return;
    }
    const last = readable[readable.length - 1];
    const plan = planned.find(m => m.group === picked.group) || planned[0];
    const told = element("p", { class: "told", role: "status" }, "Point at a block to see what it holds.");
    fill(memoryPlace, groupChips(last, new Set(planned.map(m => m.group))),
      element("p", { class: "told" }, `${plan.stage}${plan.count > 1 ? " × " + plan.count : ""}: ${plural(plan.launches.length, "launch").replace("launchs", "launches")}, arena of ${bytes(plan.bytes)} for steps of up to ${plan.rows} rows`),
      plan.bytes > 0 ? element("div", { class: "arena" }, arena(plan, told)) : element("p", { class: "empty" }, "No intermediate results: what the stage reads and writes is given to it."),
      plan.bytes > 0 ? told : null, launches(plan));
  }

  function arena(plan, told) {
    const left = 78, top = 40, column = Math.max(86, Math.min(150, 1240 / plan.launches.length)), height = 260;
    const width = left + column * plan.launches.length + 12;
    const svg = drawn("svg", { width, height: top + height + 30, viewBox: `0 0 ${width} ${top + height + 30}`, role: "group", "aria-label": "Bytes of the arena over the launches" });
    const y = offset => top + height - offset / plan.bytes * height;
    plan.launches.forEach((launch, i) => {
      svg.append(drawn("rect", { class: "column" + (i % 2 ? " odd" : ""), x: left + i * column, y: top, width: column, height }),
        drawn("text", { class: "axis", x: left + (i + .5) * column, y: top - 20, "text-anchor": "middle" }, String(i + 1)),
        drawn("text", { class: "axis", x: left + (i + .5) * column, y: top - 7, "text-anchor": "middle" }, launch.op.slice(launch.op.indexOf(".") + 1)));
    });
    for (let k = 0; k <= 4; k++) {
      const at = plan.bytes * k / 4;
      svg.append(drawn("line", { class: "grid", x1: left, x2: width - 12, y1: y(at), y2: y(at) }),
        drawn("text", { class: "axis", x: left - 7, y: y(at) + 4, "text-anchor": "end" }, bytes(at)));
    }
    svg.append(drawn("text", { class: "axis", x: left, y: top + height + 19 }, "launches in order →  (each block: the bytes of one result, from the launch that writes it to the last that reads it)"));
    plan.ranges.forEach((r, i) => {
      const x = left + r.from * column + 2, w = (r.to - r.from + 1) * column - 4, h = Math.max(2, r.bytes / plan.bytes * height);
      const writer = plan.launches[r.from].op, reader = plan.launches[r.to].op;
      const place = `${bytes(r.bytes)} at ${r.offset} · ${r.type} · launch ${r.from + 1} (${writer}) to ${r.to + 1} (${reader})`;
      const g = drawn("g", { class: "range", tabindex: 0, role: "button", "data-range": i, "aria-label": r.name + " " + place },
        drawn("title", {}, r.name + "\n" + place),
        drawn("rect", { class: "hue" + i % 6, x, y: y(r.offset + r.bytes), width: w, height: h, rx: 3 }));
      if (h >= 15) g.append(drawn("text", { x: x + 7, y: y(r.offset + r.bytes) + 14 }, cut(r.name, w / 7.8)));
      if (h >= 30) g.append(drawn("text", { class: "small", x: x + 7, y: y(r.offset + r.bytes) + 28 }, cut(bytes(r.bytes), w / 7)));
      const tell = () => {
        svg.querySelectorAll(".picked").forEach(p => p.classList.remove("picked"));
        g.classList.add("picked");
        fill(told, element("b", {}, r.name), " " + place);
      };
      g.addEventListener("pointerenter", tell);
      g.addEventListener("focus", tell);
      g.addEventListener("click", tell);
      svg.append(g);
    });
    return svg;
  }

  const cut = (text, room) => text.length <= room ? text : text.slice(0, Math.max(0, Math.floor(room) - 1)) + "…";

  function place(text) {
    const words = text.split(" ");
    return words[0] === "arena" && words.length === 3 ? `arena ${words[1]}, ${bytes(Number(words[2]))}` : text || "in place";
  }

  function launches(plan) {
    return [element("h3", {}, "Launches"), element("div", { class: "scroll" }, element("table", {},
      element("thead", {}, element("tr", {}, ["", "launch", "reads", "weights", "writes", "where"].map(h => element("th", {}, h)))),
      element("tbody", {}, plan.launches.map((l, i) => element("tr", {},
        element("td", { class: "number" }, String(i + 1)), element("td", { class: "mono" }, l.op),
        element("td", { class: "mono" }, ir(l.reads.join(", "))), element("td", { class: "mono" }, l.weights.map(w => element("div", {}, ir(w)))),
        element("td", { class: "mono" }, ir(l.writes + "  " + l.type)), element("td", { class: "mono" }, place(l.place)))))))];
  }

  /* ---- kernels ---- */

  const kernelsPlace = element("div", {});
  let source = 0;

  const missing = value => value === null || value === undefined ? "–" : String(value);

  function drawKernels() {
    if (!data.kernels.length && !data.sources.length) {
      fill(kernelsPlace, element("p", { class: "empty" }, "Kernels are generated by 'catena compile'; the page of an artifact shows them."));
      return;
    }
    const tabs = movable(element("div", { class: "tabs", role: "tablist", "aria-label": "Targets" }, data.sources.map((s, i) => element("button", {
      role: "tab", "data-source": i, "aria-selected": i === source, tabindex: i === source ? 0 : -1, onclick: () => { source = i; drawKernels(); },
    }, s.target + (data.sources.filter(o => o.target === s.target).length > 1 ? " · " + s.file : "")))));
    const shown = data.sources[source];
    const kernels = data.kernels.filter(k => !shown || k.target === shown.target);
    const code = shown ? sourceView(shown, new Set(kernels.map(k => k.name))) : null;
    const go = name => code && code.functions.has(name) ? element("button", { class: "t-call mono", "data-kernel": name, onclick: () => code.show(name) }, name) : element("code", {}, name);
    fill(kernelsPlace, tabs,
      kernels.length ? element("div", { class: "scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, element("th", {}, "kernel"), element("th", {}, "runs"), ["registers", "shared", "spilled"].map(h => element("th", { class: "number" }, h)))),
        element("tbody", {}, kernels.map(k => element("tr", {}, element("td", {}, go(k.name)), element("td", {}, stagesText(k.stages || [])),
          element("td", { class: "number" }, missing(k.registers)), element("td", { class: "number" }, k.shared_bytes === null ? "–" : bytes(k.shared_bytes)),
          element("td", { class: "number" }, k.spill_bytes === null ? "–" : bytes(k.spill_bytes))))))) : null,
      code ? [element("h3", {}, "Source"), code.view] : null);
    if (code) code.start(kernels);
  }

  function stagesText(names) {
    return names.length > 3 ? `${names[0]} … ${names[names.length - 1]} (${names.length})` : names.join(", ");
  }

  /** Where functions are defined: their names stand at the left margin, and their heads don't end in a semicolon. */
  function definitionsIn(lines) {
    const found = new Map();
    const head = /^(?!#|typedef|return|else|__attribute__)[A-Za-z_][\w\s*]*?\b([A-Za-z_]\w*)\s*\(/;
    lines.forEach((line, i) => {
      const match = line.match(head) || line.match(/^(?:extern "C" )?__global__ .*?\b([A-Za-z_]\w*)\s*\(/);
      if (match && !/;\s*$/.test(line) && !found.has(match[1]) && !/^[A-Z_0-9]+$/.test(match[1])) found.set(match[1], i);
    });
    return found;
  }

  function sourceView(shown, entries) {
    const functions = definitionsIn(shown.lines);
    const rows = [];
    let inComment = false;
    const called = (name, kind) => kind === 5 && functions.has(name) ? element("span", { class: "t-call", "data-call": name }, name) : null;
    shown.lines.forEach((line, i) => {
      let parts;
      const end = inComment ? line.indexOf("*/") : -1;
      if (inComment && end < 0) parts = [element("span", { class: "t-comment" }, line)];
      else {
        const rest = inComment ? line.slice(end + 2) : line;
        parts = highlighted(rest, C, C_CLASSES, called);
        if (inComment) parts.unshift(element("span", { class: "t-comment" }, line.slice(0, end + 2)));
        const open = rest.lastIndexOf("/*");
        inComment = open >= 0 && rest.indexOf("*/", open) < 0;
      }
      rows.push(textRow(i + 1, null, parts));
    });
    const text = element("div", { class: "text mono", tabindex: 0, "aria-label": "Source for " + shown.target }, rows);
    const order = [...functions.keys()].sort((x, y) => entries.has(y) - entries.has(x) || functions.get(x) - functions.get(y));
    const outline = element("ul", { class: "outline", "aria-label": "Functions" }, order.map(name => element("li", {}, element("button", {
      class: entries.has(name) ? "entry" : "", "data-function": name, onclick: () => show(name),
    }, name))));
    function show(name) {
      const row = rows[functions.get(name)];
      text.querySelectorAll(".target").forEach(r => r.classList.remove("target"));
      row.classList.add("target");
      outline.querySelectorAll("button").forEach(b => b.classList.toggle("now", b.getAttribute("data-function") === name));
      // Rows that were never on the screen have guessed heights; the second time they are known.
      const scroll = () => { text.scrollTop += row.getBoundingClientRect().top - text.getBoundingClientRect().top - 30; };
      scroll();
      requestAnimationFrame(scroll);
    }
    text.addEventListener("click", event => {
      const name = event.target.getAttribute("data-call");
      if (name) show(name);
    });
    return {
      functions, show, view: element("div", { class: "source-and-outline" }, outline, text),
      start: kernels => {
        const first = [...kernels].sort((x, y) => (y.stages || []).length - (x.stages || []).length).find(k => functions.has(k.name));
        if (first) show(first.name);
      },
    };
  }

  /* ---- weights ---- */

  const weightsPlace = element("div", {});
  const storage = type => type.replace(/, \[[^\]]*\]>$/, ">");

  function drawWeights() {
    const all = data.weights;
    if (!all.length) {
      fill(weightsPlace, element("p", { class: "empty" }, "There are no weights."));
      return;
    }
    const kinds = new Map();
    for (const w of all) {
      const k = kinds.get(storage(w.type)) || { count: 0, bytes: 0 };
      k.count++;
      k.bytes += w.bytes;
      kinds.set(storage(w.type), k);
    }
    const sum = all.reduce((n, w) => n + w.bytes, 0);
    const share = n => { const s = element("span", { class: "share" }); s.style.width = 100 * n / Math.max(1, sum) + "%"; return s; };
    const last = readable[readable.length - 1];
    const run = last === undefined ? null : chainOf(last).find(r => r.group === picked.group);
    const ofStage = run ? all.filter(w => w.stage === run.first) : [];
    fill(weightsPlace,
      element("div", { class: "scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, element("th", {}, "storage"), element("th", { class: "number" }, "count"), element("th", { class: "number" }, "bytes"), element("th", {}, ""))),
        element("tbody", {}, [...kinds].sort((x, y) => y[1].bytes - x[1].bytes).map(([kind, k]) => element("tr", {},
          element("td", { class: "mono" }, ir(kind)), element("td", { class: "number" }, String(k.count)), element("td", { class: "number" }, bytes(k.bytes)), element("td", { class: "share-cell" }, share(k.bytes)))),
          element("tr", { class: "total" }, element("td", {}, "all"), element("td", { class: "number" }, String(all.length)), element("td", { class: "number" }, bytes(sum)), element("td", {}))))),
      run ? [element("h3", {}, "Of one stage"), groupChips(last), ofStage.length ? element("div", { class: "scroll" }, element("table", {},
        element("thead", {}, element("tr", {}, element("th", {}, "weight"), element("th", {}, "type"), element("th", { class: "number" }, "bytes"), element("th", {}, "layout"))),
        element("tbody", {}, ofStage.map(w => element("tr", {}, element("td", { class: "mono" }, "@" + w.name), element("td", { class: "mono" }, ir(w.type)), element("td", { class: "number" }, bytes(w.bytes)), element("td", { class: "mono" }, w.layout)))))) : element("p", { class: "empty" }, "It has none of its own.")] : null);
  }

  /* ---- all together ---- */

  function pick(change) {
    const stepChanged = change.step !== undefined && change.step !== picked.step;
    const groupChanged = change.group !== undefined && change.group !== picked.group;
    Object.assign(picked, change);
    if (stepChanged || groupChanged) picked.node = null;
    if (stepChanged && !groupsOf(picked.step).some(r => r.group === picked.group) && groupsOf(picked.step).length) picked.group = groupsOf(picked.step)[0].group;
    if (stepChanged || groupChanged) drawChain();
    if (stepChanged) drawSteps();
    drawPane();
    if (groupChanged) { drawMemory(); drawWeights(); }
    keepFocus(change);
  }

  /** What was clicked was drawn anew: the focus goes to its successor. */
  function keepFocus(change) {
    if (document.activeElement !== document.body) return;
    const target = change.tab !== undefined ? document.getElementById("tab-" + change.tab)
      : change.step !== undefined ? stepsPlace.querySelector("[aria-current=step]")
        : null;
    if (target) target.focus({ preventScroll: true });
  }

  const section = (id, title, lead, place) => element("section", { id }, element("h2", {}, title), element("p", { class: "lead" }, lead), place);

  const parts = [["stages", "Stages"], ["passes", "Passes"], ["memory", "Memory"], ["kernels", "Kernels"], ["weights", "Weights"]].concat(data.facts.length || data.settings.length ? [["facts", "Facts"]] : []);
  document.getElementById("page").append(
    element("nav", {}, element("div", { class: "wide" }, element("b", { dir: "auto" }, data.title), parts.map(([id, name]) => element("a", { href: "#" + id }, name)))),
    element("main", { class: "wide" },
      head(),
      section("stages", "Stages", "The pieces of the model in the order data runs through them, as they are at the step that is picked below. Equal ones stand together. Pick one to look into.", chainPlace),
      section("passes", "Passes", "Every step of the compilation: how many operations there are after it, by dialect, and what became of the stage.",
        element("div", { class: "work" },
          element("div", { class: "steps-column" }, stepsPlace, element("div", { class: "legend" }, ["onnx", "nn", "kernel"].map(d => element("span", {}, element("i", { class: d }), d)))),
          panePlace)),
      section("memory", "Memory over time", "Where the intermediate results of a stage lie, launch by launch. Bytes are used again once nobody reads them any more.",
        element("div", {}, memoryPlace, data.memoryFacts.length ? [element("h3", {}, "In all"), definitions(data.memoryFacts, "facts")] : [])),
      section("kernels", "Kernels", "The generated source of each target. A function's name leads to where it stands.", kernelsPlace),
      section("weights", "Weights", "By the way they are stored.", weightsPlace),
      factsSection(),
      element("footer", {}, "Written by catena inspect. This page is one file: it loads nothing and sends nothing.")));

  // First a step that people can read (the layers found and merged, not yet cut into launches), and the stage that repeats.
  if (readable.length) {
    const merged = steps.findIndex(s => s.pass === "merge" && s.views);
    picked.step = merged >= 0 ? merged : readable[readable.length - 1];
    const runs = groupsOf(picked.step);
    const repeated = runs.filter(r => r.role === "decoder").concat(runs.slice().sort((x, y) => y.operations - x.operations))[0];
    picked.group = repeated ? repeated.group : 0;
  }
  drawChain();
  drawSteps();
  drawPane();
  drawMemory();
  drawKernels();
  drawWeights();
})();
