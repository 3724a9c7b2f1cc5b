// One script and one stylesheet, which `planner report` embeds in its page.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { defineConfig } from "vite";

const OUT = new URL("../planner/report/assets/", import.meta.url);

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

export default defineConfig({
  build: {
    outDir: OUT.pathname,
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    lib: { entry: "src/report.ts", formats: ["iife"], name: "planner", fileName: () => "report.js", cssFileName: "report" },
  },
  plugins: [{ name: "sources", closeBundle: () => writeFileSync(new URL("sources.sha256", OUT), `${sources()}\n`) }],
});
