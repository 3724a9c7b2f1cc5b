// What the loss of a TaskManager, task, group or zone restarts, where it heals, and for how long the job stands still.
import { bar, choice, facts, h, search, table } from "../dom";
import { byName, count, middle, percent } from "../format";
import { spelled, type Recovered, type TaskManager } from "../model";
import { VirtualList } from "../virtual";
import type { Downtime, Restarted } from "../documents/recoveryplan";

type Kind = "taskManager" | "task" | "slotSharingGroup" | "zone";

interface Loss {
  kind: Kind;
  name: string;
  lost: number;
  restarted: Restarted;
}

const KINDS: Record<Kind, string> = { taskManager: "TaskManager", task: "task", slotSharingGroup: "group", zone: "zone" };
const PARTS: Record<string, string> = { detection: "detection", backOff: "back-off", cancel: "cancel", allocation: "allocation", restore: "restore", catchUp: "catch-up" };

export function recoveryView(model: Recovered): HTMLElement {
  const { recovery } = model.data;
  const losses: Loss[] = [
    ...recovery.failures.map((one): Loss => ({ kind: "taskManager", name: one.taskManager, lost: one.lost, restarted: one.restarted })),
    ...(recovery.scopes ?? []).map((one): Loss => ({ kind: one.kind, name: one.name, lost: one.lost, restarted: one.restarted })),
  ];
  const right = h("div", { class: "content reading", "aria-live": "polite" });
  const list = new VirtualList<Loss>({
    label: "What is lost",
    width: 0,
    height: 36,
    draw: (loss) =>
      h("div", { class: "row", title: loss.name }, h("span", { class: "cut" }, middle(loss.name, 32)), h("span", { class: "dim" }, loss.restarted.subtasks ? `${loss.restarted.subtasks.toLocaleString("en")} restart` : "none"), bar(loss.restarted.share)),
    say: (loss) => `${KINDS[loss.kind]} ${loss.name}, restarts ${loss.restarted.subtasks} subtasks, ${percent(loss.restarted.share, 0)}`,
    selected: (loss) => right.replaceChildren(...describe(model, loss)),
  });
  let kind: Kind = "taskManager";
  let text = "";
  const show = () => {
    const shown = losses.filter((one) => one.kind === kind && one.name.toLowerCase().includes(text));
    shown.sort((a, b) => b.restarted.subtasks - a.restarted.subtasks || b.lost - a.lost || byName(a.name, b.name));
    list.show([{ title: "", note: "", items: shown }]);
  };
  const kinds = (Object.keys(KINDS) as Kind[]).filter((one) => losses.some((loss) => loss.kind === one));
  show();
  right.append(...overview(model));
  return h(
    "div", { class: "columns sided" },
    h("div", { class: "side" }, h("div", { class: "toolbar" }, choice("What is lost", kinds.map((one) => [one, KINDS[one]] as const), (value: Kind) => ((kind = value), right.replaceChildren(...overview(model)), show())), search("Search", (value) => ((text = value), show()))), list.element),
    right,
  );
}

function overview(model: Recovered): HTMLElement[] {
  const { recovery } = model.data;
  const worst = [...recovery.failures].sort((a, b) => b.worst.subtasks - a.worst.subtasks)[0];
  return [
    h("h2", {}, "What a loss restarts"),
    h("p", { class: "lead" }, `${recovery.regions.length === 1 ? "All subtasks are one region: they restart together." : `${recovery.regions.length.toLocaleString("en")} regions restart on their own.`} ` + (worst ? `The loss of one TaskManager restarts up to ${worst.worst.subtasks.toLocaleString("en")} of ${recovery.subtasks.toLocaleString("en")} subtasks.` : "")),
    facts(["Failover strategy", recovery.failoverStrategy], ["Restart strategy", `${recovery.restartStrategy.type} (${recovery.restartStrategy.source})`], ["Reserve", recovery.reserve ? count(recovery.reserve.taskManagers.length, "TaskManager") : "none"],
      ...(recovery.reserve ? [["JobManager lost", `with high availability the job starts again; highest CPU ${percent(recovery.reserve.worstCpuUtilisation)} at worst, as Flink may use those in reserve`] as [string, string]] : [])),
    h("p", { class: "hint" }, "Select what is lost on the left."),
    ...times(model, () => true),
    ...settings(model),
  ];
}

