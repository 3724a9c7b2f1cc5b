// The entry of `planner ui`: edits of one file, and the views of what follows from them.
import "./style.css";
import { client, Gone, Refused, type Finding, type Loads, type Search, type State } from "./client";
import { button, h, type Child } from "./dom";
import { count, percent } from "./format";
import { isPlaced, isRecovered, modelOf, type Model, type TaskManager, type Vertex } from "./model";
import { shell, type View } from "./shell";
import { Steps, type Step } from "./steps";
import { notes, ownedOperator, setAll, taskForm, unfit, worst } from "./views/forms";
import { graphOf, type Editing, type Graph } from "./views/graph";
import { historyView } from "./views/history";
import { liveView } from "./views/live";
import { placementView, type Trying } from "./views/placement";
import { recoveryView } from "./views/recovery";

const BUSY = 300;
const IDLE = 2000;

const steps = new Steps();
let state: State = undefined as unknown as State; // until the first answer
let model: Model | null = null;
let search: Search | null = null;
let show: string | null = null;
let seconds = 10;
let near = false;
/** Whether the end of a search is still to be shown. */
let awaited = false;
let loads: Loads | null = null;
let moving: { group: string; target: string } = { group: "", target: "" };
let gone = false;
let waiting = Promise.resolve();
const graph: Editing["kept"] = { by: "group", selected: null, transform: null };
const placed: Trying["kept"] = { by: "class", order: "cpu", selected: null };

const problems = h("div", { class: "problems", hidden: true, role: "region", "aria-label": "Findings" });
const banner = h("div", { class: "banners", "aria-live": "polite" });
const undo = button("Undo", () => step(() => steps.undo()), { title: "Undo (Ctrl+Z)" });
const redo = button("Redo", () => step(() => steps.redo()), { title: "Redo (Ctrl+Shift+Z)" });
const changes = button("Changes", () => showChanges(), { title: "What differs from the file (d)" });
const save = button("Save", () => void saveJob(), { title: "Write the edits into the file (Ctrl+S)", class: "tool primary" });
const found = button("", () => found.setAttribute("aria-expanded", String(!(problems.hidden = !problems.hidden))), { "aria-expanded": "false" });
const bar = h("div", { class: "toolbar", role: "toolbar", "aria-label": "Placing" });

const view = (id: string, title: string, build: () => HTMLElement): View => ({ id, title, build: () => (state ? build() : h("div")) });
let drawn: Graph | null = null;
const views: View[] = [
  {
    ...view("graph", "Graph", () => {
      drawn = model ? graphOf(model, editing()) : null;
      return drawn?.element ?? nothing();
    }),
    update: () => model !== null && (drawn?.update(model) ?? false),
  },
  view("placement", "Placement", () => placement()),
  view("recovery", "Recovery", () => recovery()),
  view("compare", "Compare", () => comparison()),
  view("live", "Live", () => live()),
];
const frame = shell("planner", "", views, [undo, redo, changes, save, found], [banner, problems]);

/** Do one thing after the other: an answer that is older never replaces a newer one. */
function queue(act: () => Promise<void>): Promise<void> {
  waiting = waiting.then(act).catch((error: unknown) => fail(error));
  return waiting;
}

function fail(error: unknown): void {
  if (error instanceof Gone) {
    gone = true;
    say("gone", `${error.message}. ${steps.done.length ? `Your ${count(steps.done.length, "edit")} ${steps.done.length === 1 ? "is" : "are"} kept in this browser: start` : "Start"} planner ui again and open the address that it prints.`, "error");
  } else if (error instanceof Refused && error.disk) changed(error.disk, error.patch);
  else say("refused", error instanceof Error ? error.message : String(error), "error", () => unsay("refused"));
}

/** A line above the views; `done` makes it go. */
function say(id: string, message: string, kind: "error" | "warning" | "info", done?: () => void, ...more: Child[]): void {
  unsay(id);
  banner.append(h("div", { class: `banner ${kind}`, "data-id": id }, h("span", { class: "wrap lines" }, message), ...more, done ? button("Close", done) : null));
}

/** A line that goes by itself, and with the next edit. */
function passing(id: string, message: string): void {
  for (const one of PASSING) unsay(one);
  say(id, message, "info", () => unsay(id));
  setTimeout(() => unsay(id), 8000);
}
const PASSING = ["saved", "moved", "refused"];

