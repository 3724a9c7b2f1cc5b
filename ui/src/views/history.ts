// Placements over time: how balance, size and proof went, and what each changed.
import { bar, h, table } from "../dom";
import { byName, percent } from "../format";
import { spelled, type Model } from "../model";
import type { Placement } from "../documents/placement";

const CHANGES = 500;

export function historyView(model: Model): HTMLElement {
  const { earlier, placement } = model.data;
  const all = [...earlier, { name: "shown here", placement }];
  const highest = Math.max(...all.map((one) => one.placement.imbalance.max), 0.01);
  const rows = all.map((one, index) => {
    const before = all[index - 1]?.placement;
    const { imbalance, taskManagers, objective } = one.placement;
    const level = objective.find((other) => other.name === "maxCpuUtilisation");
    const slots = taskManagers.filter((tm) => !tm.reserve).reduce((sum, tm) => sum + total(tm.quotas), 0);
    return [
      h("b", { class: "wrap" }, one.name),
      h("span", { class: "inline" }, bar(imbalance.max / highest), percent(imbalance.max, 2)),
      level?.bound ? percent(level.bound, 2) : "-",
      percent(imbalance.spread, 2),
      String(taskManagers.filter((tm) => !tm.reserve && total(tm.quotas)).length),
      slots.toLocaleString("en"),
      before ? String(moved(before, one.placement)) : "-",
    ];
  });
  const changes = h("div", { "aria-live": "polite" });
  const select = h("select", { change: () => changes.replaceChildren(difference(all[Number(select.value)]!.placement, placement)) });
  earlier.forEach((one, index) => select.append(h("option", { value: index, selected: index === earlier.length - 1 }, one.name)));
  changes.append(difference(earlier.at(-1)!.placement, placement));
  return h(
    "div", { class: "content reading" },
    h("h2", {}, "Placements, oldest first"),
    table("Placements", ["placement", "highest CPU", "bound", "spread", "TaskManagers", "slots", "slots that changed"], rows, [2, 3, 4, 5, 6]),
    h("div", { class: "toolbar" }, h("h3", {}, "What changed"), h("label", { class: "control" }, h("span", {}, "since"), select)),
    changes,
  );
}

const total = (quotas: Record<string, number>) => Object.values(quotas).reduce((sum, slots) => sum + slots, 0);

const held = (placement: Placement) => new Map(placement.taskManagers.filter((tm) => !tm.reserve).map((tm) => [tm.id, tm.quotas]));

/** How many slots stand on another TaskManager than before, or are new. */
function moved(before: Placement, after: Placement): number {
  const old = held(before);
  let changed = 0;
  for (const [id, quotas] of held(after))
    for (const [group, slots] of Object.entries(quotas)) changed += Math.max(0, slots - (old.get(id)?.[group] ?? 0));
  return changed;
}

function difference(before: Placement, after: Placement): HTMLElement {
  const [old, now] = [held(before), held(after)];
  const rows = [...new Set([...old.keys(), ...now.keys()])]
    .sort(byName)
    .map((id) => [id, old.has(id) ? spelled(old.get(id)!) : "not there", now.has(id) ? spelled(now.get(id)!) : "not there"])
    .filter(([, one, other]) => one !== other);
  if (!rows.length) return h("p", {}, "Every TaskManager holds the same slots.");
  const cut = rows.slice(0, CHANGES).map((row) => row.map((text) => h("span", { class: "wrap" }, text)));
  return h("div", {}, table("TaskManagers that changed", ["TaskManager", "before", "now"], cut), rows.length > CHANGES ? h("p", { class: "dim" }, `and ${rows.length - CHANGES} more`) : "");
}
