// The fields of operators and groups: what can be edited of a task, with what is wrong beside it.
import { button, h, type Child } from "../dom";
import type { Edit, Field, Finding, Owned, State } from "../client";
import type { Model, Vertex } from "../model";
import type { Node as Operator } from "../documents/resourceprofile";
import type { Step } from "../steps";

export interface Form {
  state: State;
  model: Model;
  act: (step: Step) => void;
}

const RANK = { error: 0, warning: 1, info: 2 };

/** The fields of an operator: a Job knows it by its id, a profile by its number. */
export const ownedOperator = (state: State, operator: Operator): Owned | undefined =>
  owned(state, "operator", state.profile ? String(operator.id) : String(operator.planner?.operator ?? operator.id));

export const owned = (state: State, owner: Owned["owner"], name: string): Owned | undefined => {
  let known = index.get(state);
  if (!known) index.set(state, (known = new Map(state.owned.map((one) => [`${one.owner} ${one.name}`, one]))));
  return known.get(`${owner} ${name}`);
};
const index = new WeakMap<State, Map<string, Owned>>();

const within = (path: (string | number)[], root: (string | number)[]) => root.length > 0 && root.every((part, index) => path[index] === part);

export const about = (state: State, root: (string | number)[]): Finding[] => state.findings.filter((one) => within(one.path, root));

/** How bad the worst finding about a task is, notes left out. */
export function worst(state: State, vertex: Vertex): string | null {
  const found = vertex.nodes.flatMap((node) => {
    const one = ownedOperator(state, node);
    return one ? about(state, one.root) : [];
  });
  const [first] = found.filter((one) => one.severity !== "info").sort((a, b) => RANK[a.severity] - RANK[b.severity]);
  return first?.severity ?? null;
}

/** The groups that fit on no TaskManager of the cluster, and why. */
export const unfit = (state: State): Map<string, string> =>
  new Map(state.owned.filter((one) => one.owner === "group").flatMap((group) => about(state, group.root).filter((one) => one.code.startsWith("FIT") && one.severity === "error").map((one) => [group.name, one.message] as const)));

export function taskForm(form: Form, vertex: Vertex): Child[] {
  const { state, model } = form;
  const operators = vertex.nodes.flatMap((node) => {
    const one = ownedOperator(state, node);
    return one ? [{ node, one }] : [];
  });
  if (!operators.length) return [];
  const group = owned(state, "group", vertex.document.group);
  const shared = model.vertices.filter((one) => one.document.group === vertex.document.group).length > 1;
  const effective = (node: Operator): Record<string, string> => ({
    parallelism: String(node.profile.parallelism),
    maxParallelism: node.profile.maxParallelism ? String(node.profile.maxParallelism) : "",
    group: node.profile.group ?? "default",
    chaining: String(node.profile.chaining ?? ""),
  });
  const own = model.groups.get(vertex.document.group)?.resources;
  const derived: Record<string, string> = { cpu: text(own?.cpu), heap: text(own?.heap), offHeap: text(own?.offHeap) };
  for (const [use, size] of Object.entries(own?.managed ?? {})) derived[`managed.${use.toUpperCase()}`] = text(size);
  return [
    h(
      "div", { class: "form" },
      h("h2", {}, vertex.nodes.length > 1 ? "Edit the chain" : "Edit the task"),
      ...(operators.length > 1 ? [together(form, "parallelism", operators.map(({ one }) => one), String(vertex.document.parallelism)), together(form, "group", operators.map(({ one }) => one), vertex.document.group)] : []),
      h(
        "div", { class: "tools" },
        shared ? button("Split off a group", () => split(form, operators.map(({ one }) => one), vertex)) : null,
        model.groups.size > 1 ? merge(form, vertex.document.group) : null,
      ),
      ...operators.map(({ node, one }) =>
        h(
          "details", { class: "fields", open: operators.length === 1, "data-keep": `operator ${one.name}` },
          h("summary", { class: "wrap" }, node.desc || one.name),
          ...one.fields.map((field) => input(form, one, field, effective(node)[field.name] ?? "")),
          ...notes(about(state, one.root).filter((finding) => !one.fields.some((field) => within(finding.path, field.path)))),
        )),
      h(
        "details", { class: "fields", open: true, "data-keep": `group ${vertex.document.group}` },
        h("summary", { class: "wrap" }, `A slot of group ${vertex.document.group}`),
        ...(group
          ? [...group.fields.map((field) => input(form, group, field, derived[field.name] ?? "")), ...notes(about(state, group.root).filter((finding) => !group.fields.some((field) => within(finding.path, field.path))))]
          : [h("p", { class: "hint" }, `The file gives this group no resources: what stands below is estimated. List it under slotSharingGroups to declare them.`)]),
      ),
    ),
  ];
}

const text = (value: unknown): string => (value === null || value === undefined ? "" : String(value));

