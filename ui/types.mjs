// Writes src/documents/*.ts from planner's JSON Schemas, so that a change of a document breaks the build.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

/** A schema without the titles of its fields, each of which would become a type of its own. */
function untitled(schema) {
  if (Array.isArray(schema)) return schema.map(untitled);
  if (schema === null || typeof schema !== "object") return schema;
  const kept = Object.entries(schema).filter(([key, value]) => key !== "title" || typeof value !== "string");
  return Object.fromEntries(kept.map(([key, value]) => [key, untitled(value)]));
}

const DOCUMENTS = { resourceprofile: "ResourceProfile", placement: "Placement", recoveryplan: "RecoveryPlan" };

await mkdir(new URL("src/documents/", import.meta.url), { recursive: true });
for (const [file, name] of Object.entries(DOCUMENTS)) {
  const text = await readFile(new URL(`../schemas/${file}.schema.json`, import.meta.url), "utf8");
  const schema = { ...untitled(JSON.parse(text)), title: name };
  const types = await compile(schema, name, { format: false, bannerComment: `/* From schemas/${file}.schema.json. */` });
  await writeFile(new URL(`src/documents/${file}.ts`, import.meta.url), types);
}
