// The job graph as Flink's web UI lays it out: left to right in layers, chains as boxes, groups around them.
import dagre from "@dagrejs/dagre";
import { select } from "d3-selection";
import { zoom, zoomIdentity, type ZoomTransform } from "d3-zoom";
import { aroundPrint, choice, facts, h, s, search, swatch, table, type Child } from "../dom";
import { bytes, cores, count, short, sized } from "../format";
import { color, type Model, type Vertex } from "../model";

const NARROW = 132;
const LETTER = 7;
/** The scale below which nobody reads: what does not fit at it begins with its sources. */
const READABLE = 0.5;
const HEAD = 30;
const LINE = 20;
const FOOT = 24;
const LETTERS = 28;

type By = "group" | "cpu" | "memory" | "region";

/** What a screen that edits adds to the graph; a report has none of it. */
export interface Editing {
  /** What stands above the description of a selected task. */
  form: (vertex: Vertex) => Child[];
  /** How bad the worst finding about a task is. */
  worst: (vertex: Vertex) => string | null;
  /** Groups that do not fit, and why. */
  conflicting: () => Map<string, string>;
  /** A task was dragged into another group. */
  dropped: (vertex: Vertex, group: string) => void;
  /** What a person has chosen to see and has selected, kept while the view is built again. */
  kept: { by: By; selected: number | null; transform: ZoomTransform | null };
}

/** A graph that a screen goes on showing: `update` tells whether the drawing could be kept. */
export interface Graph {
  element: HTMLElement;
  update: (next: Model) => boolean;
}

export const graphView = (model: Model): HTMLElement => graphOf(model).element;

export function graphOf(model: Model, editing?: Editing): Graph {
  const detail = h("aside", { class: "detail", "aria-live": editing ? null : "polite", "aria-label": "Selected task" });
  const describing = (vertex: Vertex) => {
    if (editing) editing.kept.selected = vertex.nodes[0]?.id ?? null;
    detail.replaceChildren(...[...(editing?.form(vertex) ?? []), ...describe(model, vertex)].filter((one) => one instanceof Node));
  };
  const drawing = draw(model, describing, editing);
  const legend = h("ul", { class: "legend", "aria-label": "Colours" });
  const paint = (by: By) => {
    if (editing) editing.kept.by = by;
    const { of, entries } = paints(model, by);
    for (const [vertex, element] of drawing.boxes) (element.querySelector(".stripe") as SVGElement).style.fill = of(vertex);
    legend.replaceChildren(...entries.map(([text, tint]) => h("li", { title: text }, swatch(tint), h("span", { class: "cut" }, text))));
  };
  const found = h("output", { class: "found" });
  let hits: Vertex[] = [];
  let next = 0;
  const look = (text: string) => {
    hits = text ? model.vertices.filter((one) => matches(one, text)) : [];
    next = 0;
    drawing.svg.classList.toggle("searching", text !== "");
    for (const [vertex, element] of drawing.boxes) element.classList.toggle("hit", hits.includes(vertex));
    found.textContent = text ? count(hits.length, "match", "matches") : "";
    if (hits[0]) drawing.centre(hits[0]);
  };
  const step = () => {
    const hit = hits[next++ % Math.max(1, hits.length)];
    if (!hit) return;
    drawing.centre(hit);
    drawing.boxes.get(hit)!.focus({ preventScroll: true });
  };
  const button = (label: string, text: string, click: () => void) => h("button", { type: "button", class: "tool", "aria-label": label, title: label, click }, text);
  const toolbar = h(
    "div", { class: "toolbar", role: "toolbar", "aria-label": "Graph" },
    search("Search task or operator", look, step),
    choice("Colour by", [["group", "group"], ["cpu", "CPU load"], ["memory", "memory of a slot"], ["region", "region"]] as const, paint, editing?.kept.by),
    found,
    h("div", { class: "tools" }, button("Zoom out", "−", () => drawing.scale(1 / 1.3)), button("Zoom in", "+", () => drawing.scale(1.3)), button("Show all", "Fit", () => drawing.fit())),
  );
  const fill = () => {
    paint(editing?.kept.by ?? "group");
    const selected = editing ? model.vertices.find((one) => one.nodes.some((node) => node.id === editing.kept.selected)) : undefined;
    if (selected) drawing.pick(selected);
    else detail.replaceChildren(...about(model, editing !== undefined));
  };
  fill();
  const frame = h("div", { class: "canvas" }, drawing.svg);
  new ResizeObserver(() => drawing.fitOnce()).observe(frame);
  return {
    element: h("div", { class: "columns" }, h("div", { class: "content" }, toolbar, legend, frame), detail),
    update: (next) => {
      if (shapeOf(next) !== shapeOf(model)) return false;
      const now = new Map(next.vertices.map((one) => [one.document.id, one]));
      for (const vertex of model.vertices) Object.assign(vertex, now.get(vertex.document.id)); // which what is drawn goes by
      Object.assign(model, { ...next, vertices: model.vertices });
      drawing.refresh();
      fill();
      return true;
    },
  };
}

