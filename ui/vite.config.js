// One script and one stylesheet for `planner report`, which embeds them in its page, and for `planner ui`.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { defineConfig } from "vite";

const BUNDLES = {
  report: { out: new URL("../planner/report/assets/", import.meta.url), entry: "src/report.ts" },
  ui: { out: new URL("../planner/ui/assets/", import.meta.url), entry: "src/ui.ts" },
};

/** The digest of everything that the assets are built from; tests/report/test_html.py has the same. */
function sources() {
  const here = new URL("./", import.meta.url);
  const files = readdirSync(new URL("src/", here), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("documents"))
    .map((entry) => new URL(entry.name, `file://${entry.parentPath.replace(/\/?$/, "/")}`));
  const others = ["package.json", "package-lock.json", "tsconfig.json", "types.mjs", "vite.config.js"];
  const schemas = ["resourceprofile", "placement", "recoveryplan"].map((name) => `../schemas/${name}.schema.json`);
  const all = [...files, ...[...others, ...schemas].map((name) => new URL(name, here))];
  const root = new URL("../", here).pathname;
  const lines = all
    .map((url) => `${url.pathname.slice(root.length)} ${createHash("sha256").update(readFileSync(url)).digest("hex")}\n`)
    .sort();
  return createHash("sha256").update(lines.join("")).digest("hex");
}

export default defineConfig(({ mode }) => ({
  build: {
    outDir: BUNDLES[mode].out.pathname,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    lib: { entry: BUNDLES[mode].entry, formats: ["iife"], name: "planner", fileName: () => `${mode}.js`, cssFileName: mode },
  },
  plugins: [{ name: "sources", closeBundle: () => writeFileSync(new URL("sources.sha256", BUNDLES[mode].out), `${sources()}\n`) }],
}));
