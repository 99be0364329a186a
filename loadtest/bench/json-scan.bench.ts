// Question: what do the codecs of src/contract cost per event, beside JSON.parse of the same bytes?
// By hand: node loadtest/bench/json-scan.bench.ts. Shows the quickest of many short rounds, which a busy machine
// disturbs least.

import { binaryHeaders } from '../../src/contract/cloudevents-kafka.ts'
import { decodeStructured, encodeStructured } from '../../src/contract/cloudevents-json.ts'
import { parseChannel } from '../../src/contract/channel.ts'
import { noAttributes } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { checkJson } from '../../src/contract/json.ts'
import { compilePointer, pointerValue } from '../../src/contract/json-pointer.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import { encodeRecord, recordBytes } from '../../src/contract/record.ts'

const roundCount = 300
const callCount = 1_000
let sink = 0

/** Nanoseconds per call in the quickest round. `work` returns a number that depends on what it did. */
function nanoseconds (work: () => number): number {
  let least = Infinity
  for (let round = 0; round < roundCount; round++) {
    const startedMs = performance.now()
    for (let i = 0; i < callCount; i++) sink += work()
    least = Math.min(least, (performance.now() - startedMs) * 1e6 / callCount)
  }
  return least
}

function order (lineCount: number): object {
  const lines = Array.from({ length: lineCount }, (_, i) => ({ article: `A-${1_000 + i}`, count: i + 1, price: 12.5 }))
  return { order: '7f3c2e1a-95d4', customer: 'customer-4711', paid: true, note: 'ring twice, please', lines }
}

const small = Buffer.from(JSON.stringify(order(3)))
const kilobyte = Buffer.from(JSON.stringify(order(22)))
const indented = Buffer.from(JSON.stringify(order(12), null, 2))
const accented = Buffer.from(JSON.stringify({ text: 'Grüße aus Köln, 42 € und ein Lächeln 😀 '.repeat(20) }))
const event = Buffer.from(JSON.stringify({
  specversion: '1.0', id: '0190b6c2-6f1f-7d33-9a55-0d6f7a0f2b11', source: 'https://shop.example.com/eu/checkout',
  type: 'com.example.shop.order.placed.v2', subject: 'orders/7f3c2e1a-95d4', time: '2026-01-31T09:30:00.123Z',
  datacontenttype: 'application/json', partitionkey: 'customer-4711', data: order(3)
}))
const decoded = decodeStructured(event, 0, event.length)
if (isRefusal(decoded)) throw new Error(decoded.detail)
const { context } = decoded
const envelope: Envelope = {
  ...context,
  channel: 'orders/eu',
  wrapped: false,
  data: small,
  dataChecked: true,
  principal: { name: 'bench', groups: [], anonymous: false },
  attributes: noAttributes,
  peer: { address: '127.0.0.1', port: 1, secure: false, connectionId: 1 },
  receivedAtMs: 0,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  tracestate: undefined,
  patient: false
}
const record = {
  topic: 'orders', key: Buffer.from('customer-4711'), value: small, headers: binaryHeaders(envelope, []),
  timestampMs: 0, id: context.id, source: context.source
}
const into = Buffer.alloc(4_096)
const pointer = compilePointer('/lines/2/article') ?? { steps: [] }

function show (name: string, byteCount: number, work: () => number): void {
  const ns = nanoseconds(work)
  const perByte = byteCount === 0 ? '' : `  ${(ns / byteCount).toFixed(2)} ns/byte`
  console.log(`${name.padEnd(44)} ${ns.toFixed(0).padStart(7)} ns${perByte}`)
}

for (const [name, text] of Object.entries({ small, kilobyte, indented, accented })) {
  show(`check of ${text.length} B (${name})`, text.length, () => checkJson(text, 0, text.length) === undefined ? 1 : 2)
  show(`JSON.parse of ${text.length} B (${name})`, text.length, () => JSON.parse(text.toString()) === null ? 1 : 2)
}
show(`decodeStructured of ${event.length} B`, event.length, () => isRefusal(decodeStructured(event, 0, event.length)) ? 1 : 2)
show(`JSON.parse of ${event.length} B`, event.length, () => JSON.parse(event.toString()) === null ? 1 : 2)
show('encodeStructured', 0, () => encodeStructured(context, small, true).length)
show('binaryHeaders', 0, () => binaryHeaders(envelope, []).length)
show('pointerValue', 0, () => pointerValue(small, 0, small.length, pointer)?.end ?? 0)
show('parseChannel', 0, () => parseChannel('orders/eu/shop-17') === '' ? 1 : 2)
show('recordBytes + encodeRecord', 0, () => recordBytes(record, 17, 3) + encodeRecord(record, into, 0, 17, 3))
if (sink === 0) console.log('nothing was measured')