/** The groups that a task is in: a document may list others. */
const inUse = (model: Model) => [...model.groups.values()].filter((group) => model.vertices.some((one) => one.document.group === group.name));

const title = (vertex: Vertex) => vertex.nodes.map((node) => node.desc || String(node.id));

const matches = (vertex: Vertex, text: string) =>
  [vertex.document.name, vertex.document.group, ...title(vertex)].some((one) => one.toLowerCase().includes(text));

/** The colour of each task, and what the colours mean. */
function paints(model: Model, by: By): { of: (vertex: Vertex) => string; entries: [string, string][] } {
  if (by === "group")
    return {
      of: (vertex) => model.groups.get(vertex.document.group)?.color ?? "",
      entries: inUse(model).map((group) => [group.name, group.color]),
    };
  if (by === "region") {
    const regions = [...new Set(model.vertices.map((one) => one.document.region))].sort((a, b) => a - b);
    return {
      of: (vertex) => color(regions.indexOf(vertex.document.region)),
      entries: regions.slice(0, 12).map((region, index) => [`region ${region}`, color(index)]),
    };
  }
  const figure = (vertex: Vertex) => vertex[by];
  const most = Math.max(...model.vertices.map(figure), 0) || 1;
  const spell = (value: number) => (by === "cpu" ? cores(value) : sized(value));
  const steps = [0.2, 0.4, 0.6, 0.8, 1];
  const shade = (share: number) => `var(--heat-${Math.max(1, Math.ceil(share * steps.length))})`;
  return {
    of: (vertex) => shade(figure(vertex) / most),
    entries: steps.map((step) => [`up to ${spell(most * step)}`, shade(step)]),
  };
}

interface Drawing {
  svg: SVGSVGElement;
  boxes: Map<Vertex, SVGGElement>;
  centre: (vertex: Vertex) => void;
  pick: (vertex: Vertex) => void;
  scale: (factor: number) => void;
  fit: () => void;
  fitOnce: () => void;
  /** Write again what an edit may have changed of tasks that are where they were. */
  refresh: () => void;
}