const unsay = (id: string) => banner.querySelector(`[data-id="${id}"]`)?.remove();

async function refresh(): Promise<void> {
  state = await client.view(steps.edits, steps.base, show);
  if (steps.base === null) steps.base = state.base;
  gone = false;
  unsay("gone");
  const typed = new Map([...document.querySelectorAll<HTMLInputElement>("input[data-focus]")].filter((one) => one.value !== one.defaultValue).map((one) => [one.dataset["focus"]!, [one.defaultValue, one.value] as const]));
  const focus = (document.activeElement as HTMLElement | null)?.dataset["focus"];
  const open = new Map([...document.querySelectorAll<HTMLDetailsElement>("details[data-keep]")].map((one) => [one.dataset["keep"]!, one.open]));
  if (state.data) model = modelOf(state.data);
  frame.rename(model?.name ?? state.file);
  frame.rebuild();
  for (const one of document.querySelectorAll<HTMLDetailsElement>("details[data-keep]")) one.open = open.get(one.dataset["keep"]!) ?? one.open;
  for (const one of document.querySelectorAll<HTMLInputElement>("input[data-focus]")) {
    const [was, half] = typed.get(one.dataset["focus"]!) ?? [];
    if (half !== undefined && was === one.defaultValue) one.value = half; // typed, but not done
  }
  if (focus) document.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  header();
  refusals();
}

function header(): void {
  const errors = state.findings.filter((one) => one.severity === "error").length;
  const warnings = state.findings.filter((one) => one.severity === "warning").length;
  undo.disabled = !steps.done.length;
  redo.disabled = !steps.undone.length;
  undo.title = steps.done.length ? `Undo ${steps.done.at(-1)!.label} (Ctrl+Z)` : "Nothing to undo";
  redo.title = steps.undone.length ? `Redo ${steps.undone.at(-1)!.label} (Ctrl+Shift+Z)` : "Nothing to redo";
  save.disabled = changes.disabled = !state.patch;
  save.className = errors ? "tool" : "tool primary";
  save.textContent = state.patch ? `Save ${state.file}` : "Saved";
  document.title = `${state.patch ? "● " : ""}${model?.name ?? state.file} - planner`;
  const infos = state.findings.length - errors - warnings;
  found.textContent = [errors ? count(errors, "error") : "", warnings ? count(warnings, "warning") : "", infos ? count(infos, "note") : ""].filter(Boolean).join(", ") || "No findings";
  found.className = errors ? "tool wrong" : "tool";
  if (errors > 0 !== (problems.dataset["errors"] === "yes")) problems.hidden = !errors; // opened by an error, closed by its mending
  problems.dataset["errors"] = errors ? "yes" : "no";
  found.setAttribute("aria-expanded", String(!problems.hidden));
  problems.replaceChildren(...listed(state.findings));
  if (state.problem) say("problem", state.problem, "error");
  else unsay("problem");
}

function listed(findings: Finding[]): HTMLElement[] {
  if (!findings.length) return [h("p", { class: "dim" }, "Nothing is wrong with this draft.")];
  const sorted = [...findings].sort((a, b) => "error warning info".indexOf(a.severity) - "error warning info".indexOf(b.severity) || a.line - b.line);
  const unread = sorted.some((one) => one.severity === "error" && one.code.startsWith("DOC"));
  const rest = unread ? [h("p", { class: "dim" }, "Fix this first: what is shown below is the job before this edit.")] : [];
  return [...rest, ...sorted.map((one) => {
    const vertex = model?.vertices.find((other) => other.nodes.some((node) => {
      const root = ownedOperator(state, node)?.root;
      return root?.every((part, index) => one.path[index] === part);
    }));
    const text = notes([one])[0]!;
    text.prepend(h("span", { class: "dim" }, `line ${one.line} `));
    if (vertex) text.append(" ", h("button", { type: "button", class: "link", click: () => select(vertex) }, "show"));
    return text;
  })];
}

function select(vertex: Vertex): void {
  graph.selected = vertex.nodes[0]?.id ?? null;
  frame.show("graph");
  frame.rebuild();
}

