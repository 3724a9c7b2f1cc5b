// The placement: how good it is and why first, then every TaskManager with its resources and slots.
import { bar, choice, facts, h, s, search, swatch, table, type Child } from "../dom";
import { bytes, byName, cores, count, middle, percent, sized } from "../format";
import { spelled, type Placed, type TaskManager } from "../model";
import type { Placement, Slot } from "../documents/placement";
import { VirtualList, type Section } from "../virtual";
import { scale } from "./scale";

const BOUNDS: Record<string, string> = {
  item: "the heaviest slot on the largest TaskManager that can hold it",
  "rounded-area": "all load on all CPU, as loads are multiples of a common step",
  area: "all load on all capacity",
  "class-lp": "CPU, memory and slots together, by classes of TaskManagers",
  classes: "CPU, memory and slots together, by classes of TaskManagers",
  patterns: "every possible content of whole TaskManagers",
  "cp-sat": "a complete search by CP-SAT",
};
const RESOURCES: [string, string][] = [
  ["cpu", "CPU load"], ["cpuReserved", "CPU reserved"], ["memory", "Memory"], ["heap", "Heap"], ["offHeap", "Off-heap"],
  ["managed", "Managed"], ["network", "Network"], ["slots", "Slots"],
];
const CARD: [string, string][] = [["cpu", "CPU"], ["memory", "Memory"], ["network", "Network"]];
/** Pixels of a slot's cell, and how many stand in one line of a card. */
const CELL = 12;
const ACROSS = 16;
/** How many moves are listed. */
const MOVES = 40;

type By = "class" | "zone" | "contents" | "none";
type Order = "cpu" | "memory" | "slots" | "name";

/** What a screen that edits adds to the placement; a report has none of it. */
export interface Trying {
  /** What stands above the summary. */
  bar: Child[];
  /** The slots of a TaskManager. */
  slots: (tm: TaskManager) => Promise<Slot[]>;
  /** A slot of a group was dragged from one TaskManager to another; null where none can be moved. */
  move: ((group: string, source: string, target: string) => void) | null;
  /** What can be done with a selected TaskManager. */
  actions: (tm: TaskManager) => Child[];
  /** What a person has selected, kept while the view is built again. */
  kept: { by: By; order: Order; selected: string | null };
}

export function placementView(model: Placed, trying?: Trying): HTMLElement {
  const detail = h("aside", { class: "detail", "aria-live": "polite", "aria-label": "Selected TaskManager" });
  const list = new VirtualList<TaskManager>({
    label: "TaskManagers",
    width: 216,
    height: 116,
    draw: (tm) => card(model, tm),
    say: (tm) => spoken(tm),
    selected: (tm) => {
      if (trying) trying.kept.selected = tm.id;
      detail.replaceChildren(...[...describe(model, tm, trying?.slots(tm)), ...(trying?.actions(tm) ?? [])].filter((one) => one instanceof Node));
    },
  });
  let by: By = trying?.kept.by ?? "class";
  let order: Order = trying?.kept.order ?? "cpu";
  let text = "";
  const found = h("output", { class: "found" });
  const show = () => {
    const matching = model.taskManagers.filter(
      (tm) => !text || tm.id.toLowerCase().includes(text) || tm.contents.toLowerCase().includes(text) || tm.className.toLowerCase().includes(text),
    );
    found.textContent = matching.length === model.taskManagers.length ? "" : `${count(matching.length, "match", "matches")}`;
    if (trying) Object.assign(trying.kept, { by, order });
    list.show(sections(matching, by, order));
  };
  const zones = Object.keys(model.data.zones).length > 0;
  const toolbar = h(
    "div",
    { class: "toolbar", role: "toolbar", "aria-label": "TaskManagers" },
    search("Search TaskManagers", (value) => ((text = value), show())),
    choice("Group by", [["class", "class"], ...(zones ? [["zone", "zone"] as const] : []), ["contents", "contents"], ["none", "nothing"]] as const, (value: By) => ((by = value), show()), by),
    choice("Sort by", [["cpu", "CPU load"], ["memory", "memory"], ["slots", "slots"], ["name", "name"]] as const, (value: Order) => ((order = value), show()), order),
    found,
  );
  const legend = h(
    "ul", { class: "legend", "aria-label": "Slot sharing groups" },
    ...[...model.groups.values()].filter((group) => group.slots).map((group) =>
      h("li", { title: group.name }, swatch(group.color), h("span", { class: "cut" }, group.name), h("span", { class: "dim" }, String(group.slots)))),
  );
  detail.append(...verdict(model, Boolean(trying?.move)));
  if (trying?.move) draggable(list.element, model, trying.move);
  show();
  const kept = trying?.kept.selected;
  if (kept) new ResizeObserver((_, observer) => (observer.disconnect(), list.select((tm) => tm.id === kept))).observe(list.element);
  const decided = model.data.placement.objective[0]?.decidedBy?.taskManager;
  return h(
    "div", { class: "columns" },
    h("div", { class: "content" }, ...(trying?.bar ?? []), h("div", { class: "summary" }, ...figures(model, () => decided && list.select((tm) => tm.id === decided)), h("figure", { class: "panel" }, h("figcaption", {}, "CPU utilisation, highest of any TaskManager", h("span", { class: "key" }, `dashed: proven bound; Flink: median and range of random orders${model.taskManagers.some((tm) => tm.reserve) ? ", *on the reserve too" : ""}`)), scale(model))), legend, toolbar, list.element),
    detail,
  );
}