/** Draw the graph; `selected` is told of the task that a person picks. */
function draw(model: Model, selected: (vertex: Vertex) => void, editing?: Editing): Drawing {
  const graph = laidOut(model);
  const layer = s("g");
  const boxes = new Map<Vertex, SVGGElement>();
  const groupBoxes = new Map<string, SVGRectElement>();
  const groupNames = new Map<string, SVGTextElement>();
  for (const group of model.groups.values()) {
    const box = graph.node(`group ${group.name}`);
    if (!box) continue;
    const x = box.x - box.width / 2;
    const y = box.y - box.height / 2;
    const rect = s("rect", { class: "group", x, y: y - 6, width: box.width, height: box.height + 6, rx: 10 });
    rect.style.stroke = group.color;
    const name = s("text", { class: "group-name", x: x + 10, y: y + 9 });
    groupBoxes.set(group.name, rect);
    groupNames.set(group.name, name);
    layer.append(s("g", { role: "img", "aria-label": `slot sharing group ${group.name}` }, s("title", {}, group.name), rect, name));
  }
  const ranks = columns(graph);
  for (const key of graph.edges()) {
    const edge = graph.edge(key);
    layer.append(
      s("path", { class: edge["blocking"] ? "edge blocking" : "edge", d: curve(from(graph, key, edge.points), ranks), "marker-end": "url(#arrow)" }),
      s("rect", { class: "ship-back", x: edge.x! - edge.width! / 2, y: edge.y! - 9, width: edge.width!, height: 18, rx: 9 }),
      s("text", { class: "ship", x: edge.x!, y: edge.y! + 4, "text-anchor": "middle" }, String(edge["ship"])),
    );
  }
  const order = [...model.vertices].sort((a, b) => {
    const [one, other] = [graph.node(a.document.id), graph.node(b.document.id)];
    return one.x - other.x || one.y - other.y;
  });
  const pick = (vertex: Vertex) => {
    for (const [other, element] of boxes) element.setAttribute("aria-pressed", String(other === vertex));
    selected(vertex);
  };
  for (const vertex of order) {
    const node = graph.node(vertex.document.id);
    const element = s(
      "g",
      {
        class: "vertex", tabindex: 0, role: "button", "aria-pressed": "false",
        transform: `translate(${node.x - node.width / 2},${node.y - node.height / 2})`,
        click: () => pick(vertex),
        focus: () => reveal(vertex),
        keydown: ((event: KeyboardEvent) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            pick(vertex);
          }
        }) as EventListener,
      },
      s("title", {}, vertex.document.name),
      s("rect", { class: "box", width: node.width, height: node.height, rx: 6 }),
      s("rect", { class: "stripe", width: 6, height: node.height, rx: 3 }),
      s("text", { class: "parallelism", x: 16, y: 20 }),
      s("text", { class: "figure-text", x: node.width - 10, y: 20, "text-anchor": "end" }),
    );
    title(vertex).forEach((text, index) => {
      const y = HEAD + index * LINE;
      if (index) element.append(s("line", { class: "link-line", x1: 22, x2: 22, y1: y - 5, y2: y + 3 }));
      element.append(s("circle", { class: "dot", cx: 22, cy: y + 9, r: 3 }), s("text", { class: "operator", x: 32, y: y + 13 }, short(text, LETTERS)));
    });
    element.append(s("text", { class: "foot", x: 16, y: node.height - 9 }, vertex.nodes.length > 1 ? `chain of ${vertex.nodes.length}` : vertex.nodes[0]?.planner?.kind ?? ""));
    if (editing) draggable(element, vertex, groupBoxes, editing);
    boxes.set(vertex, element);
    layer.append(element);
  }
  const write = (element: Element, text: string) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const refresh = () => {
    for (const [vertex, element] of boxes) {
      const { name, parallelism, group } = vertex.document;
      element.setAttribute("aria-label", `task ${name}, parallelism ${parallelism}, group ${group}`);
      write(element.querySelector(".parallelism")!, `×${parallelism}`);
      write(element.querySelector(".figure-text")!, vertex.cpu ? cores(vertex.cpu) : "");
      const worst = editing?.worst(vertex) ?? "";
      if (worst === (element.dataset["worst"] ?? "")) continue;
      element.dataset["worst"] = worst;
      element.querySelectorAll(".finding, .finding-text").forEach((one) => one.remove());
      const x = graph.node(vertex.document.id).width;
      if (worst) element.append(s("circle", { class: `finding ${worst}`, cx: x, cy: 0, r: 7 }, s("title", {}, worst)), s("text", { class: "finding-text", x, y: 4, "text-anchor": "middle", "aria-hidden": "true" }, "!"));
    }
    const conflicts = editing?.conflicting();
    for (const [name, rect] of groupBoxes) {
      const why = conflicts?.get(name);
      const letters = Math.max(8, Math.floor((graph.node(`group ${name}`).width - 20) / 8.2));
      rect.classList.toggle("conflict", why !== undefined);
      write(rect.parentElement!.querySelector("title")!, why ? `${name}: ${why}` : name);
      write(groupNames.get(name)!, why ? `${short(name, Math.max(4, letters - 14))} does not fit` : short(name, letters));
      groupNames.get(name)!.classList.toggle("bad", why !== undefined);
    }
  };
  refresh();
  const whole = graph.graph();
  const [width, height] = [whole.width ?? 1, whole.height ?? 1];
  const svg = s(
    "svg", { class: "graph", viewBox: null, role: "group", "aria-label": "Job graph" },
    s("defs", {}, s("marker", { id: "arrow", viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, s("path", { class: "arrow", d: "M0 0L10 5L0 10z" }))),
    layer,
  );
  let now: ZoomTransform = zoomIdentity;
  let fitting = false;
  const behaviour = zoom<SVGSVGElement, unknown>().scaleExtent([0.03, 3]).on("zoom", (event) => {
    now = event.transform;
    if (editing) editing.kept.transform = fitting ? null : now;
    layer.setAttribute("transform", now.toString());
  });
  const target = select(svg);
  target.call(behaviour).on("dblclick.zoom", null);
  const size = () => [svg.clientWidth || 900, svg.clientHeight || 500] as const;
  /** Show all of it; with a `least` scale, its sources where all would be too small to read. */
  const fit = (least = 0) => {
    const [w, t] = size();
    const k = Math.max(least, Math.min(1.25, w / width, t / height));
    fitting = true;
    behaviour.transform(target, zoomIdentity.translate(Math.max(0, (w - width * k) / 2), Math.max(0, (t - height * k) / 2)).scale(k));
    fitting = false;
  };
  const centre = (vertex: Vertex) => {
    const node = graph.node(vertex.document.id);
    const [w, t] = size();
    const k = Math.max(now.k, 0.8);
    behaviour.transform(target, zoomIdentity.translate(w / 2 - node.x * k, t / 2 - node.y * k).scale(k));
  };
  /** Bring a task that got the focus into sight, and leave the drawing alone where it is seen. */
  const reveal = (vertex: Vertex) => {
    const node = graph.node(vertex.document.id);
    const [w, t] = size();
    const [x, y] = now.apply([node.x, node.y]);
    if (x < 60 || y < 30 || x > w - 60 || y > t - 30) centre(vertex);
  };
  let fitted = false;
  const fitOnce = () => {
    if (fitted || !svg.clientWidth) return;
    fitted = true;
    if (editing?.kept.transform) behaviour.transform(target, editing.kept.transform);
    else fit(READABLE);
    for (const [vertex, element] of boxes) if (element.getAttribute("aria-pressed") === "true") reveal(vertex);
  };
  aroundPrint(
    () => {
      layer.removeAttribute("transform");
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    },
    () => {
      svg.removeAttribute("viewBox");
      layer.setAttribute("transform", now.toString());
    },
  );
  return { svg, boxes, centre, pick, scale: (factor) => behaviour.scaleBy(target, factor), fit, fitOnce, refresh };
}

