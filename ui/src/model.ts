// What the screens show: planner's documents, and what follows from them. Views read this and nothing else.
import { bytes, byName } from "./format";
import type { PlacedTaskManager, Placement } from "./documents/placement";
import type { Failure, RecoveryPlan } from "./documents/recoveryplan";
import type { Node, ResourceProfile, SlotFields, SsgProfile, VertexFields } from "./documents/resourceprofile";

/** What `planner.api.report` returns; a job that is not placed has neither placement nor recovery. */
export interface ReportData {
  profile: ResourceProfile;
  placement: Placement | null;
  recovery: RecoveryPlan | null;
  zones: Record<string, string>;
  earlier: { name: string; placement: Placement }[];
}

export interface Group {
  name: string;
  color: string;
  resources: SsgProfile | undefined;
  derived: SlotFields | undefined;
  slots: number;
}

export interface TaskManager {
  id: string;
  className: string;
  zone: string;
  reserve: boolean;
  /** How many it holds; none where it is in reserve, whose quotas are what it stands for. */
  slots: number;
  document: PlacedTaskManager;
  use: Record<string, number>;
  contents: string;
}

export interface Vertex {
  document: VertexFields;
  nodes: Node[];
  cpu: number;
  memory: number;
}

/** A model with a placement, and one with its recovery too. */
export type Placed = Model & { data: { placement: Placement } };
export type Recovered = Placed & { data: { recovery: RecoveryPlan } };

export const isPlaced = (model: Model): model is Placed => model.data.placement !== null;
export const isRecovered = (model: Model): model is Recovered => isPlaced(model) && model.data.recovery !== null;

export interface Model {
  data: ReportData;
  name: string;
  groups: Map<string, Group>;
  taskManagers: TaskManager[];
  vertices: Vertex[];
  failures: Map<string, Failure>;
}

/** Distinct on white and on dark grey at 3:1 and more; after the last they begin again. */
const COLORS = [
  "#3a7bd5", "#c7591b", "#2a9160", "#9a5bc7", "#a97f0c", "#d2487b",
  "#17899c", "#7b7d26", "#6a6fd8", "#b0574a", "#54892f", "#8d6a9e",
];

export const color = (index: number): string => COLORS[index % COLORS.length]!;

/** Quotas as people say them: enrich x1, ingest x3. */
export const spelled = (quotas: Record<string, number>): string =>
  Object.entries(quotas)
    .filter(([, slots]) => slots > 0)
    .map(([group, slots]) => `${group} ×${slots}`)
    .join(", ") || "no slots";

export function modelOf(data: ReportData): Model {
  const { profile, placement } = data;
  const derived = profile.planner?.groups ?? {};
  const slots = new Map<string, number>();
  for (const tm of placement?.taskManagers ?? [])
    if (!tm.reserve) for (const [group, held] of Object.entries(tm.quotas)) slots.set(group, (slots.get(group) ?? 0) + held);
  const resources = new Map((profile.ssgProfiles ?? []).map((group) => [group.name, group]));
  const names = new Set([...resources.keys(), ...(profile.planner?.vertices ?? []).map((one) => one.group), ...slots.keys()]);
  const groups = new Map(
    [...names].map((name, index): [string, Group] => [
      name,
      { name, color: color(index), resources: resources.get(name), derived: derived[name], slots: slots.get(name) ?? 0 },
    ]),
  );
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const vertices = (profile.planner?.vertices ?? []).map((document): Vertex => {
    const chained = document.nodes.map((id) => nodes.get(id)).filter((node) => node !== undefined);
    const own = groups.get(document.group)?.resources;
    const managed = Object.values(own?.managed ?? {}).reduce((sum: number, size) => sum + bytes(size), 0);
    return {
      document,
      nodes: chained,
      cpu: document.parallelism * chained.reduce((sum, node) => sum + Number(node.planner?.load?.cpu ?? 0), 0),
      memory: bytes(own?.heap) + bytes(own?.offHeap) + managed,
    };
  });
  const taskManagers = (placement?.taskManagers ?? []).map((document): TaskManager => ({
    id: document.id,
    className: document.class ?? "none",
    zone: data.zones[document.id] ?? "none",
    reserve: document.reserve ?? false,
    slots: document.reserve ? 0 : Object.values(document.quotas).reduce((sum, held) => sum + held, 0),
    document,
    use: document.utilisation,
    contents: (document.reserve ? "in reserve: " : "") + spelled(document.quotas),
  }));
  return {
    data,
    name: placement?.metadata.name ?? profile.metadata?.name ?? "job",
    groups,
    taskManagers: taskManagers.sort((a, b) => byName(a.id, b.id)),
    vertices,
    failures: new Map((data.recovery?.failures ?? []).map((one) => [one.taskManager, one])),
  };
}
