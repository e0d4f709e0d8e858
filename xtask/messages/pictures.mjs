// Opens each message in Chromium at three widths, light and dark; prints what is wider than the window and what has too
// little contrast to be read; and takes pictures.
//
// node pictures.mjs MESSAGES PICTURES
import { mkdirSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const [messages, pictures] = process.argv.slice(2);
// English whole; of the other languages what differs most in length.
const others = ["invitation-password-360-light", "invitation-password-700-dark", "reset-password-360-light", "reminder-password-360-light"];
const wanted = (picture) =>
  !picture.includes("-320-") && (picture.startsWith("en-") || others.includes(picture.slice("xx-".length)));

const pages = (folder) => readdirSync(folder).filter((name) => name.endsWith(".html") && name !== "index.html").map((name) => join(folder, name));
const ours = pages(messages);
const layouts = pages(join(messages, "layout"));

mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
let problems = 0;
for (const colorScheme of ["light", "dark"]) {
  for (const width of [320, 360, 700]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 400 } });
    const page = await context.newPage();
    // Nothing is fetched: a logo is blocked, as in many mail programs.
    await page.route(/^https?:/, (route) => route.abort());
    for (const file of [...ours, ...layouts]) {
      await page.goto(pathToFileURL(file).href);
      const name = `${basename(file, ".html")}-${width}-${colorScheme}`;
      for (const problem of await page.evaluate(unreadable)) {
        problems += 1;
        console.log(`${name}: ${problem}`);
      }
      if (ours.includes(file) && wanted(name)) {
        await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
      } else if (layouts.includes(file) && width === 360) {
        await page.screenshot({ path: join(messages, "layout", `${name}.png`), fullPage: true });
      }
    }
    await context.close();
  }
}
await browser.close();
console.log(`${ours.length + layouts.length} pages at 320, 360 and 700 px, light and dark: ${problems} problems`);
process.exitCode = problems > 0 ? 1 : 0;

/** Runs in the page. Contrast as WCAG 2.2, 1.4.3 has it: at least 4.5:1. */
function unreadable() {
  const found = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`${scrollWidth} px wide in a window of ${clientWidth}`);
  const parts = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = parts(colour).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if ((parts(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!text.data.trim() || !element.checkVisibility()) continue;
    const [one, two] = [getComputedStyle(element).color, background(element)].map(luminance);
    const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(2)}:1 at "${text.data.trim().slice(0, 40)}"`);
  }
  return found;
}
