// CPU utilisation of every TaskManager, the bound, and Flink's own scheduler, on one scale.
import { s } from "../dom";
import { count, percent } from "../format";
import type { Placed } from "../model";

const STOCK = [["none", "Flink NONE"], ["slots", "Flink SLOTS"], ["minResources", "Flink MIN_RESOURCES"], ["tasks", "Flink TASKS"]] as const;
const WIDTH = 470;
const LEFT = 148;
const RIGHT = 50;
const ROW = 22;
const TOP = 20;
const BINS = 80;
/** Between ticks: the least of these with which their labels do not meet. */
const STEPS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

export function scale(model: Placed): SVGElement {
  const { placement } = model.data;
  const stock = STOCK.flatMap(([key, label]) => (placement.stockFlink[key] ? [{ label, ...placement.stockFlink[key] }] : []));
  const spare = model.taskManagers.some((tm) => tm.reserve);
  const used = model.taskManagers.filter((tm) => !tm.reserve).map((tm) => tm.use["cpu"] ?? 0);
  const level = placement.objective.find((one) => one.name === "maxCpuUtilisation");
  const highest = Math.max(placement.imbalance.max, placement.slotLoad?.worst ?? 0, ...stock.map((one) => Math.max(one.max ?? 0, one.highest ?? 0)));
  const end = Math.max(0.1, Math.ceil(highest * 10) / 10);
  const x = (share: number) => LEFT + (share / end) * (WIDTH - LEFT - RIGHT);
  const height = TOP + (stock.length + 2) * ROW + 6;
  const spoken =
    `Highest CPU utilisation: this placement ${percent(placement.imbalance.max)}, ` +
    stock.map((one) => `${one.label} ${one.fits ? percent(one.max) : "does not fit"}`).join(", ");
  const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": spoken, class: "scale" });
  const step = STEPS.find((one) => end / one <= 7) ?? end / 5;
  for (let tick = 0; tick <= end + 1e-9; tick += step)
    svg.append(
      s("line", { class: "grid", x1: x(tick), x2: x(tick), y1: TOP - 4, y2: height - 4 }),
      s("text", { class: "tick", x: x(tick), y: 11, "text-anchor": "middle" }, percent(tick, 0)),
    );
  const middle = (row: number) => TOP + row * ROW + ROW / 2;
  const name = (row: number, text: string, strong = false) =>
    s("text", { class: strong ? "name strong" : "name", x: LEFT - 10, y: middle(row) + 4, "text-anchor": "end" }, text);
  const figure = (row: number, text: string, strong = false) =>
    s("text", { class: strong ? "name strong" : "name", x: WIDTH - 2, y: middle(row) + 4, "text-anchor": "end" }, text);

  // how many TaskManagers have which utilisation: what balance looks like
  const bins = new Array<number>(BINS).fill(0);
  for (const share of used) bins[Math.min(BINS - 1, Math.floor((share / end) * BINS))]!++;
  const most = Math.max(1, ...bins);
  const max = x(placement.imbalance.max);
  svg.append(
    name(0, placement.strategy ? "this simulation" : "this placement", true),
    s("rect", { class: "own", x: LEFT, width: max - LEFT, y: middle(0) - 4, height: 8, rx: 2 }),
    figure(0, percent(placement.imbalance.max), true),
    name(1, "its TaskManagers"),
    s("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: middle(1) + ROW / 2 - 3, y2: middle(1) + ROW / 2 - 3 }),
  );
  bins.forEach((number, bin) => {
    if (!number) return;
    const tall = 3 + (number / most) * (ROW - 8);
    const from = x((bin / BINS) * end);
    svg.append(
      s("rect", { class: "bin", x: from, width: x(((bin + 1) / BINS) * end) - from - 1, y: middle(1) + ROW / 2 - 3 - tall, height: tall },
        s("title", {}, `${count(number, "TaskManager")} at about ${percent((bin / BINS) * end, 0)}`)),
    );
  });
  stock.forEach((one, index) => {
    const row = index + 2;
    svg.append(name(row, `${one.label}${spare ? "*" : ""}`));
    if (!one.fits || one.max === null || one.max === undefined) {
      svg.append(s("text", { class: "tick", x: LEFT + 4, y: middle(row) + 4 }, "does not fit"));
      return;
    }
    svg.append(
      s("rect", { class: "stock", x: LEFT, width: x(one.max) - LEFT, y: middle(row) - 4, height: 8, rx: 2 }),
      s("line", { class: "range", x1: x(one.lowest ?? one.max), x2: x(one.highest ?? one.max), y1: middle(row), y2: middle(row) },
        s("title", {}, `half of the random orders of TaskManagers come to no more than ${percent(one.max)}; all lie between ${percent(one.lowest)} and ${percent(one.highest)}`)),
      figure(row, percent(one.max)),
    );
  });
  if (level?.bound)
    svg.append(
      s("line", { class: "bound", x1: x(level.bound), x2: x(level.bound), y1: TOP - 4, y2: height - 4 },
        s("title", {}, `bound: no placement is below ${percent(level.bound, 2)}`)),
    );
  return svg;
}