function figures(model: Placed, showDecided: () => void): HTMLElement[] {
  const { placement } = model.data;
  const { imbalance } = placement;
  const level = placement.objective.find((one) => one.name === "maxCpuUtilisation");
  const reserve = model.taskManagers.filter((tm) => tm.reserve).length;
  const used = model.taskManagers.filter((tm) => tm.slots).length;
  const slots = model.taskManagers.reduce((sum, tm) => sum + tm.slots, 0);
  const over = (share: number, digits = 1): Child => (share > 1 ? h("span", { class: "bad", title: "more than the CPU that there is" }, percent(share, digits)) : percent(share, digits));
  const stat = (term: string, value: Child, note: Child) => h("div", { class: "stat" }, h("span", { class: "term" }, term), h("strong", {}, value), h("span", { class: "note" }, note));
  const decided = level?.decidedBy;
  const link = decided && h("button", { type: "button", class: "link cut", click: showDecided, title: decided.taskManager }, `by ${middle(decided.taskManager, 12)}`);
  const proof = !level ? "-" : level.status === "optimal" ? "optimal" : level.gap !== null && level.gap !== undefined ? `gap ${percent(level.gap, 2)}` : "no bound";
  return [
    h(
      "div", { class: "stats" },
      stat("Highest CPU", over(imbalance.max, 2), link ?? `mean ${percent(imbalance.mean)}`),
      stat("Proof", placement.strategy ? "simulated" : proof, level?.bound ? `none is below ${percent(level.bound, 2)}` : "no bound is known"),
      stat("Imbalance", imbalance.maxOverMean.toFixed(3), `max/mean; spread ${percent(imbalance.spread, 2)}`),
      stat("TaskManagers", `${used.toLocaleString("en")} used`, `of ${model.taskManagers.length.toLocaleString("en")}; ${count(slots, "slot")}`),
      stat("Highest at worst", over(placement.slotLoad?.worst ?? imbalance.max), placement.slotLoad ? "if Flink pairs unequal slots badly" : "slots of a group are alike"),
      stat("Reserve", reserve ? String(reserve) : "none", placement.uncovered?.length ? `${count(placement.uncovered.length, "loss", "losses")} not covered` : reserve ? "any one can be lost" : "a loss waits for a new one"),
    ),
  ];
}

