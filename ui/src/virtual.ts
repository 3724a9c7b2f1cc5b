// A listbox of thousands of items of equal size, of which only those in sight are in the page.
import { aroundPrint, h } from "./dom";

export interface Section<T> {
  title: string;
  note: string;
  items: T[];
}

export interface Options<T> {
  label: string;
  /** Least width of an item, so that as many stand side by side as fit; 0 for one a line. */
  width: number;
  height: number;
  draw: (item: T) => HTMLElement;
  /** What a screen reader says of an item. */
  say: (item: T) => string;
  selected: (item: T) => void;
}

const GAP = 8;
const HEADING = 32;
const AROUND = 400;
const PRINTED = 240;

interface Placed<T> {
  item: T;
  index: number;
  row: number;
  column: number;
  top: number;
}

export class VirtualList<T> {
  readonly element: HTMLElement;
  private readonly space = h("div", { class: "space" });
  private sections: Section<T>[] = [];
  private placed: Placed<T>[] = [];
  private headings: { section: Section<T>; top: number }[] = [];
  private drawn = new Map<string, HTMLElement>();
  private active = -1;
  private columns = 1;
  private itemWidth = 0;
  private printing = false;
  private static lists = 0;
  private readonly id = `list${VirtualList.lists++}`;

  constructor(private readonly options: Options<T>) {
    this.element = h(
      "div",
      {
        class: "virtual", role: "listbox", tabindex: 0, "aria-label": options.label,
        keydown: ((event: KeyboardEvent) => this.key(event)) as EventListener,
        scroll: () => requestAnimationFrame(() => this.draw()),
      },
      this.space,
    );
    new ResizeObserver(() => this.layout()).observe(this.element);
    aroundPrint(() => this.print(true), () => this.print(false));
  }

  show(sections: Section<T>[]): void {
    const before = this.placed[this.active]?.item;
    this.sections = sections;
    this.layout();
    this.active = before === undefined ? -1 : this.placed.findIndex((one) => one.item === before);
    this.element.scrollTop = 0;
    this.draw();
  }

  select(wanted: (item: T) => boolean): void {
    const index = this.placed.findIndex((one) => wanted(one.item));
    if (index >= 0) this.go(index);
  }

  private layout(): void {
    const { width, height } = this.options;
    const whole = this.element.clientWidth - 2 * GAP;
    if (whole <= 0) return;
    this.columns = width ? Math.max(1, Math.floor((whole + GAP) / (width + GAP))) : 1;
    this.itemWidth = (whole - (this.columns - 1) * GAP) / this.columns;
    this.placed = [];
    this.headings = [];
    let top = GAP;
    let row = 0;
    for (const section of this.sections) {
      if (section.title) {
        this.headings.push({ section, top });
        top += HEADING;
      }
      section.items.forEach((item, index) => {
        const line = Math.floor(index / this.columns);
        const column = index % this.columns;
        this.placed.push({ item, index: this.placed.length, row: row + line, column, top: top + line * (height + GAP) });
      });
      const lines = Math.ceil(section.items.length / this.columns);
      row += lines;
      top += lines * (height + GAP) + GAP;
    }
    this.space.style.height = `${top}px`;
    for (const element of this.drawn.values()) element.remove();
    this.drawn.clear();
    this.draw();
  }

