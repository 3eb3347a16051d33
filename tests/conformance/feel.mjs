// Answers cells as FEEL: one JSON line in, {"cell", "cases": [{"?", "x", "y"}, …]}, one out, [true, false or null, …].
// Null is everything that is no plain answer: a cell that cannot be read, a type that does not fit, a warning.
import { createInterface } from "node:readline";

const { evaluate, unaryTest } = await import(process.argv[2]);
const value = (given) =>
  given !== null && typeof given === "object" ? evaluate(`date("${given.date}")`, {}).value : given;

const answer = (cell, facts) => {
  try {
    const context = Object.fromEntries(Object.entries(facts).map(([name, given]) => [name, value(given)]));
    const found = unaryTest(cell, context);
    return found.warnings.length === 0 && typeof found.value === "boolean" ? found.value : null;
  } catch {
    return null;
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  const { cell, cases } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(cases.map((facts) => answer(cell, facts)))}\n`);
}