function input(form: Form, one: Owned, field: Field, effective: string): HTMLElement {
  const id = `field-${one.owner}-${one.name}-${field.name}`.replace(/[^\w.-]/g, (letter) => `_${letter.codePointAt(0)}`);
  const found = about(form.state, field.path);
  const change = (value: string) => {
    const typed = value.trim() || null;
    if (typed === field.text) return;
    const declared = field.form === "group" && typed ? declare(form, typed, String(effective)) : [];
    form.act({ label: spelled(form, one, field, typed), edits: [...declared, { owner: one.owner, name: one.name, field: field.name, text: typed, was: field.text }] });
  };
  const common = { id, "data-focus": id, "aria-invalid": found.some((one) => one.severity === "error") ? "true" : null, "aria-describedby": found.length ? `${id}-notes` : null };
  let control: HTMLElement;
  if (field.form === "chaining") {
    const select = h("select", { ...common, change: () => change(select.value) });
    for (const value of ["", ...form.state.chainings]) select.append(h("option", { value, selected: value === (field.text ?? "").toLowerCase() }, value || `not set (${effective.toLowerCase() || "always"})`));
    control = select;
  } else {
    const typed: HTMLInputElement = h("input", {
      ...common, value: field.text ?? "", placeholder: effective || "not set", autocomplete: "off", spellcheck: "false",
      maxlength: 4000, inputmode: field.form === "count" ? "numeric" : null, list: field.form === "group" ? groupList(form.model) : null,
      change: () => change(typed.value),
      keydown: ((event: KeyboardEvent) => {
        if (event.key === "Escape") typed.value = field.text ?? "";
      }) as EventListener,
    });
    control = typed;
  }
  return h("div", { class: found.some((one) => one.severity === "error") ? "field wrong" : "field" }, h("label", { for: id }, field.label), control, found.length ? h("div", { id: `${id}-notes` }, ...notes(found)) : null);
}

/** An operator of a profile is known by its number, and told by its name. */
const called = (form: Form, one: Owned): string =>
  (form.state.profile && one.owner === "operator" && form.model.data.profile.nodes.find((node) => String(node.id) === one.name)?.planner?.operator) || one.name;

const spelled = (form: Form, one: Owned, field: Field, value: string | null): string =>
  `${called(form, one)}: ${field.label.toLowerCase()} ${field.text ?? "not set"} → ${value ?? "not set"}`;

/** A hint as a sentence; one that begins with the key of an option keeps its spelling. */
const sentence = (hint: string): string => (/^[a-z]+[ ,]/.test(hint) ? hint[0]!.toUpperCase() + hint.slice(1) : hint) + (/[.?)]$/.test(hint) ? "" : ".");

export const notes = (found: Finding[]): HTMLElement[] =>
  found.map((one) => h("p", { class: `note-of ${one.severity}` }, h("b", {}, one.code), ` ${one.message}${one.hint ? "." : ""}`, one.hint ? h("span", { class: "dim" }, ` ${sentence(one.hint)}`) : null));

function groupList(model: Model): string {
  const id = "known-groups";
  if (!document.getElementById(id)) document.body.append(h("datalist", { id }));
  document.getElementById(id)!.replaceChildren(...[...model.groups.keys()].map((value) => h("option", { value })));
  return id;
}

/** The same field of all operators of a chain, which break it where they differ. */
function together(form: Form, name: "parallelism" | "group", operators: Owned[], now: string): HTMLElement {
  const id = `chain-${name}-${operators[0]!.name}`.replace(/[^\w.-]/g, (letter) => `_${letter.codePointAt(0)}`);
  const typed: HTMLInputElement = h("input", {
    id, "data-focus": id, value: now, maxlength: 4000, autocomplete: "off", list: name === "group" ? groupList(form.model) : null, inputmode: name === "parallelism" ? "numeric" : null,
    change: () => {
      const value = typed.value.trim();
      if (value && value !== now) form.act({ label: `chain of ${called(form, operators[0]!)}: ${name} ${now} → ${value}`, edits: [...(name === "group" ? declare(form, value, now) : []), ...setAll(operators, name, value)] });
    },
  });
  const found = operators.flatMap((one) => one.fields.filter((field) => field.name === name).flatMap((field) => about(form.state, field.path)));
  const first = found.filter((one, place) => found.findIndex((other) => other.code === one.code) === place);
  return h("div", { class: first.some((one) => one.severity === "error") ? "field wrong" : "field" }, h("label", { for: id }, name === "group" ? "Group of the chain" : "Parallelism of the chain"), typed, first.length ? h("div", {}, ...notes(first)) : null);
}

/** Edits that give all of some operators one value of a field. */
export function setAll(operators: Owned[], name: string, value: string): Edit[] {
  return operators.flatMap((one) => {
    const field = one.fields.find((other) => other.name === name);
    return field && field.text !== value ? [{ owner: one.owner, name: one.name, field: name, text: value, was: field.text }] : [];
  });
}

/** Edits that list a group which the file does not list yet, with the resources of another one. */
export function declare(form: Pick<Form, "state">, name: string, like: string): Edit[] {
  if (owned(form.state, "group", name)) return [];
  const listed = { owner: "group" as const, name, was: null };
  const fields = owned(form.state, "group", like)?.fields ?? [];
  return [{ ...listed, field: "name", text: name }, ...fields.filter((field) => field.text !== null).map((field) => ({ ...listed, field: field.name, text: field.text }))];
}

function split(form: Form, operators: Owned[], vertex: Vertex): void {
  const known = form.model.groups;
  let number = 2;
  while (known.has(`${vertex.document.group}-${number}`)) number++;
  const name = `${vertex.document.group}-${number}`;
  form.act({ label: `${called(form, operators[0]!)}: split off group ${name}`, edits: [...declare(form, name, vertex.document.group), ...setAll(operators, "group", name)] });
}

function merge(form: Form, group: string): HTMLElement {
  const select = h("select", { "aria-label": `Group to merge ${group} into`, "data-focus": "merge" });
  for (const name of form.model.groups.keys()) if (name !== group) select.append(h("option", { value: name }, name));
  const act = () => {
    const operators = form.model.data.profile.nodes.filter((node) => (node.profile.group ?? "default") === group).flatMap((node) => ownedOperator(form.state, node) ?? []);
    form.act({ label: `group ${group} merged into ${select.value}`, edits: setAll(operators, "group", select.value) });
  };
  return h("span", { class: "tools" }, button("Merge into", act), select);
}
