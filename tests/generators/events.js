// Reads a document as AsyncAPI, by the parser of the standard; prints what is wrong with it and how many messages it has.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const errors = diagnostics.filter((each) => each.severity === 0).map((each) => `${each.path.join(".")}: ${each.message}`);
const messages = document ? document.channels().all().flatMap((each) => each.messages().all()).length : 0;
console.log(JSON.stringify({ errors, messages }));