  private draw(): void {
    const from = this.element.scrollTop - AROUND;
    const to = this.element.scrollTop + this.element.clientHeight + AROUND;
    const seen = (top: number) => this.printing || (top >= from - this.options.height && top <= to);
    const wanted = new Map<string, () => HTMLElement>();
    const places = new Map<string, [number, number]>();
    this.headings.forEach(({ section, top }, index) => {
      if (!seen(top)) return;
      wanted.set(`h${index}`, () =>
        h("div", { class: "heading", role: "presentation" }, h("strong", {}, section.title), h("span", {}, section.note)),
      );
      places.set(`h${index}`, [GAP, top]);
    });
    const shown = this.printing ? this.placed.slice(0, PRINTED) : this.window(from, to);
    for (const one of shown) {
      wanted.set(`i${one.index}`, () => this.item(one));
      places.set(`i${one.index}`, [GAP + one.column * (this.itemWidth + GAP), one.top]);
    }
    for (const [key, element] of this.drawn)
      if (!wanted.has(key)) {
        element.remove();
        this.drawn.delete(key);
      }
    for (const [key, make] of wanted) {
      if (this.drawn.has(key)) continue;
      const element = make();
      const [left, top] = places.get(key)!;
      element.style.transform = `translate(${left}px, ${top}px)`;
      element.style.order = String(Math.round(top)); // on paper, where nothing is placed
      element.style.width = key.startsWith("i") ? `${this.itemWidth}px` : "";
      this.space.append(element);
      this.drawn.set(key, element);
    }
    this.mark();
  }

  private window(from: number, to: number): Placed<T>[] {
    let low = 0;
    let high = this.placed.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.placed[middle]!.top < from - this.options.height) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (end < this.placed.length && this.placed[end]!.top <= to) end++;
    return this.placed.slice(low, end);
  }

  private item(one: Placed<T>): HTMLElement {
    const element = this.options.draw(one.item);
    element.classList.add("item");
    element.id = `${this.id}-${one.index}`;
    element.setAttribute("role", "option");
    element.setAttribute("aria-label", this.options.say(one.item));
    element.setAttribute("aria-setsize", String(this.placed.length));
    element.setAttribute("aria-posinset", String(one.index + 1));
    element.style.height = `${this.options.height}px`;
    element.addEventListener("click", () => this.go(one.index, false));
    return element;
  }

  private mark(): void {
    for (const [key, element] of this.drawn)
      if (key.startsWith("i")) element.setAttribute("aria-selected", String(key === `i${this.active}`));
    if (this.drawn.has(`i${this.active}`)) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  private go(index: number, scroll = true): void {
    const one = this.placed[index];
    if (!one) return;
    this.active = index;
    if (scroll) {
      const { scrollTop, clientHeight } = this.element;
      const bottom = one.top + this.options.height + GAP;
      if (one.top - HEADING < scrollTop) this.element.scrollTop = one.top - HEADING;
      else if (bottom > scrollTop + clientHeight) this.element.scrollTop = bottom - clientHeight;
    }
    this.draw();
    this.options.selected(one.item);
  }

  private key(event: KeyboardEvent): void {
    const last = this.placed.length - 1;
    const now = this.placed[this.active];
    const page = Math.max(1, Math.floor(this.element.clientHeight / (this.options.height + GAP)));
    const to: Record<string, () => number> = {
      ArrowRight: () => this.active + 1,
      ArrowLeft: () => this.active - 1,
      ArrowDown: () => this.vertical(now, 1),
      ArrowUp: () => this.vertical(now, -1),
      PageDown: () => this.vertical(now, page),
      PageUp: () => this.vertical(now, -page),
      Home: () => 0,
      End: () => last,
    };
    const next = to[event.key];
    if (!next || last < 0) return;
    event.preventDefault();
    this.go(now ? Math.min(Math.max(next(), 0), last) : 0);
  }

  /** The item that many rows on, in the same column where there is one. */
  private vertical(now: Placed<T> | undefined, rows: number): number {
    if (!now) return 0;
    const lastRow = this.placed.at(-1)!.row;
    const row = Math.min(Math.max(now.row + rows, 0), lastRow);
    if (row === now.row) return now.index;
    const line = this.placed.filter((one) => one.row === row);
    return (line[now.column] ?? line.at(-1))!.index;
  }

  private print(on: boolean): void {
    this.printing = on;
    this.element.classList.toggle("printing", on);
    this.element.dataset["more"] =
      on && this.placed.length > PRINTED ? `${this.placed.length - PRINTED} more are not printed` : "";
    this.draw();
  }
}
