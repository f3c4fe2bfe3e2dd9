// Reads an AsyncAPI document on standard input; says what the official parser thinks of it.
const { Parser } = require('@asyncapi/parser');
const { readFileSync } = require('node:fs');

new Parser().parse(readFileSync(0, 'utf8')).then(({ document, diagnostics }) => {
  console.log(JSON.stringify({
    parsed: Boolean(document),
    channels: document ? document.channels().all().map((c) => c.address()) : [],
    messages: document ? document.messages().all().map((m) => m.name()) : [],
    errors: diagnostics.filter((d) => d.severity === 0).map((d) => `${d.path.join('.')}: ${d.message}`),
    warnings: diagnostics.filter((d) => d.severity === 1).map((d) => `${d.path.join('.')}: ${d.message}`),
  }));
});
