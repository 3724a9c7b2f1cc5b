// Placements over time: how balance, size and proof went, and what each changed.
import { bar, h, table } from "../dom";
import { byName, percent } from "../format";
import { spelled, type Placed } from "../model";
import type { Placement } from "../documents/placement";

const CHANGES = 500;

/** `title` is for placements that are no history: what changed from one to the next says nothing there. */
export function historyView(model: Placed, title?: string): HTMLElement {
  const { earlier, placement } = model.data;
  const all = [...earlier, { name: "shown here", placement }];
  const own = placement.objective.find((one) => one.name === "maxCpuUtilisation");
  const rows = all.map((one, index) => {
    const before = all[index - 1]?.placement;
    const { imbalance, taskManagers, objective } = one.placement;
    const level = objective.find((other) => other.name === "maxCpuUtilisation");
    const slots = taskManagers.filter((tm) => !tm.reserve).reduce((sum, tm) => sum + total(tm.quotas), 0);
    return [
      h("b", { class: "wrap" }, one.name),
      h("span", { class: "inline" }, bar(imbalance.max), percent(imbalance.max, 2)),
      ...(title ? [] : [level?.bound ? percent(level.bound, 2) : "-"]),
      percent(imbalance.spread, 2),
      String(taskManagers.filter((tm) => !tm.reserve && total(tm.quotas)).length),
      slots.toLocaleString("en"),
      ...(title ? [] : [before ? String(moved(before, one.placement)) : "-"]),
    ];
  });
  const changes = h("div", { "aria-live": "polite" });
  const sides: [string, string] = title ? ["there", "here"] : ["before", "now"];
  const select = h("select", { change: () => changes.replaceChildren(difference(all[Number(select.value)]!.placement, placement, sides)) });
  earlier.forEach((one, index) => select.append(h("option", { value: index, selected: index === earlier.length - 1 }, one.name)));
  changes.append(difference(earlier.at(-1)!.placement, placement, sides));
  return h(
    "div", { class: "content reading" },
    h("h2", {}, title ?? "Placements, oldest first"),
    table("Placements", ["placement", "highest CPU", ...(title ? [] : ["bound"]), "spread", "TaskManagers", "slots", ...(title ? [] : ["slots that changed"])], rows, title ? [2, 3, 4] : [2, 3, 4, 5, 6]),
    title && own?.bound ? h("p", { class: "dim" }, `Proven of the one shown here: ${placement.taskManagers.some((tm) => tm.reserve) ? "with its TaskManagers in reserve " : ""}none is below ${percent(own.bound, 2)}.`) : null,
    h("div", { class: "toolbar" }, h("h3", {}, title ? "What differs" : "What changed"), h("label", { class: "control" }, h("span", {}, title ? "from" : "since"), select)),
    changes,
  );
}

const total = (quotas: Record<string, number>) => Object.values(quotas).reduce((sum, slots) => sum + slots, 0);

const held = (placement: Placement) => new Map(placement.taskManagers.filter((tm) => !tm.reserve).map((tm) => [tm.id, tm.quotas]));

const inReserve = (placement: Placement) => new Set(placement.taskManagers.filter((tm) => tm.reserve).map((tm) => tm.id));

/** How many slots stand on another TaskManager than before, or are new. */
function moved(before: Placement, after: Placement): number {
  const old = held(before);
  let changed = 0;
  for (const [id, quotas] of held(after))
    for (const [group, slots] of Object.entries(quotas)) changed += Math.max(0, slots - (old.get(id)?.[group] ?? 0));
  return changed;
}

function difference(before: Placement, after: Placement, sides: [string, string]): HTMLElement {
  const [old, now] = [held(before), held(after)];
  const [oldReserve, reserve] = [inReserve(before), inReserve(after)];
  const said = (id: string, quotas: typeof old, spare: Set<string>) => (quotas.has(id) ? spelled(quotas.get(id)!) : spare.has(id) ? "in reserve" : "not there");
  const rows = [...new Set([...old.keys(), ...now.keys()])]
    .sort(byName)
    .map((id) => [id, said(id, old, oldReserve), said(id, now, reserve)])
    .filter(([, one, other]) => one !== other);
  if (!rows.length) return h("p", {}, "Every TaskManager holds the same slots.");
  const cut = rows.slice(0, CHANGES).map((row) => row.map((text) => h("span", { class: "wrap" }, text)));
  return h("div", {}, table("TaskManagers that changed", ["TaskManager", ...sides], cut), rows.length > CHANGES ? h("p", { class: "dim" }, `and ${rows.length - CHANGES} more`) : "");
}