/** What decides, in words: shown until a TaskManager is selected. */
function verdict(model: Placed, movable: boolean): Child[] & HTMLElement[] {
  const { placement } = model.data;
  const first = placement.objective.find((one) => one.name === "maxCpuUtilisation");
  const names: Record<string, string> = {
    maxCpuUtilisation: "Highest CPU", cpuUtilisationSpread: "Spread", maxMemoryUtilisation: "Highest memory",
    crossTraffic: "Traffic", deployments: "Deployments", taskManagers: "TaskManagers", moves: "Moved weight", blast: "Restarts",
  };
  const value = (name: string, number: number | null | undefined) =>
    number === null || number === undefined ? "-" : name === "crossTraffic" ? `${sized(number)}/s` : /Utilisation/.test(name) ? percent(number, 2) : String(number);
  const rows = placement.objective.map((level) => [
    names[level.name] ?? level.name, value(level.name, level.value), value(level.name, level.bound), level.status === "optimal" ? "optimal" : level.gap !== null && level.gap !== undefined ? percent(level.gap, 1) : "-",
  ]);
  return [
    h("h2", {}, "What decides"),
    h(
      "p", {},
      placement.strategy
        ? `This is one simulated outcome of ${placement.strategy}, not a placement to run.`
        : first?.status === "optimal"
          ? `No placement has a lower highest CPU utilisation than ${percent(first.bound, 2)}.`
          : first?.bound ? `At most ${percent((first.gap ?? 0), 2)} could still be gained: nothing is below ${percent(first.bound, 2)}.` : "No bound is known.",
      first?.boundKind ? ` The argument: ${BOUNDS[first.boundKind] ?? first.boundKind}.` : "",
    ),
    first?.decidedBy ? h("p", {}, "The fullest is ", h("b", {}, first.decidedBy.taskManager), "; most of it is group ", h("b", {}, first.decidedBy.group), ".") : h("span", {}),
    h("h3", {}, "Levels, in their order"),
    table("Levels of the objective", ["level", "value", "bound", "gap"], rows, [1, 2, 3]),
    ...moves(placement),
    h("p", { class: "hint" }, "Select a TaskManager to see what fills it.", movable ? " Drag a slot onto another TaskManager to try what that costs." : ""),
  ];
}

/** What changed against the placement before, where it was placed with few moves. */
function moves(placement: Placement): HTMLElement[] {
  const { moves } = placement;
  if (!moves) return [];
  const told = [
    moves.lost ? `${count(moves.lost, "slot")} of TaskManagers that are gone ${moves.lost === 1 ? "stands" : "stand"} elsewhere` : "",
    `${moves.moved ? count(moves.moved, "other slot") : "no other slot"} ${moves.moved === 1 || !moves.moved ? "moves" : "move"}`,
    moves.added ? `${moves.added} more` : "", moves.removed ? `${moves.removed} fewer` : "",
  ].filter(Boolean);
  const steps = (moves.steps ?? []).slice(0, MOVES);
  const rest = (moves.steps ?? []).length - steps.length;
  return [
    h("h3", {}, "Moves"),
    h("p", {}, `Since the placement before: ${told.join(", ")}. Compare shows every TaskManager that changes.`),
    ...(steps.length ? [table("Moves", ["group", "slots", "from", "to"], steps.map((one) => [one.group, String(one.slots), one.from, one.to]), [1])] : []),
    ...(rest > 0 ? [h("p", { class: "dim" }, `and ${rest} more`)] : []),
    h("p", { class: "hint" }, "What a TaskManager offers is fixed when it starts: each that changes is replaced. planner migrate shows the steps and carries them out."),
  ];
}