function refusals(): void {
  if (!state.refused.length) return unsay("refusals");
  const reasons = [...new Set(state.refused.map((one) => one.reason))].join("\n");
  say("refusals", `${count(state.refused.length, "edit")} cannot be made:\n${reasons}`, "warning", undefined, button("Leave out", () => step(() => steps.drop(state.refused.map((one) => one.index)))));
}

const step = (change: () => void): Promise<void> =>
  queue(async () => {
    if (!search?.running) search = null; // what it found out was about the job before
    for (const one of PASSING) unsay(one);
    await steps.attempt(change, refresh, (error) => error instanceof Refused && !error.disk);
  });

const act = (one: Step): void => {
  if (!one.edits.length) return;
  const listed = one.edits.find((edit) => edit.owner === "group" && edit.field === "name");
  const names = [...(model?.groups.keys() ?? [])];
  void step(() => steps.add(one)).then(() => {
    if (listed) passing("moved", `Group ${listed.name} is new: it begins with the resources of the group that the task was in. Undo if you meant ${alike(listed.name, names) ?? "another one"}.`);
  });
};

/** The name that differs in one letter, or in two that stand the other way round, from what was typed. */
function alike(typed: string, names: string[]): string | null {
  const without = (text: string) => new Set([text, ...[...text].map((_, index) => text.slice(0, index) + text.slice(index + 1))]);
  const typos = without(typed);
  return names.find((name) => name !== typed && [...without(name)].some((one) => typos.has(one))) ?? null;
}

function editing(): Editing {
  return {
    kept: graph,
    conflicting: () => new Map([...(search?.groups ?? []).map((name) => [name, "proven infeasible; the view Placement shows the conflict"] as const), ...unfit(state)]),
    form: (vertex) => taskForm({ state, model: model!, act }, vertex),
    worst: (vertex) => worst(state, vertex),
    dropped: (vertex, group) => {
      const operators = vertex.nodes.flatMap((node) => ownedOperator(state, node) ?? []);
      graph.selected = vertex.nodes[0]?.id ?? null;
      act({ label: `${vertex.document.name} into group ${group}`, edits: setAll(operators, "group", group) });
    },
  };
}

const nothing = () => h("div", { class: "content reading" }, h("h2", {}, "There is no graph yet"), h("p", {}, "Mend the errors of the file first."), ...listed(state.findings));

const later = (what: string) =>
  h("div", { class: "content reading" }, h("h2", {}, what), h("p", {}, model && isPlaced(model) ? "The placement is of the job before your edits. Balance again to see it." : "There is no placement yet. Balance on the view Placement first."));

/** The line above a placement: balance, stop, which placement is shown, and its file. */
function placing(): void {
  const running = search?.running ?? false;
  const time: HTMLInputElement = h("input", { type: "number", min: 1, max: 3600, step: 1, value: seconds, "aria-label": "Seconds to search", class: "short", change: () => (seconds = Math.min(3600, Math.max(1, Number(time.value) || 10))) });
  const shown = state.placements.find((one) => one.name === state.shown);
  const near_: HTMLInputElement = h("input", { type: "checkbox", checked: near, change: () => (near = near_.checked) });
  const pick: HTMLSelectElement = h("select", { "aria-label": "Placement that is shown", change: () => ((show = pick.value), void step(() => undefined)) });
  for (const one of state.placements) pick.append(h("option", { value: one.name, selected: one.name === state.shown }, `${one.label}, ${percent(one.highest, 2)}${one.current ? "" : one.elsewhere ? ", of another cluster" : ", before your edits"}`));
  bar.replaceChildren(
    running
      ? button("Stop", () => void client.stop().catch(fail), { class: "tool primary" })
      : button("Balance", () => void balance(), { class: "tool primary", disabled: !state.cluster || !state.data }),
    h("label", { class: "control" }, "Time limit", time, "s"),
    ...(shown ? [h("label", { class: "control" }, near_, "keep most slots where they are")] : []),
    ...(state.placements.length ? [h("label", { class: "control" }, "Shown", pick)] : []),
    ...(shown && state.target
      ? [button(shown.saved ? `${state.target} is saved` : `Save ${state.target}`, () => void savePlacement(), { disabled: !shown.current || shown.saved, class: shown.saved ? "tool" : "tool primary" })]
      : shown ? [h("span", { class: "dim" }, "not kept: start planner ui with --placement FILE")] : []),
    ...(shown?.current ? [button("Report", () => void report(), { title: "Download this placement as one HTML file" })] : []),
    h("output", { class: "found" }, running ? progress(search!) : ""),
  );
}