let last: { of: string; graph: ReturnType<typeof layOut> } | null = null;

/** The places of tasks, groups and edges; those of the graph before where nothing that counts has changed. */
function laidOut(model: Model): ReturnType<typeof layOut> {
  const of = shapeOf(model);
  if (last?.of !== of) last = { of, graph: layOut(model) };
  return last.graph;
}

/** What decides where everything is drawn. */
const shapeOf = (model: Model): string =>
  JSON.stringify(model.vertices.map((one) => [one.document.id, one.document.name, one.document.group, title(one), (one.document.inputs ?? []).map((input) => [input.vertex, input.ship, input.type])]));

function layOut(model: Model) {
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: "LR", nodesep: 26, ranksep: 30, edgesep: 14, marginx: 24, marginy: 24 });
  for (const group of new Set(model.vertices.map((one) => one.document.group))) graph.setNode(`group ${group}`, {});
  for (const vertex of model.vertices) {
    const letters = Math.min(LETTERS, Math.max(...title(vertex).map((text) => text.length)));
    graph.setNode(vertex.document.id, { width: Math.max(NARROW, 44 + letters * LETTER), height: HEAD + vertex.nodes.length * LINE + FOOT });
    graph.setParent(vertex.document.id, `group ${vertex.document.group}`);
  }
  for (const vertex of model.vertices)
    (vertex.document.inputs ?? []).forEach((input, index) => {
      graph.setEdge(input.vertex, vertex.document.id, { width: input.ship.length * 7.4 + 16, height: 18, labelpos: "c", ship: input.ship, blocking: !/PIPELINED/.test(input.type) }, String(index));
    });
  dagre.layout(graph);
  return graph;
}

