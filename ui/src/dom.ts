// Elements from plain calls. Whatever comes from a document is set as text or as an attribute, never as HTML.

type Value = string | number | boolean | null | undefined | EventListener;
export type Child = Node | string | number | null | undefined | false;

const SVG = "http://www.w3.org/2000/svg";

function fill(element: Element, attributes: Record<string, Value>, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** An HTML element; functions among the attributes are listeners of the event of that name. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  fill(element, attributes, children);
  return element;
}

/** An SVG element, as `h`. */
export function s<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag) as SVGElementTagNameMap[K];
  fill(element, attributes, children);
  return element;
}

/** A labelled select; `changed` is told what is chosen. */
export function choice<T extends string>(
  label: string,
  options: readonly (readonly [T, string])[],
  changed: (value: T) => void,
  now?: T,
): HTMLElement {
  const select = h("select", { change: () => changed(select.value as T) });
  for (const [value, text] of options) select.append(h("option", { value, selected: value === now }, text));
  return h("label", { class: "control" }, h("span", {}, label), select);
}

/** A labelled search field. */
export function search(label: string, changed: (text: string) => void, entered?: () => void): HTMLElement {
  const input: HTMLInputElement = h("input", {
    type: "search",
    placeholder: label,
    "aria-label": label,
    autocomplete: "off",
    spellcheck: "false",
    input: () => changed(input.value.trim().toLowerCase()),
    keydown: ((event: KeyboardEvent) => event.key === "Enter" && entered?.()) as EventListener,
  });
  return h("div", { class: "control search" }, input);
}

/** A table of facts: a term and what it is. */
export function facts(...rows: [string, Child][]): HTMLElement {
  return h("dl", { class: "facts" }, ...rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

/** A table with a caption for screen readers; the columns in `right` hold figures. */
export function table(caption: string, columns: string[], rows: Child[][], right: number[] = []): HTMLElement {
  const cell = (tag: "td" | "th", child: Child, index: number) =>
    h(tag, { class: right.includes(index) ? "figure" : null, scope: tag === "th" ? "col" : null }, child);
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, ...columns.map((text, index) => cell("th", text, index)))),
      h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((child, index) => cell("td", child, index))))),
    ),
  );
}

/** A swatch of a group's colour. */
export function swatch(color: string): HTMLElement {
  const element = h("span", { class: "swatch", "aria-hidden": "true" });
  element.style.background = color;
  return element;
}

/** A horizontal bar for a share of 1. */
export function bar(share: number, color?: string): HTMLElement {
  const inner = h("span", {});
  inner.style.width = `${Math.min(Math.max(share, 0), 1) * 100}%`;
  if (color) inner.style.background = color;
  return h("span", { class: share > 1 ? "bar over" : "bar", "aria-hidden": "true" }, inner);
}

const printed: { before: () => void; after: () => void }[] = [];
addEventListener("beforeprint", () => printed.forEach((one) => one.before()));
addEventListener("afterprint", () => printed.forEach((one) => one.after()));

/** Do something around printing, until the views are built again. */
export const aroundPrint = (before: () => void, after: () => void): unknown => printed.push({ before, after });
export const forgetPrints = (): unknown => printed.splice(0);

/** A button. */
export function button(text: string, click: () => void, attributes: Record<string, Value> = {}): HTMLButtonElement {
  return h("button", { type: "button", class: "tool", click, ...attributes }, text);
}
