/* Evaluates JSONata with the reference, and with the functions that Step Functions adds.

A line of standard input is a JSON array of {code, bindings, millis}; the line that answers is an array of as many
{value}, {nothing: true} or {error}. `millis` is what $millis() is to give. */
"use strict";
const { createHash, randomUUID } = require("crypto");
const { createInterface } = require("readline");
const jsonata = require("jsonata");

const HASHES = { "MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" };
const MAX_RANGE = 1000;
const FORMAT = jsonata("$fromMillis($millis, $picture, $zone)");

function refuse(message) {
  throw { code: "AWS", message };
}

function partition(array, size) {
  const width = Math.trunc(size);
  if (!(width >= 1)) refuse("$partition needs a chunk size of at least 1");
  const parts = [];
  for (let start = 0; start < array.length; start += width) parts.push(array.slice(start, start + width));
  return parts;
}

function range(first, last, step = 1) {
  if (step === 0) refuse("$range needs a step other than 0");
  const count = Math.max(0, Math.floor((last - first) / step) + 1);
  if (count > MAX_RANGE) refuse("$range gives more elements than it may");
  return Array.from({ length: count }, (_, index) => first + index * step);
}

const STRING = jsonata("$string($value)");

async function hash(data, algorithm = "SHA-256") {
  if (!(algorithm in HASHES)) refuse(`$hash does not know ${algorithm}`);
  const text = typeof data === "string" ? data : await STRING.evaluate(null, { value: data });
  return createHash(HASHES[algorithm]).update(text).digest("hex");
}

function functions(millis) {
  return {
    partition, range, hash,
    random: () => Math.random(),
    uuid: () => randomUUID(),
    parse: (text) => JSON.parse(text),
    eval: undefined, // not part of Step Functions' JSONata
    millis: () => millis,
    now: (picture, zone) => FORMAT.evaluate(null, { millis, picture, zone }),
  };
}

/* As Step Functions prints what JSON has no word for. */
function printed(key, value) {
  if (typeof value === "function" || (value && value._jsonata_lambda)) throw { code: "AWS", message: "a function" };
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

async function evaluate({ code, bindings, millis }) {
  try {
    const value = await jsonata(code).evaluate(undefined, { ...functions(millis), ...bindings });
    if (value === undefined) return { nothing: true };
    return { value: JSON.parse(JSON.stringify(value, printed)) };
  } catch (error) {
    return { error: `${error.code || error.name}: ${error.message}` };
  }
}

async function main() {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const answers = [];
    for (const asked of JSON.parse(line)) answers.push(await evaluate(asked));
    process.stdout.write(JSON.stringify(answers) + "\n");
  }
}

main();