/** Let a task be dragged onto the box of another group. */
function draggable(element: SVGGElement, vertex: Vertex, groups: Map<string, SVGRectElement>, editing: Editing): void {
  element.addEventListener("mousedown", (event) => event.stopPropagation()); // else the drawing is panned
  element.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    const own = element.getAttribute("transform")!;
    const scale = element.getScreenCTM()?.a || 1;
    const [parent, after] = [element.parentNode!, element.nextSibling];
    let over: string | null = null;
    const moved = (event: PointerEvent) => {
      const [x, y] = [event.clientX - down.clientX, event.clientY - down.clientY];
      if (Math.hypot(x, y) < 6 && !element.classList.contains("dragged")) return;
      if (!element.classList.contains("dragged")) parent.appendChild(element); // above all others
      element.classList.add("dragged");
      element.setAttribute("transform", `${own} translate(${x / scale},${y / scale})`);
      over = null;
      for (const [name, rect] of groups) {
        const box = rect.getBoundingClientRect();
        const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
        rect.classList.toggle("target", inside && name !== vertex.document.group);
        if (inside) over = name;
      }
    };
    const done = () => {
      removeEventListener("pointermove", moved);
      removeEventListener("pointerup", done);
      removeEventListener("pointercancel", done);
      if (element.classList.contains("dragged")) parent.insertBefore(element, after);
      element.classList.remove("dragged");
      element.setAttribute("transform", own);
      for (const rect of groups.values()) rect.classList.remove("target");
      if (over !== null && over !== vertex.document.group) editing.dropped(vertex, over);
    };
    addEventListener("pointermove", moved);
    addEventListener("pointerup", done);
    addEventListener("pointercancel", done);
  });
}

/** From where to where the boxes and labels reach that stand in one column: what passes them is straight there. */
function columns(graph: ReturnType<typeof layOut>): Map<number, [number, number]> {
  const found = new Map<number, [number, number]>();
  const reach = (x: number, width: number) => {
    const [from, to] = found.get(Math.round(x)) ?? [x, x];
    found.set(Math.round(x), [Math.min(from, x - width / 2), Math.max(to, x + width / 2)]);
  };
  for (const name of graph.nodes()) if (!graph.children(name)?.length) reach(graph.node(name).x, graph.node(name).width);
  for (const key of graph.edges()) reach(graph.edge(key).x!, graph.edge(key).width!);
  return found;
}

/** The points of an edge, from the right side of a task to the left side of the one that reads it. */
function from(graph: ReturnType<typeof layOut>, key: { v: string; w: string }, points: { x: number; y: number }[]) {
  const between = points.slice(1, -1);
  const [source, target] = [graph.node(key.v), graph.node(key.w)];
  const beside = (node: { y: number; height: number }, y: number) => Math.min(Math.max(y, node.y - node.height / 2 + 14), node.y + node.height / 2 - 14);
  const [first, last] = [between[0]?.y ?? target.y, between.at(-1)?.y ?? source.y];
  return [
    { x: source.x + source.width / 2, y: beside(source, first) },
    ...between,
    { x: target.x - target.width / 2, y: beside(target, last) },
  ];
}

