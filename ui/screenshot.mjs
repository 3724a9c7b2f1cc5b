// Screenshots of a report: node screenshot.mjs REPORT.html OUT.png [--view graph] [--click SELECTOR] [--dark] [--size 1280x800]
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    view: { type: "string", default: "placement" },
    click: { type: "string", multiple: true, default: [] },
    dark: { type: "boolean", default: false },
    size: { type: "string", default: "1280x720" },
  },
});
const [report, output] = positionals;
const [width, height] = values.size.split("x").map(Number);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const page = await browser.newPage({ viewport: { width, height }, colorScheme: values.dark ? "dark" : "light" });
const faults = [];
page.on("pageerror", (error) => faults.push(String(error)));
page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
await page.goto(`${pathToFileURL(report)}#${values.view}`);
for (const selector of values.click) await page.locator(selector).first().click();
await page.screenshot({ path: output });
await browser.close();
if (faults.length) {
  console.error(faults.join("\n"));
  process.exit(1);
}
