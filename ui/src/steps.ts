// The edits of a person, step by step: what can be undone, done again, and found again after the page was gone.
import type { Edit } from "./client";

/** One thing that a person did; it may set several fields. */
export interface Step {
  label: string;
  edits: Edit[];
}

interface Stored {
  base: string;
  done: Step[];
  undone: Step[];
}

export class Steps {
  base: string | null = null;
  done: Step[] = [];
  undone: Step[] = [];
  private key = "";

  get edits(): Edit[] {
    return this.done.flatMap((step) => step.edits);
  }

  /** Take up the edits of `file` that this browser kept. */
  open(file: string): void {
    this.key = `planner ${file}`;
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) ?? "null") as Stored | null;
      if (kept?.done.length) [this.base, this.done, this.undone] = [kept.base, kept.done, kept.undone];
    } catch {
      localStorage.removeItem(this.key);
    }
  }

  add(step: Step): void {
    this.done.push(step);
    this.undone = [];
    this.keep();
  }

  undo(): void {
    const step = this.done.pop();
    if (step) this.undone.push(step);
    this.keep();
  }

  redo(): void {
    const step = this.undone.pop();
    if (step) this.done.push(step);
    this.keep();
  }

  /** Begin again with the file as it is. */
  clear(base: string | null): void {
    [this.base, this.done, this.undone] = [base, [], []];
    this.keep();
  }

  /** Go on with the same edits on another state of the file. */
  rebase(base: string): void {
    this.base = base;
    this.keep();
  }

  /** Leave out edits that do not fit the file any more. */
  drop(refused: Edit[]): void {
    const gone = new Set(refused.map((edit) => JSON.stringify(edit)));
    const kept = (step: Step) => ({ ...step, edits: step.edits.filter((edit) => !gone.has(JSON.stringify(edit))) });
    this.done = this.done.map(kept).filter((step) => step.edits.length);
    this.undone = [];
    this.keep();
  }

  keep(): void {
    try {
      if (this.done.length && this.base) localStorage.setItem(this.key, JSON.stringify({ base: this.base, done: this.done, undone: this.undone }));
      else localStorage.removeItem(this.key);
    } catch {
      // the browser keeps nothing: the edits are in this page
    }
  }
}
