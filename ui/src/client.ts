// What `planner ui` is asked, and what it answers.
import type { ReportData } from "./model";
import type { Placement, Slot } from "./documents/placement";
import type { RecoveryPlan } from "./documents/recoveryplan";

export interface Edit {
  owner: "operator" | "group";
  name: string;
  field: string;
  /** What to write; null takes the field out. */
  text: string | null;
  /** What it replaces. */
  was: string | null;
}

export interface Field {
  name: string;
  label: string;
  form: "count" | "number" | "size" | "chaining" | "group";
  path: (string | number)[];
  text: string | null;
}

export interface Owned {
  owner: "operator" | "group";
  name: string;
  root: (string | number)[];
  fields: Field[];
}

export interface Finding {
  code: string;
  severity: "error" | "warning" | "info";
  message: string;
  hint: string;
  line: number;
  column: number;
  path: (string | number)[];
}

export interface Shown {
  name: string;
  label: string;
  highest: number;
  /** Whether it was made from exactly this draft. */
  current: boolean;
  /** Whether it is in the file of the placement. */
  saved: boolean;
  /** Whether it was made for another cluster. */
  elsewhere: boolean;
}

export interface State {
  file: string;
  /** Tells the file from others of its name. */
  key: string;
  profile: boolean;
  base: string;
  disk: string;
  target: string | null;
  cluster: string | null;
  rest: string | null;
  data: ReportData | null;
  problem: string | null;
  shown: string | null;
  placements: Shown[];
  owned: Owned[];
  chainings: string[];
  findings: Finding[];
  refused: { index: number; reason: string }[];
  patch: string;
}

export interface Search {
  what: string;
  running: boolean;
  seconds: number;
  step: string;
  best: number | null;
  bound: number | null;
  result: string | null;
  problem: string | null;
  groups: string[];
  loads: Loads | null;
}

export interface Loads {
  /** By operator, as edits name it: what one of its subtasks uses; nothing where another one of its chain has it all. */
  operators: Record<string, { cpu?: number; busy?: number; recordsPerSecond?: number; bytesPerRecord?: number }>;
  /** Cores that the process of each TaskManager used. */
  cores: Record<string, number>;
}

export interface Deviation {
  where: string;
  what: string;
  planned: string;
  actual: string;
  covered: boolean;
}

export interface Now {
  disk: string | null;
  search: Search | null;
}

/** planner ui refused: `disk` and `patch` say what the file is now, where it was changed by somebody else. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly disk: string | null,
    readonly patch: string,
  ) {
    super(message);
  }
}

/** planner ui does not answer. */
export class Gone extends Error {}

/** Milliseconds after which planner ui is taken to be gone. */
const PATIENCE = 120_000;

async function answered<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), ...init, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Gone("planner ui does not answer");
  }
  if (response.ok) return (await response.json()) as T;
  if (response.status === 403) throw new Gone("this page is of another run of planner ui");
  const told = (await response.json().catch(() => ({}))) as { problem?: string; disk?: string; patch?: string };
  throw new Refused(told.problem ?? `planner ui answers ${response.status}`, told.disk ?? null, told.patch ?? "");
}

/** A state as it is sent: what all operators have in common is said once. */
interface Sent extends Omit<State, "owned"> {
  operatorFields: Omit<Field, "text">[];
  operators: { name: string; root: (string | number)[]; texts: (string | null)[] }[];
  groups: Omit<Owned, "owner">[];
}

const received = (sent: Sent): State => ({
  ...sent,
  owned: [
    ...sent.operators.map(({ name, root, texts }): Owned => ({ owner: "operator", name, root, fields: sent.operatorFields.map((field, index) => ({ ...field, path: [...root, ...field.path], text: texts[index]! })) })),
    ...sent.groups.map((one): Owned => ({ ...one, owner: "group" })),
  ],
});

const post = <T>(path: string, body: unknown): Promise<T> =>
  answered<T>(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

interface Draft {
  edits: Edit[];
  base: string;
}

export const client = {
  now: () => answered<Now>("/api/now"),
  view: (edits: Edit[], base: string | null, show: string | null) => post<Sent>("/api/view", { edits, base, show }).then(received),
  theirs: (draft: Draft) => post<{ disk: string; patch: string }>("/api/theirs", draft),
  save: (draft: Draft) => post<{ base: string }>("/api/save", draft),
  savePlacement: (draft: Draft, placement: string) => post<null>("/api/save-placement", { ...draft, placement }),
  balance: (draft: Draft, seconds: number, previous: string | null) => post<Search>("/api/balance", { ...draft, seconds, previous }),
  stop: () => post<null>("/api/stop", {}),
  drain: (draft: Draft, placement: string, taskManager: string) => post<Search>("/api/drain", { ...draft, placement, taskManager }),
  move: (draft: Draft, placement: string, group: string, source: string, target: string) =>
    post<{ result: string; problems: string[] }>("/api/move", { ...draft, placement, group, source, target }),
  slots: (placement: string, taskManager: string) => post<Slot[]>("/api/slots", { placement, taskManager }),
  recovery: (draft: Draft, placement: string) => post<{ recovery: RecoveryPlan; placement: Placement }>("/api/recovery", { ...draft, placement }),
  report: (draft: Draft, placement: string) => post<{ name: string; page: string }>("/api/report", { ...draft, placement }),
  deviations: (draft: Draft, placement: string) => post<Deviation[]>("/api/deviations", { ...draft, placement }),
  measure: (draft: Draft, seconds: number) => post<Search>("/api/measure", { ...draft, seconds }),
  compare: (draft: Draft, placement: string) => post<{ name: string; placement: Placement }[]>("/api/compare", { ...draft, placement }),
};