function sections(items: TaskManager[], by: By, order: Order): Section<TaskManager>[] {
  const sorted = [...items].sort(
    (a, b) =>
      (order === "name" ? 0 : order === "slots" ? b.document.slots.length - a.document.slots.length : (b.use[order] ?? 0) - (a.use[order] ?? 0)) || byName(a.id, b.id),
  );
  if (by === "none") return [{ title: "", note: "", items: sorted }];
  const key = (tm: TaskManager) => (by === "class" ? tm.className : by === "zone" ? tm.zone : tm.contents);
  const found = new Map<string, TaskManager[]>();
  for (const tm of sorted) found.get(key(tm))?.push(tm) ?? found.set(key(tm), [tm]);
  const titles = [...found.keys()].sort(by === "contents" ? (a, b) => found.get(b)!.length - found.get(a)!.length || byName(a, b) : byName);
  return titles.map((title) => {
    const own = found.get(title)!;
    const used = own.filter((tm) => !tm.reserve);
    const shares = used.map((tm) => tm.use["cpu"] ?? 0);
    const low = shares.reduce((least, one) => Math.min(least, one), Infinity);
    const high = shares.reduce((most, one) => Math.max(most, one), 0);
    const range = shares.length ? `CPU ${percent(low) === percent(high) ? percent(low) : `${percent(low)} – ${percent(high)}`}` : "no load";
    const spare = own.length - used.length;
    return { title: by === "contents" ? title : `${by} ${title}`, note: `${count(own.length, "TaskManager")}, ${range}${spare ? `, ${spare} in reserve` : ""}`, items: own };
  });
}

const spoken = (tm: TaskManager) =>
  `${tm.id}, class ${tm.className}, CPU ${percent(tm.use["cpu"])}, memory ${percent(tm.use["memory"])}, ${tm.contents}`;

function card(model: Placed, tm: TaskManager): HTMLElement {
  return h(
    "div", { class: tm.reserve ? "card reserve" : "card", title: tm.id, "data-tm": tm.id },
    h("div", { class: "title" }, h("span", { class: "cut" }, middle(tm.id, 18)), h("span", { class: "dim" }, tm.reserve ? "reserve" : count(tm.slots, "slot"))),
    ...CARD.map(([key, label]) => h("div", { class: "use" }, h("span", {}, label), bar(tm.use[key] ?? 0), h("span", { class: "figure" }, percent(tm.use[key] ?? 0)))),
    cells(model, tm),
  );
}

/** A cell for each slot, a band for each group where there are very many; those in reserve as outlines. */
function cells(model: Placed, tm: TaskManager): SVGElement {
  const quotas = Object.entries(tm.document.quotas).filter(([, slots]) => slots > 0);
  const total = quotas.reduce((sum, [, slots]) => sum + slots, 0);
  const drawing = s("svg", { class: tm.reserve ? "cells reserved" : "cells", "aria-hidden": "true", width: ACROSS * CELL, height: 2 * CELL });
  let first = 0;
  for (const [name, slots] of quotas) {
    let path = "";
    if (total > 2 * ACROSS) {
      const scale = (ACROSS * CELL) / total;
      path = `M${first * scale} 2h${Math.max(1, slots * scale - 1)}v16h${-Math.max(1, slots * scale - 1)}z`;
    } else
      for (let slot = first; slot < first + slots; slot++)
        path += `M${(slot % ACROSS) * CELL + 1} ${Math.floor(slot / ACROSS) * CELL + 1}h9v9h-9z`;
    first += slots;
    const shape = s("path", { d: path, "data-group": name }, s("title", {}, `${name} ×${slots}`));
    shape.style.setProperty("--group", model.groups.get(name)?.color ?? "");
    drawing.append(shape);
  }
  return drawing;
}

