// The frame around the views: the job, tabs, and which of them is open (in the address, so that links work).
import { forgetPrints, h, type Child } from "./dom";

export interface View {
  id: string;
  title: string;
  /** Called once, when the view is first opened. */
  build: () => HTMLElement;
  /** Show in what is built what has changed; false where it has to be built again. */
  update?: () => boolean;
}

export interface Shell {
  element: HTMLElement;
  /** Build the open view again, and the others when they are opened: what they show has changed. */
  rebuild: () => void;
  /** Open a view. */
  show: (id: string) => void;
  rename: (name: string) => void;
}

/** `tools` stand beside the name, `under` the header and above the views. */
export function shell(name: string, kind: string, views: View[], tools: Child[] = [], under: Child[] = []): Shell {
  const tabs = views.map((view) =>
    h("button", { role: "tab", type: "button", id: `tab-${view.id}`, "aria-controls": view.id, click: () => open(view) }, view.title),
  );
  const panels = views.map((view) =>
    h("section", { role: "tabpanel", id: view.id, class: "view", "aria-labelledby": `tab-${view.id}`, hidden: true }),
  );
  const built = new Set<View>();

  function build(view: View): void {
    if (built.has(view)) return;
    built.add(view);
    panels[views.indexOf(view)]!.replaceChildren(view.build());
  }

  function open(view: View, focus = false): void {
    const index = views.indexOf(view);
    panels.forEach((panel, at) => (panel.hidden = at !== index));
    tabs.forEach((tab, at) => {
      tab.setAttribute("aria-selected", String(at === index));
      tab.tabIndex = at === index ? 0 : -1;
    });
    if (focus) tabs[index]!.focus();
    build(view);
    if (location.hash !== `#${view.id}`) history.replaceState(null, "", `#${view.id}`);
  }

  const list = h(
    "div",
    {
      role: "tablist", "aria-label": "Views",
      keydown: ((event: KeyboardEvent) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const now = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
        if (step) open(views[(now + step + views.length) % views.length]!, true);
      }) as EventListener,
    },
    ...tabs,
  );
  const fromAddress = () => views.find((view) => `#${view.id}` === location.hash) ?? views[0]!;
  addEventListener("hashchange", () => open(fromAddress()));
  addEventListener("beforeprint", () => views.forEach(build), { capture: true }); // before they are made ready
  queueMicrotask(() => open(fromAddress()));
  const heading = h("h1", { title: name }, name);
  return {
    element: h(
      "div",
      { class: "app" },
      h("header", { class: "top" }, h("span", { class: "brand" }, "planner"), heading, h("span", { class: "kind" }, kind), ...tools, list),
      ...under,
      h("main", {}, ...panels),
    ),
    rebuild: () => {
      const shown = fromAddress();
      const kept = built.has(shown) && shown.update?.();
      built.clear();
      if (kept) return void built.add(shown);
      forgetPrints();
      open(fromAddress());
    },
    show: (id) => open(views.find((view) => view.id === id) ?? views[0]!),
    rename: (text) => {
      heading.textContent = text;
      heading.title = text;
    },
  };
}