const progress = (one: Search): string =>
  [`${one.what}: ${one.step}`, one.best === null ? "" : `best ${percent(one.best, 2)}`, one.bound === null ? "" : `bound ${percent(one.bound, 2)}`, one.best && one.bound ? `gap ${percent(one.best / one.bound - 1, 2)}` : "", `${one.seconds.toFixed(0)} s`].filter(Boolean).join(", ");

function placement(): HTMLElement {
  placing();
  const conflict = search?.problem && search.what !== "measuring" ? h("div", { class: "banner error" }, h("span", { class: "wrap lines" }, search.problem)) : null;
  if (!model || !isPlaced(model)) {
    const missing = state.cluster ? `Balance places the job on cluster ${state.cluster}.` : "No cluster was named: start planner ui with --cluster FILE.";
    return h("div", { class: "content reading" }, bar, h("h2", {}, "There is no placement yet"), h("p", {}, missing), conflict);
  }
  const shown = state.placements.find((one) => one.name === state.shown);
  const old = shown !== undefined && !shown.current;
  const stale = old && !conflict ? h("div", { class: "banner warning" }, h("span", {}, shown.elsewhere ? `This placement is of another cluster than ${state.cluster}. Balance again.` : "This placement is of the job before your edits. Balance again.")) : null;
  return placementView(model, { bar: [bar, stale, conflict], slots: (tm) => client.slots(state.shown!, tm.id), move: old || !state.cluster ? null : (group, source, target) => ((moving.group = group), (moving.target = target), void move(source)), actions: (tm) => (old ? [] : actions(tm)), kept: placed });
}

function actions(tm: TaskManager): Child[] {
  if (!model || !state.cluster || tm.reserve) return [];
  const groups = Object.entries(tm.document.quotas).filter(([, slots]) => slots > 0).map(([name]) => name);
  const others = model.taskManagers.filter((one) => one.id !== tm.id);
  if (!groups.includes(moving.group)) moving.group = groups[0] ?? "";
  if (!others.some((one) => one.id === moving.target)) moving.target = others[0]?.id ?? "";
  const select = (label: string, names: string[], now: string, changed: (value: string) => void) => {
    const list: HTMLSelectElement = h("select", { "aria-label": label, "data-focus": label, change: () => changed(list.value) });
    for (const name of names) list.append(h("option", { value: name, selected: name === now }, name));
    return list;
  };
  return [
    h("h3", {}, "Try"),
    h(
      "div", { class: "form" },
      groups.length
        ? h("div", { class: "tools" }, "Move one slot of", select("Group of the slot", groups, moving.group, (value) => (moving.group = value)), "to", select("TaskManager to move it to", others.map((one) => one.id), moving.target, (value) => (moving.target = value)), button("Move", () => void move(tm.id)))
        : null,
      groups.length ? h("div", { class: "tools" }, button(`Drain ${tm.id}`, () => void drain(tm.id), { disabled: search?.running }), h("span", { class: "dim" }, "place without it, with few moves")) : null,
    ),
  ];
}

const draft = () => ({ edits: steps.edits, base: steps.base! });

const balance = () => {
  const previous = near && state.shown ? state.shown : null;
  return queue(async () => begun(await client.balance(draft(), seconds, previous)));
};

const drain = (taskManager: string) => queue(async () => begun(await client.drain(draft(), state.shown!, taskManager)));

function begun(one: Search): void {
  search = one;
  awaited = true;
  placing();
  watch(BUSY);
}

