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
  /** Whether this page has put edits into the browser's store: others of the same file are left alone. */
  private stored = false;

  get edits(): Edit[] {
    return this.done.flatMap((step) => step.edits);
  }

  /** Take up the edits of a file that this browser kept. */
  open(key: string): void {
    this.key = `planner ${key}`;
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) ?? "null") as Stored | null;
      if (!kept?.done.length) return;
      [this.base, this.done, this.undone] = [kept.base, kept.done, kept.undone];
      this.stored = true;
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

  /** Leave out edits that do not fit the file any more, by their places among all. */
  drop(refused: number[]): void {
    const gone = new Set(refused);
    let place = 0;
    this.done = this.done.map((step) => ({ ...step, edits: step.edits.filter(() => !gone.has(place++)) })).filter((step) => step.edits.length);
    this.undone = [];
    this.keep();
  }

  /** Do something, and take it back where what follows is refused: an edit that cannot even be asked for. */
  async attempt(change: () => void, act: () => Promise<void>, refused: (error: unknown) => boolean): Promise<void> {
    const before: [string | null, Step[], Step[]] = [this.base, [...this.done], [...this.undone]];
    change();
    try {
      await act();
    } catch (error) {
      if (refused(error)) {
        [this.base, this.done, this.undone] = before;
        this.keep();
      }
      throw error;
    }
  }

  keep(): void {
    try {
      if (this.done.length && this.base) {
        localStorage.setItem(this.key, JSON.stringify({ base: this.base, done: this.done, undone: this.undone }));
        this.stored = true;
      } else if (this.stored) {
        localStorage.removeItem(this.key);
        this.stored = false;
      }
    } catch {
      // the browser keeps nothing: the edits are in this page
    }
  }
}
