// Opens one page in headless Chromium over its DevTools protocol and looks at it as its readers do.
// Called by tests/setup/check-report; needs Node.js 18 or newer and nothing from npm.
//
//     node check-report.mjs CHROMIUM PROFILE-FOLDER PAGE PICTURES-PREFIX

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [chromium, profile, page, prefix] = process.argv.slice(2);
const address = pathToFileURL(page).href;
mkdirSync(profile, { recursive: true });

const browser = spawn(chromium, [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank",
], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });

// The protocol over pipes: no port is opened. Each message ends in a zero byte.
const [, , errors, to, from] = browser.stdio;
let said = "";
errors.on("data", (data) => { said += data; });
const gone = (why) => {
  console.error(`check-report: ${why}\n${said}`);
  browser.kill("SIGKILL");
  process.exit(1);
};
browser.on("error", (error) => gone(`the browser did not start: ${error.message}`));
const patience = setTimeout(() => gone("the browser did not answer in 120 s"), 120_000);

const waiting = new Map();
const listeners = [];
let last = 0;
let rest = Buffer.alloc(0);
from.on("data", (data) => {
  rest = Buffer.concat([rest, data]);
  for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
    take(JSON.parse(rest.subarray(0, end).toString()));
    rest = rest.subarray(end + 1);
  }
});
function take(data) {
  if (data.id === undefined) {
    for (const listener of listeners) listener(data.method, data.params);
    return;
  }
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error) reject(new Error(JSON.stringify(data.error)));
  else resolve(data.result);
}
const call = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
  last += 1;
  waiting.set(last, { resolve, reject });
  to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
});

const wrong = [];
listeners.push((method, params) => {
  if (method === "Network.requestWillBeSent" && !params.request.url.startsWith("file:") && !params.request.url.startsWith("data:")) {
    wrong.push(`a network request: ${params.request.url}`);
  }
  if (method === "Network.requestWillBeSent" && params.request.url.startsWith("file:") && params.request.url !== address) {
    wrong.push(`another file is read: ${params.request.url}`);
  }
  if (method === "Runtime.consoleAPICalled") wrong.push(`console: ${params.type} ${JSON.stringify(params.args)}`);
  if (method === "Runtime.exceptionThrown") wrong.push(`exception: ${params.exceptionDetails.text}`);
  if (method === "Log.entryAdded") wrong.push(`log: ${params.entry.text}`);
});

// What the page says of itself. Runs in the page.
const measure = `(() => {
  const root = document.documentElement;
  const charts = [...document.querySelectorAll("svg.chart")].filter((svg) => svg.getBoundingClientRect().width > 0);
  const outside = charts.flatMap((svg) => [...svg.querySelectorAll("text")]
    .filter((text) => {
      const box = text.getBoundingClientRect(), frame = svg.getBoundingClientRect();
      return box.right > frame.right + 1 || box.left < frame.left - 1 || box.bottom > frame.bottom + 1;
    }).map((text) => text.textContent));
  const colour = (name) => getComputedStyle(root).getPropertyValue(name);
  const line = document.querySelector("svg.chart polyline");
  return {
    width: root.scrollWidth, window: root.clientWidth, height: root.scrollHeight, outside,
    charts: charts.length, empty: charts.filter((svg) => !svg.querySelector("polyline, polygon")).length,
    paper: getComputedStyle(document.body).backgroundColor,
    stroke: line ? getComputedStyle(line).stroke : "none",
    hidden: document.querySelectorAll("button.copy[hidden]").length,
    font: Math.min(...charts.flatMap((svg) => [...svg.querySelectorAll("text")].map((text) => text.getBoundingClientRect().height))),
  };
})()`;

async function look(width, scheme) {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const on = (method, params) => call(method, params, sessionId);
  for (const domain of ["Page", "Network", "Runtime", "Log"]) await on(`${domain}.enable`);
  await on("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
  await on("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  const loaded = new Promise((resolve) => listeners.push((method) => method === "Page.loadEventFired" && resolve()));
  await on("Page.navigate", { url: address });
  await loaded;
  const { result } = await on("Runtime.evaluate", { expression: measure, returnByValue: true });
  const seen = result.value;
  const at = `at ${width} pixels, ${scheme}`;
  if (seen.width > seen.window) wrong.push(`${at}: ${seen.width} pixels wide in a window of ${seen.window}`);
  if (seen.charts === 0 || seen.empty > 0) wrong.push(`${at}: ${seen.charts} charts, ${seen.empty} empty`);
  if (seen.outside.length > 0) wrong.push(`${at}: labels cut: ${seen.outside}`);
  if (seen.hidden > 0) wrong.push(`${at}: the script did not run`);
  if (seen.font < 9) wrong.push(`${at}: labels of ${seen.font} pixels are too small to read`);
  const height = Math.min(seen.height, 16_000);
  const clip = { x: 0, y: 0, width, height, scale: 1 };
  const picture = await on("Page.captureScreenshot", { captureBeyondViewport: true, clip });
  writeFileSync(`${prefix}-${width}-${scheme}.png`, Buffer.from(picture.data, "base64"));
  if (width > 600 && scheme === "light") {
    const { data } = await on("Page.printToPDF", { printBackground: false, preferCSSPageSize: true });
    writeFileSync(`${prefix}-paper.pdf`, Buffer.from(data, "base64"));
  }
  await call("Target.closeTarget", { targetId });
  return seen;
}

const seen = {};
for (const width of [1280, 390]) {
  for (const scheme of ["light", "dark"]) seen[`${width}-${scheme}`] = await look(width, scheme);
}
for (const width of [1280, 390]) {
  const [light, dark] = [seen[`${width}-light`], seen[`${width}-dark`]];
  if (light.paper === dark.paper) wrong.push(`light and dark have one background, ${light.paper}`);
  if (light.stroke === dark.stroke) wrong.push(`light and dark have one colour of line, ${light.stroke}`);
}
const ended = new Promise((resolve) => browser.once("exit", resolve));
await call("Browser.close").catch(() => {});
clearTimeout(patience);
await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5_000))]);
browser.kill("SIGKILL");
for (const sentence of new Set(wrong)) console.error(`check-report: ${sentence}`);
process.exit(wrong.length === 0 ? 0 : 1);