const move = (source: string) =>
  queue(async () => {
    const { result, problems: broken } = await client.move(draft(), state.shown!, moving.group, source, moving.target);
    for (const one of PASSING) unsay(one);
    if (broken.length) return say("refused", `One slot of ${moving.group} from ${source} to ${moving.target} does not hold:\n${broken.slice(0, 5).join("\n")}`, "warning", () => unsay("refused"));
    const before = state.placements.find((one) => one.name === state.shown)?.highest;
    show = result;
    await refresh();
    const after = state.placements.find((one) => one.name === result)?.highest;
    if (before !== undefined && after !== undefined) passing("moved", `One slot of ${moving.group} from ${source} to ${moving.target}: highest CPU ${percent(before, 2)} → ${percent(after, 2)}.`);
  });

function recovery(): HTMLElement {
  if (!model || !isPlaced(model) || !state.placements.find((one) => one.name === state.shown)?.current) return later("Recovery");
  const now = model;
  const place = h("div", { class: "content reading" }, h("p", { class: "dim" }, "Working out what each loss restarts…"));
  void queue(async () => {
    try {
      const whole = modelOf({ ...now.data, ...(await client.recovery(draft(), state.shown!)) });
      if (isRecovered(whole)) place.replaceWith(recoveryView(whole));
    } catch (error) {
      place.replaceChildren(h("p", { class: "bad" }, String(error instanceof Error ? error.message : error)));
      throw error;
    }
  });
  return place;
}

function live(): HTMLElement {
  if (!state.rest) return h("div", { class: "content reading" }, h("h2", {}, "Live"), h("p", {}, "No running cluster was named. Start planner ui with --rest URL to see what differs from the placement, and to measure its load."));
  if (!model || !isPlaced(model)) return h("div", { class: "content reading" }, h("h2", {}, "Live"), h("p", {}, "There is no placement to compare with. Start planner ui with --placement FILE."));
  return liveView(model, {
    state, search, loads,
    deviations: () => client.deviations(draft(), state.shown!),
    measure: (window) => void queue(async () => begun(await client.measure(draft(), window))),
    act,
  });
}

function comparison(): HTMLElement {
  if (!model || !isPlaced(model) || !state.placements.find((one) => one.name === state.shown)?.current) return later("Compare");
  const now = model;
  const place = h("div", { class: "content reading" }, h("p", { class: "dim" }, "Simulating Flink's own scheduler…"));
  void queue(async () => {
    const earlier = await client.compare(draft(), state.shown!).catch((error: unknown) => {
      place.replaceChildren(h("p", { class: "bad" }, String(error instanceof Error ? error.message : error)));
      throw error;
    });
    place.replaceWith(earlier.length ? historyView({ ...now, data: { ...now.data, earlier } }, "Beside Flink's own scheduler and other placements") : h("div", { class: "content reading" }, h("p", {}, "There is nothing to compare with.")));
  });
  return place;
}

async function saveJob(): Promise<void> {
  if (!state.patch) return;
  if (state.findings.some((one) => one.severity === "error") && !confirm("The draft has errors. Save it anyway?")) return;
  await queue(async () => {
    const { base } = await client.save(draft());
    steps.clear(base);
    unsay("changed");
    await refresh();
    passing("saved", `${state.file} is saved.`);
  });
}

const savePlacement = () =>
  queue(async () => {
    await client.savePlacement(draft(), state.shown!);
    await refresh();
    passing("saved", `${state.target} is saved. To deploy it: planner export ${state.target} --target kubernetes -o deploy`);
  });

/** Download the placement that is shown as one file that needs no server. */
const report = () =>
  queue(async () => {
    const { name, page } = await client.report(draft(), state.shown!);
    const address = URL.createObjectURL(new Blob([page], { type: "text/html" }));
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
    passing("saved", `The report is downloaded as ${name}.`);
  });

/** The file is not what the edits began with: nothing is written until a person has seen both. */
function changed(disk: string, patch: string): void {
  if (!steps.done.length) return void step(() => steps.clear(null));
  const dialog: HTMLDialogElement = h(
    "dialog", { "aria-label": "The file was changed" },
    h("h2", {}, `${state?.file ?? "The file"} was changed by somebody else`),
    h("p", {}, "Nothing was written. Your edits can be made in the file as it is now; what does not fit it any more is said first."),
    h("div", { class: "sides" }, h("section", {}, h("h3", {}, "Their changes"), patch ? diff(patch) : h("p", { class: "dim" }, "planner ui was started again: what the file was is not known.")), h("section", {}, h("h3", {}, "Your edits"), h("ul", { class: "plain" }, ...steps.done.map((one) => h("li", { class: "wrap" }, one.label))))),
    h(
      "div", { class: "tools" },
      button("Keep my edits", () => (dialog.close(), void step(() => steps.rebase(disk))), { class: "tool primary" }),
      button("Discard my edits", () => (dialog.close(), void step(() => steps.clear(null)))),
      button("Not now", () => dialog.close()),
    ),
  );
  open(dialog);
}

