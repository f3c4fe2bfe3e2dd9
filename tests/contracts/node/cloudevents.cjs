// Reads a list of records {key, headers, value} on standard input; says what the official SDK makes of them.
const { Kafka } = require('cloudevents');
const { readFileSync } = require('node:fs');

const records = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(records.map((record) => {
  const event = Kafka.toEvent(record);
  const { id, type, source, subject, time, data, streamversion, hash, prevhash } = event;
  return { id, type, source, subject, time, data, streamversion, hash, prevhash, valid: event.validate() };
})));
