// Tests of the formats: which Content-Type is what.

import t from 'tap'
import { formatOf } from './media.ts'

const cases: [string | undefined, string][] = [
  [undefined, 'single'], ['application/json', 'single'], ['application/json; charset=utf-8', 'single'],
  ['text/plain', 'single'], ['application/octet-stream', 'single'], ['application/vnd.kafka.json.v2+json', 'single'],
  ['application/cloudevents+json', 'structured'], ['Application/CloudEvents+JSON; charset=UTF-8', 'structured'],
  ['application/cloudevents-batch+json', 'batch'], ['application/vnd.sluice.batch+json', 'items'],
  ['application/x-ndjson', 'lines'], ['application/ndjson', 'lines'], ['APPLICATION/JSONL ;x=1', 'lines'],
  ['application/cloudevents+protobuf', 'foreign'], ['application/cloudevents', 'foreign'],
  ['application/cloudevents-batch+avro', 'foreign'],
  ['', 'broken'], ['json', 'broken'], [';', 'broken'], ['a/b/c', 'broken'], ['application /json', 'broken'], ['a/', 'broken']
]

t.test('every type is one of the formats', async t => {
  for (const [type, format] of cases) t.equal(formatOf(type), format, String(type))
})

t.test('the answer is the same from memory, and the memory is bounded', async t => {
  for (let count = 0; count < 2_000; count++) t.equal(formatOf(`application/x-${count}`), 'single')
  for (const [type, format] of cases) t.equal(formatOf(type), format, String(type))
})
