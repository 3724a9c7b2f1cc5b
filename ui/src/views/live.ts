// The placement beside the cluster that runs it: what differs, what is used, and that load taken into the file.
import { bar, button, h, table, type Child } from "../dom";
import { byName, cores, count, percent } from "../format";
import type { Deviation, Loads, Search, State } from "../client";
import type { Placed } from "../model";
import type { Node as Operator } from "../documents/resourceprofile";
import type { Step } from "../steps";
import { ownedOperator } from "./forms";

export interface Running {
  state: State;
  search: Search | null;
  loads: Loads | null;
  deviations: () => Promise<Deviation[]>;
  measure: (seconds: number) => void;
  act: (step: Step) => void;
}

let seconds = 30;

export function liveView(model: Placed, running: Running): HTMLElement {
  const { state, search, loads } = running;
  const differences = h("div", { "aria-live": "polite" }, h("p", { class: "dim" }, "Asking the cluster…"));
  const show = () =>
    void running.deviations().then(
      (found) => differences.replaceChildren(...deviations(found)),
      (error: unknown) => differences.replaceChildren(h("p", { class: "bad" }, error instanceof Error ? error.message : String(error))),
    );
  show();
  const time: HTMLInputElement = h("input", { type: "number", min: 1, max: 3600, value: seconds, class: "short", "aria-label": "Seconds to measure", change: () => (seconds = Math.min(3600, Math.max(1, Number(time.value) || 30))) });
  const measuring = search?.running && search.what === "measuring";
  return h(
    "div", { class: "content reading" },
    h("h2", {}, `The job as it runs at ${state.rest}`),
    h("div", { class: "toolbar" }, h("h3", {}, "What differs from the placement"), button("Ask again", show)),
    differences,
    h("div", { class: "toolbar" }, h("h3", {}, "Load"), button("Measure", () => running.measure(seconds), { disabled: search?.running }), h("label", { class: "control" }, time, "s"), h("output", { class: "found" }, measuring ? `${search!.step}, ${search!.seconds.toFixed(0)} s` : "")),
    ...(search?.problem && search.what === "measuring" ? [h("div", { class: "banner error" }, h("span", { class: "wrap" }, search.problem))] : []),
    ...(loads ? measured(model, running, loads) : [h("p", { class: "dim" }, "CPU is what the TaskManagers' processes use, shared out among subtasks by the time that they are busy.")]),
  );
}

function deviations(found: Deviation[]): HTMLElement[] {
  if (!found.length) return [h("p", { class: "good" }, "The cluster is as planned.")];
  const rows = found.slice(0, 500).map((one): Child[] => [h("span", { class: "wrap" }, one.where), one.what, h("span", { class: "wrap" }, one.planned), h("span", { class: "wrap" }, one.actual, one.covered ? h("span", { class: "tag" }, "on a spare") : null)]);
  return [h("p", { class: "bad" }, `${count(found.length, "difference")}.`), table("What differs", ["where", "what", "planned", "actual"], rows)];
}

function measured(model: Placed, running: Running, loads: Loads): HTMLElement[] {
  const { state } = running;
  const key = (node: Operator) => (state.profile ? String(node.id) : String(node.planner?.operator ?? node.id));
  const nodes = model.data.profile.nodes.filter((node) => loads.operators[key(node)]);
  const rows = nodes.map((node): Child[] => {
    const load = loads.operators[key(node)]!;
    const before = node.planner?.load?.cpu;
    return [h("span", { class: "wrap" }, node.desc || String(node.id)), before === undefined || before === null ? "-" : cores(Number(before)), load.cpu === undefined ? "with its chain" : cores(load.cpu), percent(load.busy), load.recordsPerSecond?.toLocaleString("en") ?? "-"];
  });
  const edits = nodes.flatMap((node) => {
    const owned = ownedOperator(state, node);
    const load = loads.operators[key(node)]!;
    return (["cpu", "busy", "recordsPerSecond", "bytesPerRecord"] as const).flatMap((name) => {
      const field = owned?.fields.find((one) => one.name === `load.${name}`);
      const text = load[name] === undefined ? null : String(load[name]);
      return owned && field && field.text !== text ? [{ owner: owned.owner, name: owned.name, field: field.name, text, was: field.text }] : [];
    });
  });
  const used = model.taskManagers.filter((tm) => loads.cores[tm.id] !== undefined).sort((a, b) => byName(a.id, b.id));
  const most = Math.max(...used.map((tm) => Math.max(loads.cores[tm.id]!, Number(tm.document.load.cpu))), 0.01);
  return [
    h("div", { class: "tools" }, button(`Take this load into ${state.file}`, () => running.act({ label: `measured load of ${count(nodes.length, "operator")}`, edits }), { class: "tool primary", disabled: !edits.length })),
    h("h3", {}, "A subtask of each operator"),
    table("Load of operators", ["operator", "declared", "measured", "busy", "records/s"], rows, [1, 2, 3, 4]),
    h("h3", {}, "TaskManagers"),
    table("Load of TaskManagers", ["TaskManager", "planned", "used"], used.map((tm): Child[] => [tm.id, h("span", { class: "inline" }, bar(Number(tm.document.load.cpu) / most), cores(Number(tm.document.load.cpu))), h("span", { class: "inline" }, bar(loads.cores[tm.id]! / most), cores(loads.cores[tm.id]!))])),
  ];
}
