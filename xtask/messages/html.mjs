// Prints a line for each problem that html-validate finds: file, rule and what it says, divided by tabs.
//
// node html.mjs FILE…
import process from "node:process";
import { HtmlValidate } from "html-validate";
import config from "./html-validate.mjs";

const validator = new HtmlValidate(config);
for (const file of process.argv.slice(2)) {
  const report = await validator.validateFile(file);
  for (const result of report.results) {
    for (const problem of result.messages) {
      console.log(`${file}\t${problem.ruleId}\t${problem.line}: ${problem.message}`);
    }
  }
}