function describe(model: Recovered, loss: Loss): HTMLElement[] {
  const failure = loss.kind === "taskManager" ? model.failures.get(loss.name) : undefined;
  const { subtasks } = model.data.recovery;
  const restarts = loss.restarted.subtasks
    ? `restarts ${loss.restarted.subtasks.toLocaleString("en")} of ${subtasks.toLocaleString("en")} subtasks (${share(loss.restarted)}).`
    : "restarts nothing.";
  const meter = (label: string, restarted: Restarted) =>
    h("div", { class: "use wide" }, h("span", {}, label), bar(restarted.share), h("span", { class: "figure" }, share(restarted)), h("span", { class: "figure dim" }, restarted.subtasks.toLocaleString("en")));
  return [
    h("h2", { class: "wrap" }, `Loss of ${KINDS[loss.kind]} ${loss.name}`),
    h("p", { class: "lead" }, `${loss.kind === "task" ? "A failed subtask" : `It takes ${count(loss.lost, "subtask")} and`} ${restarts}`),
    h("div", { class: "uses panel" }, meter("As placed", loss.restarted), ...(failure ? [meter("At worst", failure.worst), meter("With a full restart", failure.fullRestart)] : [])),
    ...hit(model, loss),
    ...(loss.restarted.subtasks ? heals(model, loss) : []),
    ...(loss.restarted.subtasks ? times(model, (one) => happens(loss.kind, one.failed), waits(model, loss)) : []),
  ];
}

const WAITS = "nothing in reserve has all these slots: as long as it takes until TaskManagers with them register";

/** Whether a loss can come about in a way: a zone is lost with its hosts, not by ending its TaskManagers. */
const happens = (kind: Kind, failed: Downtime["failed"]): boolean =>
  kind === "task" ? failed === "task-failed" : kind === "zone" ? failed === "host-lost" : failed !== "task-failed";

/** Whether nothing in reserve has the slots that are lost. */
const waits = (model: Recovered, loss: Loss): boolean =>
  loss.kind === "taskManager"
    ? !model.taskManagers.some((tm) => tm.reserve) || (model.data.recovery.reserve?.uncovered ?? []).includes(loss.name)
    : loss.kind !== "task" && slotsLost(model, loss).some(([, slots, spare]) => slots > spare);

/** The slots of each group that a zone or a group loses, and how many those in reserve offer at most. */
function slotsLost(model: Recovered, loss: Loss): [string, number, number][] {
  const reserve = model.taskManagers.filter((tm) => tm.reserve && !(loss.kind === "zone" && tm.zone === loss.name));
  const lost = new Map<string, number>();
  for (const tm of model.taskManagers) {
    if (tm.reserve || (loss.kind === "zone" && tm.zone !== loss.name)) continue;
    for (const [group, slots] of Object.entries(tm.document.quotas)) if (slots && (loss.kind === "zone" || group === loss.name)) lost.set(group, (lost.get(group) ?? 0) + slots);
  }
  return [...lost].map(([group, slots]) => [group, slots, reserve.reduce((sum, tm) => sum + (tm.document.quotas[group] ?? 0), 0)]);
}

/** A share that is not zero is never shown as zero. */
const share = (restarted: Restarted): string =>
  restarted.subtasks && restarted.share < 0.01 ? "< 1%" : percent(restarted.share, 0);

const members = (ranges: string): number =>
  ranges.split(",").reduce((sum, range) => {
    const [from, to] = range.split("-").map(Number);
    return sum + ((to ?? from ?? 0) - (from ?? 0) + 1);
  }, 0);

/** How many subtasks of each task are in the regions that are hit. */
function hit(model: Recovered, loss: Loss): HTMLElement[] {
  const failure = model.failures.get(loss.name);
  if (loss.kind !== "taskManager" || !failure?.regions.length) return [];
  const regions = model.data.recovery.regions;
  const tasks = new Map<string, number>();
  for (const number of failure.regions)
    for (const part of regions[number]?.parts ?? []) tasks.set(part.id, (tasks.get(part.id) ?? 0) + members(part.subtasks));
  const inside = [...tasks.values()].reduce((sum, one) => sum + one, 0);
  const beyond = loss.restarted.subtasks - inside;
  const shown = failure.regions.slice(0, 20).join(", ");
  return [
    h("h3", {}, "What restarts"),
    h("p", { class: "dim" }, `${failure.regions.length === 1 ? "Region" : "Regions"} ${shown}${failure.regions.length > 20 ? " and more" : ""}` + (beyond > 0 ? `, and ${count(beyond, "subtask")} of regions that read from them` : "")),
    h("div", { class: "uses" }, ...model.vertices.filter((one) => tasks.has(one.document.id)).map((vertex) => {
      const number = tasks.get(vertex.document.id)!;
      return h("div", { class: "use wide" }, h("span", { class: "cut", title: vertex.document.name }, vertex.document.name), bar(number / vertex.document.parallelism, model.groups.get(vertex.document.group)?.color), h("span", { class: "figure" }, String(number)), h("span", { class: "figure dim" }, `of ${vertex.document.parallelism}`));
    })),
  ];
}

const covers = (spare: TaskManager, quotas: Record<string, number>) =>
  Object.entries(quotas).every(([group, slots]) => (spare.document.quotas[group] ?? 0) >= slots);

