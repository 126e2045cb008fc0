// The same as check.py by a second validator, without a judgement of places: a wrong file is refused, a right one is not.
//
//     check.cjs SCHEMA accept|refuse FILE...

const fs = require("node:fs");
const Ajv = require("ajv/dist/2020").default;
const YAML = require("yaml");

const [schemaPath, mode, ...paths] = process.argv.slice(2);
// Strict mode would refuse the keywords that only editors read.
const ajv = new Ajv({ strict: false, allErrors: false });
const started = performance.now();
const validate = ajv.compile(JSON.parse(fs.readFileSync(schemaPath, "utf8")));
const compiled = performance.now() - started;

const tags = ["!raw", "!text", "!template"].map((tag) => ({ tag, resolve: (text) => text }));
let failed = 0;
let spent = 0;
for (const path of paths) {
  const options = { version: "1.2", merge: true, customTags: tags };
  const document = YAML.parse(fs.readFileSync(path, "utf8"), options);
  const before = performance.now();
  const fits = validate(document);
  spent += performance.now() - before;
  if (fits !== (mode === "accept")) {
    failed += 1;
    const said = (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
    console.log(`${path}: ${fits ? "is accepted" : said.join("; ")}`);
  }
}
const took = `compiled in ${compiled.toFixed(0)} ms, ${(spent / Math.max(paths.length, 1)).toFixed(2)} ms a file`;
console.log(`${mode}: ${paths.length - failed} of ${paths.length}, ${took}`);
process.exit(failed > 0 ? 1 : 0);