/** Let a slot be dragged from the card of one TaskManager onto that of another. */
function draggable(list: HTMLElement, model: Placed, move: NonNullable<Trying["move"]>): void {
  list.classList.add("movable");
  list.addEventListener("pointerdown", (down) => {
    const group = (down.target as Element).getAttribute("data-group");
    const source = (down.target as Element).closest<HTMLElement>("[data-tm]");
    if (!group || !source || source.classList.contains("reserve") || down.button !== 0) return;
    let carried: HTMLElement | null = null;
    let over: HTMLElement | null = null;
    const moved = (event: PointerEvent) => {
      if (!carried && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < 6) return;
      if (!carried) {
        carried = h("div", { class: "carried" });
        carried.style.setProperty("--group", model.groups.get(group)?.color ?? "");
        document.body.append(carried);
      }
      Object.assign(carried.style, { left: `${event.clientX}px`, top: `${event.clientY}px` });
      const card = document.elementFromPoint(event.clientX, event.clientY)?.closest<HTMLElement>("[data-tm]") ?? null;
      over?.classList.remove("over");
      over = card !== source ? card : null;
      over?.classList.add("over");
    };
    const done = (event: PointerEvent) => {
      removeEventListener("pointermove", moved);
      removeEventListener("pointerup", done);
      removeEventListener("pointercancel", done);
      carried?.remove();
      over?.classList.remove("over");
      if (event.type === "pointerup" && over) move(group, source.dataset["tm"]!, over.dataset["tm"]!);
    };
    addEventListener("pointermove", moved);
    addEventListener("pointerup", done);
    addEventListener("pointercancel", done);
  });
}

/** The slots of a TaskManager by group, and the subtasks in each. */
function slotList(model: Placed, slots: Slot[]): HTMLElement[] {
  const groups = new Map<string, string[]>();
  for (const slot of slots) groups.get(slot.group)?.push(slot.subtasks.join(", ")) ?? groups.set(slot.group, [slot.subtasks.join(", ")]);
  return [...groups].map(([name, subtasks]) =>
    h("details", { open: groups.size <= 3 && subtasks.length <= 12 }, h("summary", {}, swatch(model.groups.get(name)?.color ?? ""), h("span", { class: "wrap" }, `${name} ×${subtasks.length}`)),
      h("ol", { class: "subtasks" }, ...subtasks.map((text) => h("li", {}, text)))));
}

/** What is known of a TaskManager; its `slots` where the placement is without them. */
function describe(model: Placed, tm: TaskManager, slots?: Promise<Slot[]>): HTMLElement[] {
  const { load } = tm.document;
  const used: Record<string, string> = {
    cpu: cores(Number(load.cpu)), cpuReserved: cores(Number(load.cpuReserved)), heap: sized(bytes(load.heap)), offHeap: sized(bytes(load.offHeap)),
    managed: sized(bytes(load.managed)), network: sized(bytes(load.network)), slots: String(tm.slots),
    memory: sized(bytes(load.heap) + bytes(load.offHeap) + bytes(load.managed)),
  };
  const shown = RESOURCES.filter(([key]) => tm.use[key] !== undefined);
  // heap, off-heap and managed memory are sized to what the slots take, so being full is no limit there
  const fullest = shown.filter(([key]) => !["offHeap", "managed", "heap"].includes(key)).sort(([a], [b]) => tm.use[b]! - tm.use[a]!)[0];
  const list = h("div", {});
  if (slots) slots.then((found) => list.replaceChildren(...slotList(model, found)), (error: unknown) => list.replaceChildren(h("p", { class: "bad" }, String(error instanceof Error ? error.message : error))));
  else list.append(...slotList(model, tm.document.slots));
  return [
    h("h2", { class: "wrap" }, tm.id),
    facts(["Class", tm.className], ...(tm.zone !== "none" ? [["Zone", tm.zone] as [string, Child]] : []), ["Holds", tm.contents],
      ...(tm.reserve || !fullest ? [] : [["Fullest of what is fixed", `${fullest[1]}, ${percent(tm.use[fullest[0]])}`] as [string, Child]])),
    h("h3", {}, "Resources"),
    h("div", { class: "uses" }, ...shown.map(([key, label]) =>
      h("div", { class: "use wide" }, h("span", {}, label), bar(tm.use[key]!), h("span", { class: "figure" }, percent(tm.use[key])), h("span", { class: "figure dim" }, used[key] ?? "")))),
    h("h3", {}, tm.reserve ? "Takes over" : "Slots"),
    tm.slots ? list : h("p", {}, tm.reserve ? `Any of ${spelled(tm.document.quotas)}, when it is lost elsewhere.` : "It holds no slots."),
  ];
}
