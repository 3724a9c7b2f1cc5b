// Figures as planner's tables spell them.

const UNITS: Record<string, number> = { bytes: 1, b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 };

/** The bytes of a size as documents spell it. */
export function bytes(size: string | number | null | undefined): number {
  if (size === null || size === undefined) return 0;
  if (typeof size === "number") return size;
  const [, number, unit] = /^\s*([\d.]+)\s*(\w*)\s*$/.exec(size) ?? [];
  return Number(number ?? 0) * (UNITS[(unit || "b").toLowerCase()] ?? 1);
}

/** Bytes in at most eight characters, rounded. */
export function sized(size: number): string {
  const unit = size >= 2 ** 40 ? "tb" : size >= 2 ** 30 ? "gb" : size >= 2 ** 20 || size === 0 ? "mb" : "kb";
  return `${Number((size / UNITS[unit]!).toPrecision(size / UNITS[unit]! >= 1000 ? 4 : 3))} ${unit}`;
}

/** Halves go to the even digit, as in planner's tables. */
const rounders = new Map<number, Intl.NumberFormat>();
function rounded(number: number, digits: number): string {
  let one = rounders.get(digits);
  if (!one) rounders.set(digits, (one = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false, roundingMode: "halfEven" } as Intl.NumberFormatOptions)));
  return one.format(number);
}

export const percent = (share: number | null | undefined, digits = 1): string =>
  share === null || share === undefined ? "-" : `${rounded(share * 100, digits)}%`;

export const count = (number: number, one: string, many = `${one}s`): string =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export const cores = (cpu: number): string => `${Number(cpu.toFixed(2))} ${cpu === 1 ? "core" : "cores"}`;

export const short = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`;

/** A name cut in its middle, since the names of TaskManagers end in what tells them apart. */
export const middle = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, Math.ceil(length * 0.6) - 1)}…${text.slice(-Math.floor(length * 0.4))}`;

/** Names in the order that people expect: large-2 before large-10. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;