function showChanges(): void {
  if (!state.patch) return;
  const dialog: HTMLDialogElement = h(
    "dialog", { "aria-label": "Changes" },
    h("h2", {}, `Changes to ${state.file}`), diff(state.patch),
    h("h3", {}, "Step by step"), h("ol", {}, ...steps.done.map((one) => h("li", { class: "wrap" }, one.label))),
    h("div", { class: "tools" }, button("Close", () => dialog.close())),
  );
  open(dialog);
}

function open(dialog: HTMLDialogElement): void {
  document.querySelectorAll("dialog").forEach((one) => one.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const diff = (patch: string) =>
  h("pre", { class: "patch", tabindex: 0 }, ...patch.split("\n").slice(2).map((line) => h("span", { class: line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : line.startsWith("@@") ? "dim" : null }, `${line}\n`)));

/** Look every now and then what the search found, whether the file is still the same, and whether planner ui is there. */
let timer = 0;
function watch(after: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void queue(look), after);
}

async function look(): Promise<void> {
  let next = IDLE;
  try {
    const now = await client.now();
    const back = gone;
    const ended = awaited && now.search !== null && !now.search.running;
    if (awaited) search = now.search;
    if (ended) awaited = false;
    if (search?.running) {
      next = BUSY;
      placing();
      const told = document.querySelector("#live output");
      if (told && search.what === "measuring") told.textContent = `${search.step}, ${search.seconds.toFixed(0)} s`;
    } else if (ended) {
      if (search?.result) show = search.result;
      loads = search?.loads ?? loads;
      await refresh();
    }
    if (back) await refresh();
    if (now.disk && now.disk !== steps.base) {
      loads = null;
      if (steps.done.length) say("changed", `${state.file} was changed by somebody else; your edits are not in it.`, "warning", undefined, button("Compare", () => void queue(async () => { const theirs = await client.theirs(draft()); changed(theirs.disk, theirs.patch); })));
      else {
        steps.clear(null);
        await refresh();
      }
    } else unsay("changed");
  } catch (error) {
    fail(error);
  }
  watch(next);
}

addEventListener("keydown", (event) => {
  const field = event.target instanceof HTMLInputElement ? event.target : null;
  const typing = (field && (field.type !== "checkbox")) || event.target instanceof HTMLSelectElement;
  const half = field !== null && field.value !== field.defaultValue; // typed and not done: its own undo
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key.toLowerCase() === "s") {
    event.preventDefault();
    (document.activeElement as HTMLElement | null)?.blur();
    void waiting.then(saveJob);
  } else if (command && event.key.toLowerCase() === "z" && !half) {
    event.preventDefault();
    void step(() => (event.shiftKey ? steps.redo() : steps.undo()));
  } else if (event.key === "Escape" && !typing && !problems.hidden && problems.dataset["errors"] !== "yes") found.click();
  else if (event.key === "d" && !typing && !command && !document.querySelector("dialog")) showChanges();
});

document.body.append(frame.element);
/** Show the file, and then the edits of it that this browser kept; again and again until planner ui answers. */
async function start(): Promise<void> {
  try {
    state = await client.view([], null, null);
    if (state.data) model = modelOf(state.data);
    steps.base = state.base;
    frame.rename(model?.name ?? state.file);
    frame.rebuild();
    header();
    steps.open(state.key);
    if (steps.done.length) await refresh();
    watch(IDLE);
  } catch (error) {
    fail(error);
    if (!state) return void setTimeout(() => void queue(start), IDLE);
    if (!(error instanceof Gone) && !(error instanceof Refused && error.disk))
      say("kept", "The edits that this browser kept cannot be made.", "error", undefined, button("Leave them out", () => (unsay("kept"), void step(() => steps.clear(null)))));
    watch(IDLE);
  }
}
void queue(start);
