/* What AWS's language service says against state machines.

Standard input is a JSON array of texts; standard output an array of as many arrays of "line: message". */
"use strict";
const { getLanguageService, TextDocument } = require("amazon-states-language-service");
const { readFileSync } = require("fs");

async function main() {
  const service = getLanguageService({});
  const found = [];
  for (const text of JSON.parse(readFileSync(0, "utf8"))) {
    const document = TextDocument.create("machine.asl.json", "asl", 1, text);
    const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
    found.push(diagnostics.map(({ range, message }) => `${range.start.line + 1}: ${message}`));
  }
  process.stdout.write(JSON.stringify(found));
}

main();
