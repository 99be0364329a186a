// Tests of the reply table: what the standard lets each packet carry, and what the README says.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { refusals, refuse, retryable } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { reasonCodesOf, returnCodesOf } from './codec/reason-codes.ts'
import { PacketReader } from './codec/packet-reader.ts'
import { violationOf } from './codec/violation.ts'
import { codecLimits } from '../../test/support/mqtt-packets.ts'
import { connackOf, connackOfViolation, disconnectOf, endings, messageReply4, messageReply5, replies } from './reply.ts'

const codes = Object.keys(refusals) as RefusalCode[]
const shown = (reasonCode: number): string => `0x${reasonCode.toString(16).toUpperCase().padStart(2, '0')}`

t.test('every reason code is one that its packet may carry', async t => {
  for (const code of codes) {
    const { connack } = replies[code]
    t.ok((reasonCodesOf.CONNACK as ReadonlySet<number>).has(connack[5]), `CONNACK ${code}`)
    t.ok(connack[5] >= 0x80)
    t.ok((returnCodesOf.CONNACK as ReadonlySet<number>).has(connack[4]), `CONNACK of 3.1.1 ${code}`)
    const reply = messageReply5(code)
    if (reply.act === 'acknowledge') t.ok((reasonCodesOf.PUBACK as ReadonlySet<number>).has(reply.reasonCode), code)
    if (reply.act === 'disconnect') t.ok((reasonCodesOf.DISCONNECT.server as ReadonlySet<number>).has(reply.reasonCode), code)
  }
  for (const { reasonCode } of Object.values(endings)) {
    t.ok((reasonCodesOf.DISCONNECT.server as ReadonlySet<number>).has(reasonCode))
  }
})

t.test('no acknowledgement ends the delivery of what may pass later', async t => {
  for (const code of codes) {
    if (messageReply5(code).act !== 'acknowledge') continue
    // When an operator has mended it is not soon, and nobody knows when.
    t.ok(!retryable(code) || refusals[code].retry === 'when-mended', code)
    t.equal(messageReply4(code), 'refuse')
  }
})

t.test('the table of the README is the table of the code', async t => {
  const lines = readFileSync(new URL('./README.md', import.meta.url), 'utf8').split('\n')
  for (const code of codes) {
    const { connack } = replies[code]
    const reply = messageReply5(code)
    const five = reply.act === 'retry' ? 'withheld' : `${reply.act === 'disconnect' ? 'DISCONNECT ' : ''}${shown(reply.reasonCode)}`
    const four = { refuse: '`onRefused`', retry: 'withheld', close: 'closed' }[messageReply4(code)]
    const row = `| \`${code}\` | ${shown(connack[5])} | ${connack[4]} | ${five}${code === 'malformed' ? '; a bad topic 0x90' : ''} | ${four} |`
    t.ok(lines.includes(row), row)
  }
})

t.test('answers are packets that a client can read', async t => {
  const five = { version: 5, packetBytesMax: 1_000 } as const
  const reader = new PacketReader({ from: 'server', version: 5, packetBytesMax: 1_000, limits: codecLimits })
  reader.push(connackOf(refuse('overloaded', 'for a test', { retryAfterMs: 5 }), five))
  t.match(reader.next(), { type: 'CONNACK', reasonCode: 0x89, properties: { reasonString: 'for a test' } })
  const small = new PacketReader({ from: 'server', version: 5, packetBytesMax: 30, limits: codecLimits })
  small.push(connackOf(refuse('overloaded', 'x'.repeat(50)), { version: 5, packetBytesMax: 30 }))
  t.match(small.next(), { type: 'CONNACK', properties: { reasonString: undefined } }, 'reasons are left out where they do not fit')
  t.equal(disconnectOf(endings.silent, { version: 4, packetBytesMax: 1_000 }), undefined)
  t.equal(connackOfViolation(violationOf('truncated', 4), { version: 4, packetBytesMax: 1_000 }), undefined)
})
