// Proves that foreign text cannot do anything to a terminal, whatever is in it.

import t from 'tap'
import fc from 'fast-check'
import { renderEvent } from './tail-event.ts'
import { visible, visibleLine } from './terminal.ts'
import type { Colors } from './terminal.ts'

const commands = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
const plain: Colors = { bold: (text) => text, dim: (text) => text, red: (text) => text, green: (text) => text }

t.test('control characters are written as escapes', async (t) => {
  t.equal(visible('a\u001b[31mb\u0007\r\u009b'), 'a\\u001b[31mb\\u0007\\u000d\\u009b')
  t.equal(visible('\u202egnp.exe'), '\\u202egnp.exe')
  t.equal(visible('tab\tand\nline, \u00e9 \u{1f600}'), 'tab\tand\nline, \u00e9 \u{1f600}')
  t.equal(visibleLine('a\tb\nc'), 'a\\tb\\nc')
})

t.test('no bytes of an event reach a terminal as a command', async () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  fc.assert(fc.property(bytes, bytes, text, (key, value, name) => {
    const headers = [[name, value]] as const
    const event = { topic: name, place: { journal: name }, timestampMs: 0, key, value, headers }
    return !commands.test(renderEvent(event, plain))
  }), { numRuns: 500 })
})