/** A smooth line through the points that dagre found. */
function curve(points: { x: number; y: number }[], ranks: Map<number, [number, number]>): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${first.x},${first.y}`;
  let [x, y] = [first.x, first.y];
  rest.forEach((point, index) => {
    const column = index < rest.length - 1 ? ranks.get(Math.round(point.x)) : undefined;
    const from = Math.max(x, column?.[0] ?? point.x);
    const middle = (x + from) / 2;
    path += `C${middle},${y} ${middle},${point.y} ${from},${point.y}`;
    [x, y] = [Math.max(from, column?.[1] ?? point.x), point.y];
    if (x > from) path += `H${x}`;
  });
  return path;
}

function about(model: Model, edits: boolean): HTMLElement[] {
  const regions = new Set(model.vertices.map((one) => one.document.region)).size;
  const subtasks = model.vertices.reduce((sum, one) => sum + one.document.parallelism, 0);
  return [
    h("h2", {}, "Job graph"),
    facts(
      ["Tasks", `${model.vertices.length}, ${count(model.data.profile.nodes.length, "operator")}`], ["Subtasks", subtasks.toLocaleString("en")],
      ["Groups", String(inUse(model).length)], ["Regions", regions === 1 ? "1: all tasks restart together" : `${regions} that restart on their own`],
    ),
    h("h3", {}, "Groups, per slot"),
    table("Slot sharing groups", ["group", "slots", "cpu", "memory"], inUse(model).map((group) => {
      const managed = Object.values(group.resources?.managed ?? {}).reduce((sum: number, size) => sum + bytes(size), 0);
      return [h("span", { class: "wrap" }, swatch(group.color), group.name), String(group.derived?.slots ?? "-"), String(group.resources?.cpu ?? "-"), sized(bytes(group.resources?.heap) + bytes(group.resources?.offHeap) + managed)];
    }), [1, 2, 3]),
    h("p", { class: "hint" }, "Drag to pan, scroll to zoom, Tab and Enter to select a task.", edits ? " Select a task to edit it, or drag it into another group." : ""),
  ];
}

function describe(model: Model, vertex: Vertex): HTMLElement[] {
  const { document } = vertex;
  const group = model.groups.get(document.group);
  const own = group?.resources;
  const names = new Map(model.vertices.map((one) => [one.document.id, one.document.name]));
  const reasons = group?.derived?.explanation ?? [];
  const size = (value: string | number | null | undefined) => (value === null || value === undefined ? "-" : sized(bytes(value)));
  const resources: [string, Child][] = own
    ? [["CPU", cores(Number(own.cpu ?? 0))], ["Heap", size(own.heap)], ["Off-heap", size(own.offHeap)], ...Object.entries(own.managed ?? {}).map(([use, value]): [string, Child] => [`Managed, ${use.toLowerCase().replaceAll("_", " ")}`, size(value)]), ["Network", size(group?.derived?.network)]]
    : [];
  return [
    h("h2", { class: "wrap" }, document.name),
    facts(["Parallelism", `${document.parallelism} of at most ${document.maxParallelism}`], ["Group", h("span", { class: "wrap" }, swatch(group?.color ?? ""), document.group)], ["Region", String(document.region)],
      ["CPU load", vertex.cpu ? `${cores(vertex.cpu)} in all` : "not declared"], ["JobVertexID", h("code", {}, document.id)]),
    h("h3", {}, "Operators"),
    h("ul", { class: "plain" }, ...vertex.nodes.map((node) => h("li", {}, h("b", { class: "wrap" }, node.desc || String(node.id)), h("span", { class: "dim" }, ` ${node.planner?.kind ?? node.type ?? ""}${node.planner?.load?.cpu ? `, ${cores(Number(node.planner.load.cpu))} a subtask` : ""}${node.planner?.state?.size ? `, ${sized(bytes(node.planner.state.size))} of state` : ""}`)))),
    ...((document.inputs ?? []).length ? [h("h3", {}, "Reads"), table("Inputs", ["from", "ship", "exchange"], document.inputs!.map((input) => [h("span", { class: "wrap" }, names.get(input.vertex) ?? input.vertex), input.ship, input.type.toLowerCase().replaceAll("_", " ")]))] : []),
    h("h3", {}, "A slot of its group"),
    facts(...resources),
    ...(reasons.length ? [h("h3", {}, "Why"), h("ul", { class: "plain" }, ...reasons.map((reason) => h("li", {}, h("b", {}, `${reason.figure} ${reason.value}`), h("span", { class: "tag" }, reason.confidence), h("div", { class: "dim wrap" }, `${reason.reason}${reason.source ? ` (${reason.source})` : ""}`))))] : []),
  ];
}
