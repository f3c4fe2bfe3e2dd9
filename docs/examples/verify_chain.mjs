// Read topics from their start and verify the chain of every stream. Needs Node 18 and kafkajs, nothing of Hamkke.
//
//   npm install kafkajs
//   node verify_chain.mjs 127.0.0.1:8411 hamkke.recruitment.call hamkke.recruitment.application
//
// Ends when nothing has come for QUIET_MS milliseconds (3000, counted from the first look at the topics).
import { createHash, randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url); // also finds packages on NODE_PATH
const { Kafka, logLevel } = require("kafkajs");

const HASHED = [
  "id", "source", "type", "subject", "time", "recordedtime", "dataschema", "streamversion",
  "projectid", "actorref", "traceparent", "correlationid", "causationid",
];

// SHA-256 of: previous hash, line feed, the hashed attributes as canonical JSON, line feed, the value as it came
function hashOf(attributes, value) {
  const hashed = HASHED.filter((name) => name in attributes).sort().map((name) => [name, attributes[name]]);
  const written = JSON.stringify(Object.fromEntries(hashed));
  return createHash("sha256").update(`${attributes.prevhash ?? ""}\n${written}\n`).update(value).digest("hex");
}

const streams = new Map(); // stream -> the hash of every version, in order
const misfits = [];

function take(where, message) {
  const attributes = {};
  for (const [name, value] of Object.entries(message.headers ?? {}))
    if (name.startsWith("ce_") && Buffer.isBuffer(value)) attributes[name.slice(3)] = value.toString("utf8");
  const { subject: stream, hash: own } = attributes;
  const version = Number(attributes.streamversion);
  if (!stream || !own || !Number.isSafeInteger(version) || version < 1 || message.value === null)
    return misfits.push(`${where}: not an event`);
  if (hashOf(attributes, message.value) !== own)
    return misfits.push(`${where}: ${stream}@${version} is not what its own hash says`);
  const known = streams.get(stream) ?? [];
  streams.set(stream, known);
  if (version <= known.length) {
    if (known[version - 1] !== own) misfits.push(`${where}: there is another ${stream}@${version}`);
    return; // the same again is a repeat, and harmless
  }
  if (version > known.length + 1) return misfits.push(`${where}: ${stream}@${version} comes after version ${known.length}`);
  if ((attributes.prevhash ?? "") !== (known.at(-1) ?? ""))
    return misfits.push(`${where}: ${stream}@${version} does not follow the version before`);
  known.push(own);
}

const [bootstrap, ...topics] = process.argv.slice(2);
if (!bootstrap || topics.length === 0) {
  console.error("usage: verify_chain.mjs HOST:PORT TOPIC...");
  process.exit(2);
}
const quiet = Number(process.env.QUIET_MS ?? 3000);
const kafka = new Kafka({ clientId: "verify-chain", brokers: bootstrap.split(","), logLevel: logLevel.NOTHING });
const consumer = kafka.consumer({
  groupId: `verify-chain-${randomUUID()}`,
  allowAutoTopicCreation: false,
  sessionTimeout: 6000, // a broker may wait half of it for more members before the first record
  maxWaitTimeInMs: 100,
});
await consumer.connect();
await consumer.subscribe({ topics, fromBeginning: true });
let lastNews = Infinity;
consumer.on(consumer.events.FETCH, () => (lastNews = Math.min(lastNews, Date.now())));
await consumer.run({
  autoCommit: false, // a group of our own, thrown away afterwards
  eachBatch: async ({ batch }) => {
    for (const message of batch.messages) take(`${batch.topic}[${batch.partition}]@${message.offset}`, message);
    lastNews = Date.now();
  },
});
while (Date.now() < lastNews + quiet) await new Promise((later) => setTimeout(later, 100));
await consumer.disconnect();

const events = [...streams.values()].reduce((sum, known) => sum + known.length, 0);
console.log(`${events} events of ${streams.size} streams fit; ${misfits.length} records do not.`);
for (const misfit of misfits) console.error(`does not fit: ${misfit}`);
process.exitCode = misfits.length ? 1 : 0;