/** Where the slots go: Flink takes those in reserve that have the quotas, or waits for a replacement. */
function heals(model: Recovered, loss: Loss): HTMLElement[] {
  const heading = h("h3", {}, "Where it heals");
  if (loss.kind === "task") return [heading, h("p", {}, "In the slots that it has: they are kept.")];
  const reserve = model.taskManagers.filter((tm) => tm.reserve && !(loss.kind === "zone" && tm.zone === loss.name));
  if (loss.kind === "taskManager") {
    const lost = model.taskManagers.find((tm) => tm.id === loss.name);
    if (!lost) return [];
    const alone = reserve.filter((tm) => covers(tm, lost.document.quotas));
    const uncovered = waits(model, loss);
    const next = model.failures.get(loss.name)?.coveredNext;
    const text = alone.length
      ? `On ${alone.slice(0, 4).map((tm) => tm.id).join(" or ")}${alone.length > 4 ? ` or ${alone.length - 4} others` : ""} in reserve, which can hold ${spelled(lost.document.quotas)}.`
      : !uncovered ? `On ${count(reserve.length, "TaskManager")} in reserve together.`
        : `Nowhere, until a TaskManager with ${spelled(lost.document.quotas)} registers: the job waits for it.`;
    return [heading, h("p", { class: alone.length || !uncovered ? "good" : "bad" }, text),
      ...(next !== null && next !== undefined ? [h("p", { class: "dim" }, `Once it is back it is the reserve: it could take over from ${next ? count(next, "other TaskManager") : "no other TaskManager"}.`)] : [])];
  }
  return [heading, table("Slots lost and in reserve", ["group", "slots lost", "in reserve at most"], slotsLost(model, loss).map(([group, slots, spare]) => [
    h("span", { class: "wrap" }, group), String(slots), String(spare)]), [1, 2])];
}

/** The downtimes of some failures; `waiting` is for slots that nothing in reserve has. */
function times(model: Recovered, wanted: (one: Downtime) => boolean, waiting = false): HTMLElement[] {
  const { downtimes = [], fastDowntimes = [] } = model.data.recovery;
  const shown = downtimes.filter(wanted);
  if (!shown.length) return [];
  const fast = new Map(fastDowntimes.map((one) => [one.failed, one]));
  const longest = Math.max(1, ...[...shown, ...fastDowntimes.filter(wanted)].map((one) => one.seconds ?? 0));
  const total = (one: Downtime | undefined) => one?.seconds === null || one?.seconds === undefined ? "no restart" : [`${Number(one.seconds.toFixed(1))} s`, unknown(one)].filter(Boolean).join(" and ");
  const unknown = (one: Downtime) => one.parts.filter((part) => (part.seconds ?? null) === null || (waiting && part.name === "allocation")).map((part) => PARTS[part.name] ?? part.name).join(", ");
  return [
    h("h3", {}, "Downtime"),
    ...shown.map((one) =>
      h(
        "details", { class: "downtime", open: shown.length === 1 },
        h("summary", {}, h("span", { class: "what" }, one.failed.replace("-", " ").replace("taskmanager", "TaskManager")), stack(one, longest), h("strong", {}, total(one)), h("span", { class: "dim", title: "recovery: fast in the job sets the options below" }, `${total(fast.get(one.failed))} with recovery: fast`)),
        table(`Parts of the downtime: ${one.failed}`, ["part", "seconds", "governed by", "why"], one.parts.map((part) => (waiting && part.name === "allocation" ? { ...part, seconds: null, reason: WAITS } : part)).map((part) => [
          PARTS[part.name] ?? part.name, part.seconds === null || part.seconds === undefined ? "unknown" : String(part.seconds),
          part.option ? h("code", {}, `${part.option}: ${valued(part.option, part.value ?? "")}`) : "", part.reason]), [1]),
      ),
    ),
    h("p", { class: "key" }, ...Object.entries(PARTS).map(([name, label]) => h("span", {}, h("i", { class: `part ${name}`, "aria-hidden": "true" }), label)), h("span", { class: "dim" }, "parts without a figure are not drawn")),
  ];
}

function stack(one: Downtime, longest: number): HTMLElement {
  return h("span", { class: "stack", "aria-hidden": "true" }, ...one.parts.filter((part) => part.seconds).map((part) => {
    const piece = h("span", { class: `part ${part.name}`, title: `${PARTS[part.name]} ${part.seconds} s` });
    piece.style.width = `${(part.seconds! / longest) * 100}%`;
    return piece;
  }));
}

/** A time without a unit is in milliseconds, as Flink reads it. */
const valued = (option: string, value: string): string =>
  /(timeout|interval|backoff|threshold)$/.test(option) && /^\d{3,}$/.test(value) ? `${value} ms` : value;

function settings(model: Recovered): HTMLElement[] {
  const rows = model.data.recovery.settings ?? [];
  if (!rows.length) return [];
  return [h("h3", {}, "Options that govern it"), table("Options", ["option", "now", "recovery: fast"], rows.map((one) => [h("code", {}, one.option), valued(one.option, one.value), one.fast === one.value ? h("span", { class: "dim" }, valued(one.option, one.fast)) : h("b", {}, valued(one.option, one.fast))]))];
}
